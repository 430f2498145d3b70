//! Where messages lie in shared memory, and every pointer to them. A position is masked, and
//! a length checked, before it is used.

use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use crate::map::Mapping;

/// How many bytes are asked for together.
pub(crate) const AHEAD: u64 = 256;

#[cfg(target_arch = "x86_64")]
#[inline]
fn prefetch(p: *const u8) {
    use std::arch::x86_64::{_mm_prefetch, _MM_HINT_T0};
    // SAFETY: a hint, of whatever address.
    unsafe { _mm_prefetch::<_MM_HINT_T0>(p.cast()) }
}

#[cfg(target_arch = "aarch64")]
#[inline]
fn prefetch(p: *const u8) {
    // SAFETY: a hint, of whatever address.
    unsafe {
        std::arch::asm!("prfm pldl1keep, [{0}]", in(reg) p, options(nostack, readonly, preserves_flags))
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
#[inline]
fn prefetch(_: *const u8) {}

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

    /// Makes `n` bytes from a position zero, as far as the end of data: a part of what is
    /// free, or the header behind the record at hand.
    #[inline]
    pub fn clear(&mut self, pos: u64, n: u64) {
        debug_assert!(self.stride == 0);
        let (i, rest) = self.place(pos);
        // SAFETY: within the data. This producer alone stores there, and no consumer looks
        // there before the record in front of it is committed.
        unsafe {
            self.base
                .add(i as usize)
                .as_ptr()
                .write_bytes(0, n.min(rest) as usize)
        }
    }

    /// Asks for the cache lines of the [`AHEAD`] bytes at a position. It never faults.
    #[inline]
    pub fn prefetch(&self, pos: u64) {
        let (i, rest) = self.place(pos);
        for at in (0..AHEAD.min(rest)).step_by(64) {
            // SAFETY: within the data.
            let line = unsafe { self.base.add((i + at) as usize) };
            prefetch(line.as_ptr());
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
