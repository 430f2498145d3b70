//! The receiving end of a stream. Sections 4 and 5 of the specification.

use std::sync::atomic::Ordering;

use crate::data::AHEAD;
use crate::error::{Error, Result};
use crate::layout::{RECORD_COMMITTED, RECORD_PAD, WORD_SIZE};
use crate::ring::Ring;
use crate::stream::{fits, rest, Stream};

/// A message that was found and not released: where it lies.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Found {
    pub pos: u64,
    pub len: usize,
    /// The position behind it.
    pub end: u64,
}

/// So many messages without a wait make a stream.
const STREAM: u64 = 4;
/// Pauses; some microseconds.
const REST: u64 = 400;

pub(crate) struct LaneIn {
    pub stream: Stream,
    /// The next message, or padding before it; all before it is released, but for padding.
    pub pos: u64,
    messages: u64,
    bytes: u64,
    /// The position at which the producer was last told of space.
    owed: u64,
    /// How much space is worth a wake.
    quarter: u64,
    /// The word at `pos` when there was nothing.
    seen: u64,
    /// The position at which to ask for more cache lines.
    ahead: u64,
    /// The producer has come at least so far.
    tail: u64,
    /// Messages when it last caught up with the producer, and the position of the last rest.
    caught: u64,
    rested: u64,
    /// It held what no correct producer writes, and is left alone.
    pub dead: bool,
}

impl LaneIn {
    /// Goes on where a predecessor has released up to.
    pub fn new(ring: &Ring, lane: Option<u64>) -> Self {
        let stream = Stream::of(ring, lane);
        let pos = stream.consumer.position.load(Ordering::Acquire);
        let messages = stream.consumer.messages.load(Ordering::Acquire);
        Self {
            pos,
            messages,
            caught: messages,
            rested: pos,
            bytes: stream.consumer.bytes.load(Ordering::Acquire),
            owed: pos,
            quarter: (stream.size / 4).max(1),
            seen: 0,
            ahead: pos,
            tail: pos,
            dead: false,
            stream,
        }
    }

    /// Refuses a position at which no message can be.
    pub fn check(&self) -> Result<()> {
        if !self.stream.slots && self.pos & 7 != 0 {
            return Err(Error::Corrupt(format!(
                "expected a head that is a multiple of 8, found {}",
                self.pos
            )));
        }
        Ok(())
    }

    /// Looks at the next message.
    #[inline]
    pub fn next(&mut self) -> Result<Option<Found>> {
        let (pos, found) = self.look(self.pos)?;
        self.pos = pos;
        match &found {
            Some(f) if !self.stream.slots && !fits(f.end, self.ahead) => self.look_ahead(f.end),
            _ => {}
        }
        Ok(found)
    }

    /// Asks for the cache lines behind a record, which ends at `end`, before that is copied:
    /// a payload cannot be loaded before its header, and to wait for one line after the other
    /// costs more than all the rest. Not so near the producer: the lines it is writing are
    /// best left alone. It tells how far it has come with every sweep.
    fn look_ahead(&mut self, end: u64) {
        let s = &self.stream;
        let near = end.wrapping_sub(self.pos) < AHEAD; // these were asked for
        let at = end.wrapping_add(if near { AHEAD } else { 0 });
        self.ahead = end.wrapping_add(AHEAD);
        if !fits(at.wrapping_add(AHEAD), self.tail) {
            self.tail = s.producer.position.load(Ordering::Relaxed);
        }
        if fits(at.wrapping_add(AHEAD), self.tail) {
            s.data.prefetch(at);
        }
    }

    /// Stays off the lines that the producer is about to write, for a moment, when this has
    /// caught up with a stream of messages: each look takes such a line there and back, and
    /// the stream would become an exchange message by message. The moment grows with the
    /// length of the stream; after a single message there is none. True: look again.
    pub fn caught_up(&mut self) -> bool {
        let stream = self.messages.wrapping_sub(self.caught);
        self.caught = self.messages;
        if self.rested == self.pos || stream <= STREAM {
            return false;
        }
        self.rested = self.pos;
        rest(stream.min(REST));
        true
    }

