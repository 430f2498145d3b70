//! Memory that is shared with other processes, and every pointer into it. What is
//! handed out from here is checked once, against the size of the mapping.

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::sync::Arc;

use crate::layout;

/// A mapped file, unmapped when the last view of it is dropped.
#[derive(Debug)]
pub(crate) struct Mapping {
    base: NonNull<u8>,
    len: usize,
}

// SAFETY: the mapping stays where it is until it is dropped, whatever thread does
// that; all access to it is by atomics, or by the rules of Data.
unsafe impl Send for Mapping {}
// SAFETY: likewise.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `len` bytes of a file, which has so many.
    pub fn new(file: &File, len: u64, writable: bool) -> io::Result<Arc<Self>> {
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::OutOfMemory)?;
        let prot = if writable {
            libc::PROT_READ | libc::PROT_WRITE
        } else {
            libc::PROT_READ
        };
        // SAFETY: a new mapping, of no memory that Rust knows of.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                len,
                prot,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        // A forked child shares the locks but not the thread that uses them. Where the
        // kernel refuses, nothing is worse than it was before.
        // SAFETY: the whole of a mapping of our own.
        unsafe { libc::madvise(base, len, libc::MADV_DONTFORK) };
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        Ok(Arc::new(Self { base, len }))
    }

    /// Checks that `size` bytes lie at `offset`, as words, and returns where.
    fn at(&self, offset: u64, size: u64) -> NonNull<u8> {
        let end = offset.checked_add(size);
        assert!(
            offset % 8 == 0 && end.is_some_and(|end| end <= self.len as u64),
            "{size} bytes at {offset} are not within a mapping of {}",
            self.len
        );
        // SAFETY: within the mapping, as was just checked.
        unsafe { self.base.add(offset as usize) }
    }

    /// The line of control words at an offset.
    pub fn line<T: Line>(self: &Arc<Self>, offset: u64) -> Shared<T> {
        let at = self.at(offset, std::mem::size_of::<T>() as u64);
        Shared {
            at: at.cast(),
            _map: Arc::clone(self),
            of: PhantomData,
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // SAFETY: our own mapping, and nobody has a view of it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.len) };
    }
}

/// What may be laid over shared memory.
///
/// # Safety
///
/// All of its bytes must be atomics, whose alignment is at most 8.
pub(crate) unsafe trait Line {}

// SAFETY: made of AtomicU32 and AtomicU64 only, as the generator writes them.
unsafe impl Line for layout::Cursor {}
// SAFETY: likewise.
unsafe impl Line for layout::Seq {}
// SAFETY: likewise.
unsafe impl Line for layout::Arm {}
// SAFETY: likewise.
unsafe impl Line for layout::Endpoint {}
// SAFETY: likewise.
unsafe impl Line for layout::Member {}
// SAFETY: likewise.
unsafe impl Line for layout::Holder {}
// SAFETY: likewise.
unsafe impl Line for layout::CellState {}
// SAFETY: likewise.
unsafe impl Line for Semaphore {}

/// A `sem_t` of glibc, of which processes here know the second word.
#[repr(C, align(8))]
#[derive(Debug)]
pub(crate) struct Semaphore(pub [AtomicU32; layout::SEM_SIZE as usize / 4]);

/// A line of control words in shared memory, which it keeps mapped.
#[derive(Debug)]
pub(crate) struct Shared<T> {
    at: NonNull<T>,
    _map: Arc<Mapping>,
    of: PhantomData<T>,
}

// SAFETY: what it refers to is made of atomics, in a mapping that is Send and Sync.
unsafe impl<T: Line> Send for Shared<T> {}
// SAFETY: likewise.
unsafe impl<T: Line> Sync for Shared<T> {}

impl<T> Clone for Shared<T> {
    fn clone(&self) -> Self {
        Self {
            at: self.at,
            _map: Arc::clone(&self._map),
            of: PhantomData,
        }
    }
}

impl<T> Deref for Shared<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: Mapping::line has checked the place, `_map` keeps it mapped, and T is
        // made of atomics, so that others may store to it meanwhile.
        unsafe { self.at.as_ref() }
    }
}

/// The part of a mapping where messages lie: words at positions, and payloads behind
/// them. Positions only grow; the place is the remainder by the capacity.
#[derive(Debug)]
pub(crate) struct Data {
    base: NonNull<u8>,
    /// Capacity - 1: in bytes, or in slots.
    mask: u64,
    /// Bytes from slot to slot; 0: positions count bytes.
    stride: u64,
    /// Where the payload begins behind the word's place.
    payload: u64,
    /// Payloads may reach into the slots behind their own.
    whole: bool,
    _map: Arc<Mapping>,
}

// SAFETY: words are atomics; payloads are reached by &mut self, or belong to messages
// that the protocol keeps their producers from overwriting.
unsafe impl Send for Data {}

impl Data {
    /// Records in `capacity` bytes at `offset`.
    pub fn records(map: &Arc<Mapping>, offset: u64, capacity: u64) -> Self {
        assert!(capacity.is_power_of_two() && capacity >= 8);
        Self {
            base: map.at(offset, capacity),
            mask: capacity - 1,
            stride: 0,
            payload: 8,
            whole: true,
            _map: Arc::clone(map),
        }
    }

