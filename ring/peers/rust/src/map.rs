//! Memory that is shared with other processes, and the pointers to its control words.
//! What is handed out from here is checked once, against the size of the mapping.

use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::ops::Deref;
use std::os::fd::AsRawFd;
use std::ptr::NonNull;
use std::sync::atomic::AtomicU32;
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
    pub fn at(&self, offset: u64, size: u64) -> NonNull<u8> {
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
