//! A stream of one producer: an SPSC ring, or a lane of an MPSC ring. What both of its
//! ends know. Sections 4, 5 and 10 of the specification.

use crate::data::Data;
use crate::layout::{self, Cursor};
use crate::map::Shared;
use crate::ring::Ring;

/// Where a stream lies, and what its words look like.
pub(crate) struct Stream {
    pub data: Data,
    /// The line that its producer stores to.
    pub producer: Shared<Cursor>,
    /// The line that the consumer stores to.
    pub consumer: Shared<Cursor>,
    /// Bytes or slots.
    pub size: u64,
    pub slots: bool,
    /// The most bytes of a message; of slots: the bytes of each.
    pub max: u64,
    /// Bytes of a slot with its word.
    pub slot_stride: u64,
    bits: u32,
}

impl Stream {
    /// The stream of a ring of one producer, or lane `lane`.
    pub fn of(ring: &Ring, lane: Option<u64>) -> Self {
        let (g, map) = (&ring.inner.geometry, &ring.inner.region.map);
        let (at, producer, consumer) = match lane {
            None => (g.data_area, g.producer_area, g.consumer_area),
            Some(i) => (
                g.data_area + i * g.lane_stride,
                g.lane_producers + i * g.stride,
                g.lane_consumers + i * g.stride,
            ),
        };
        let slots = g.kind == layout::KIND_SLOTS;
        Self {
            data: if slots {
                Data::slots(map, at, g.capacity, g.slot_stride, g.slot_payload)
            } else {
                Data::records(map, at, g.capacity)
            },
            producer: map.line(producer),
            consumer: map.line(consumer),
            size: g.capacity,
            slots,
            max: g.max_message,
            slot_stride: g.slot_stride,
            bits: g.capacity.trailing_zeros(),
        }
    }

    /// The word of the committed slot at a position.
    #[inline]
    pub fn slot_word(&self, pos: u64) -> u64 {
        (pos >> self.bits) << layout::SLOT_LAP_SHIFT | layout::SLOT_COMMITTED
    }

    /// What a message of `n` bytes adds to the position.
    #[inline]
    pub fn need(&self, n: u64) -> u64 {
        if self.slots {
            1
        } else {
            layout::WORD_SIZE + n.next_multiple_of(layout::WORD_SIZE)
        }
    }

    /// How many pauses a producer makes between two looks for room: each takes the line away
    /// from the consumer, who stores to it for every message.
    pub fn step(&self) -> u32 {
        let bytes = self.size * self.slot_stride.max(1);
        (bytes / 4096).clamp(1, 64) as u32
    }

    /// What is left from a position to the end of data, in kind bytes.
    #[inline]
    pub fn rest(&self, pos: u64) -> u64 {
        self.size - (pos & (self.size - 1))
    }
}

/// Tells the processor `n` times that this is a wait.
pub(crate) fn rest(n: u64) {
    for _ in 0..n {
        std::hint::spin_loop();
    }
}

/// Whether `end` lies not behind `limit`. Positions are compared by their difference, so
/// that they may run over.
#[inline]
pub(crate) fn fits(end: u64, limit: u64) -> bool {
    limit.wrapping_sub(end) as i64 >= 0
}