    /// `capacity` slots at `offset`.
    pub fn slots(
        map: &Arc<Mapping>,
        offset: u64,
        capacity: u64,
        stride: u64,
        payload: u64,
    ) -> Self {
        assert!(capacity.is_power_of_two() && stride % 8 == 0);
        assert!(payload >= 8 && payload <= stride);
        Self {
            base: map.at(offset, capacity * stride),
            mask: capacity - 1,
            stride,
            payload,
            whole: false,
            _map: Arc::clone(map),
        }
    }

    /// Slots of which a payload may take several, up to the end of data.
    pub fn pieces(
        map: &Arc<Mapping>,
        offset: u64,
        capacity: u64,
        stride: u64,
        payload: u64,
    ) -> Self {
        Self {
            whole: true,
            ..Self::slots(map, offset, capacity, stride, payload)
        }
    }

    /// The two copies of a cell, of `size` bytes each: positions are versions.
    pub fn copies(map: &Arc<Mapping>, offset: u64, size: u64) -> Self {
        assert!(size % 8 == 0);
        Self {
            base: map.at(offset, 2 * size),
            mask: 1,
            stride: size,
            payload: 0,
            whole: false,
            _map: Arc::clone(map),
        }
    }

    /// Where the record or slot at a position begins, and how many bytes there are to
    /// the end of data or of the slot.
    #[inline]
    fn place(&self, pos: u64) -> (u64, u64) {
        if self.stride == 0 {
            let i = pos & self.mask & !7;
            (i, self.mask + 1 - i)
        } else {
            let i = (pos & self.mask) * self.stride;
            let rest = (self.mask + 1) * self.stride - i;
            (i, if self.whole { rest } else { self.stride })
        }
    }

    /// The word of the record or slot at a position.
    #[inline]
    pub fn word(&self, pos: u64) -> &AtomicU64 {
        let (i, _) = self.place(pos);
        // SAFETY: the mask keeps i within what the constructor has checked, and it is a
        // multiple of 8.
        unsafe { self.base.add(i as usize).cast::<AtomicU64>().as_ref() }
    }

    /// The second word of a slot, which holds the length in rings that have one.
    #[inline]
    pub fn length(&self, pos: u64) -> &AtomicU64 {
        assert!(self.payload >= 16);
        let (i, _) = self.place(pos);
        // SAFETY: as for word; a slot has its payload's offset at least.
        unsafe { self.base.add(i as usize + 8).cast::<AtomicU64>().as_ref() }
    }

    /// The payload of a committed message of `n` bytes. What is committed stays as it
    /// is until this consumer has released it.
    #[inline]
    pub fn payload(&self, pos: u64, n: usize) -> &[u8] {
        let (i, rest) = self.place(pos);
        assert!(
            self.payload + n as u64 <= rest,
            "{n} bytes at position {pos}"
        );
        // SAFETY: within the data, as was just checked. The protocol keeps producers
        // from storing there until the message is released, which takes &mut of the
        // consumer that lends the slice out.
        unsafe {
            std::slice::from_raw_parts(self.base.add((i + self.payload) as usize).as_ptr(), n)
        }
    }

    /// Room for a payload of `n` bytes at a position that is claimed by this producer
    /// and not committed. It holds anything.
    #[inline]
    pub fn room(&mut self, pos: u64, n: usize) -> &mut [u8] {
        let (i, rest) = self.place(pos);
        assert!(
            self.payload + n as u64 <= rest,
            "{n} bytes at position {pos}"
        );
        // SAFETY: within the data, as was just checked. Nobody else stores to room that
        // is claimed, and no consumer looks there before it is committed.
        unsafe {
            std::slice::from_raw_parts_mut(self.base.add((i + self.payload) as usize).as_ptr(), n)
        }
    }

    /// Stores 0 to the words of `n` bytes from a position, as far as the end of data.
    pub fn clear(&self, pos: u64, n: u64) {
        debug_assert!(self.stride == 0);
        let (_, rest) = self.place(pos);
        for at in (0..n.min(rest)).step_by(8) {
            self.word(pos + at).store(0, Ordering::Relaxed);
        }
    }

    /// Copies a payload that may be overwritten meanwhile: word by word, each of which
    /// is what it was at some time. The caller finds out what the copy is worth.
    pub fn copy_torn(&self, pos: u64, dst: &mut [u8]) {
        let (i, rest) = self.place(pos);
        let n = dst.len() as u64;
        assert!(
            self.payload + n.next_multiple_of(8) <= rest,
            "{n} bytes at {pos}"
        );
        let from = (i + self.payload) as usize;
        for (k, chunk) in dst.chunks_mut(8).enumerate() {
            // SAFETY: within the data, as was just checked, and a multiple of 8: i and
            // payload are.
            let word = unsafe { self.base.add(from + 8 * k).cast::<AtomicU64>().as_ref() };
            let bytes = word.load(Ordering::Relaxed).to_ne_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }

    /// Stores a payload that may be copied meanwhile, word by word.
    pub fn store_torn(&self, pos: u64, src: &[u8]) {
        let (i, rest) = self.place(pos);
        let n = src.len() as u64;
        assert!(
            self.payload + n.next_multiple_of(8) <= rest,
            "{n} bytes at {pos}"
        );
        let from = (i + self.payload) as usize;
        for (k, chunk) in src.chunks(8).enumerate() {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            // SAFETY: as in copy_torn.
            let word = unsafe { self.base.add(from + 8 * k).cast::<AtomicU64>().as_ref() };
            word.store(u64::from_ne_bytes(bytes), Ordering::Relaxed);
        }
    }
}