    /// The next message of the only stream, where that takes no closer look.
    #[inline]
    pub fn take(&mut self, buf: &mut [u8]) -> Option<usize> {
        let s = &self.stream;
        let pos = self.pos;
        if s.slots || self.dead {
            return None;
        }
        let len = s
            .data
            .word(pos)
            .load(Ordering::Acquire)
            .wrapping_sub(RECORD_COMMITTED); // [P1] pairs with the stores in StreamOut::publish and put
        if len > s.rest(pos) - WORD_SIZE || len > s.max || len > buf.len() as u64 {
            return None;
        }
        let end = pos.wrapping_add(s.need(len));
        if !fits(end, self.ahead) {
            self.look_ahead(end);
        }
        let n = len as usize;
        buf[..n].copy_from_slice(self.stream.data.payload(pos, n));
        self.release(end, 1, len);
        Some(n)
    }

    /// Looks for a message at a position, or behind padding there: the position at which
    /// it is, or will be.
    #[inline]
    pub fn look(&mut self, mut pos: u64) -> Result<(u64, Option<Found>)> {
        let s = &self.stream;
        if s.slots {
            let w = s.data.word(pos).load(Ordering::Acquire); // [P1] pairs with the store in StreamOut::publish
            if w != s.slot_word(pos) {
                self.seen = w;
                return Ok((pos, None));
            }
            let found = Found {
                pos,
                len: s.max as usize,
                end: pos.wrapping_add(1),
            };
            return Ok((pos, Some(found)));
        }
        loop {
            let w = s.data.word(pos).load(Ordering::Acquire); // [P1] pairs with the stores in StreamOut::publish and pad
            let rest = s.rest(pos);
            let len = w.wrapping_sub(RECORD_COMMITTED);
            // Two comparisons refuse an empty word, padding, strange bits and a length beyond
            // the end, or beyond any that can be sent.
            if len <= rest - WORD_SIZE && len <= s.max {
                let found = Found {
                    pos,
                    len: len as usize,
                    end: pos.wrapping_add(s.need(len)),
                };
                return Ok((pos, Some(found)));
            }
            if w == 0 {
                self.seen = 0;
                return Ok((pos, None));
            }
            if rest == s.size || w != RECORD_COMMITTED | RECORD_PAD | (rest - WORD_SIZE) {
                return Err(Error::Corrupt(format!(
                    "expected the header of a record, found {w:#x} at position {pos}"
                )));
            }
            pos = pos.wrapping_add(rest);
        }
    }

    /// Whether something has come since there was nothing.
    #[inline]
    pub fn changed(&self) -> bool {
        !self.dead && self.stream.data.word(self.pos).load(Ordering::Acquire) != self.seen
    }

    /// The payload of what was found.
    #[inline]
    pub fn payload(&self, found: &Found) -> &[u8] {
        self.stream.data.payload(found.pos, found.len)
    }

    /// Gives `messages` of `bytes` bytes back, up to position `end`. True: enough to wake
    /// the producer.
    #[inline]
    pub fn release(&mut self, end: u64, messages: u64, bytes: u64) {
        self.messages = self.messages.wrapping_add(messages);
        self.bytes = self.bytes.wrapping_add(bytes);
        self.pos = end;
        let c = &self.stream.consumer;
        c.messages.store(self.messages, Ordering::Relaxed);
        c.bytes.store(self.bytes, Ordering::Relaxed);
        c.position.store(end, Ordering::Release); // [C1] pairs with the load in StreamOut::make_room
    }

    /// Whether a quarter is free since the producer was last told: then it is told now, so
    /// that it does not sleep and wake for every message.
    #[inline]
    pub fn is_due(&mut self) -> bool {
        let due = self.pos.wrapping_sub(self.owed) >= self.quarter;
        if due {
            self.owed = self.pos;
        }
        due
    }

    /// Whether the producer was not told of all space: it is now.
    pub fn settle(&mut self) -> bool {
        let released = self.stream.consumer.position.load(Ordering::Relaxed);
        let owing = self.owed != released;
        self.owed = released;
        owing
    }
}
