//! The sending end of a stream: takeover, room, reservations, batches. Sections 4, 5
//! and 7 of the specification.

use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::layout::{RECORD_COMMITTED, RECORD_PAD, WORD_SIZE};
use crate::stream::{fits, rest, Stream};
use crate::stream_scan::{walk, wipe};

pub(crate) struct StreamOut {
    pub stream: Stream,
    pub pos: u64,
    /// A message may end here without a closer look.
    run: u64,
    /// `run`, but for a pending reservation or batch.
    free: u64,
    /// Kind bytes: from `pos` up to here the stream is zero.
    clean: u64,
    /// The consumer's position when last looked at.
    pub head: u64,
    /// That look brought little.
    scarce: bool,
    /// The position that was last stored for others.
    told: u64,
    /// Bytes of the open reservation.
    open: Option<u64>,
    /// Messages staged and not published.
    pub staged: u64,
    /// Position and word of the first of them, which is kept back: the consumer sees none
    /// before it sees that.
    first: (u64, u64),
}

impl StreamOut {
    /// Goes on behind what a predecessor has committed.
    pub fn take_over(stream: Stream) -> Result<Self> {
        let mut tail = stream.producer.position.load(Ordering::Acquire);
        let head = stream.consumer.position.load(Ordering::Acquire); // [C1] pairs with the store in LaneIn::release
        if !fits(head, tail) {
            tail = head;
        }
        if tail.wrapping_sub(head) > stream.size || (!stream.slots && (head | tail) & 7 != 0) {
            return Err(Error::Corrupt(format!(
                "expected a tail at most {} ahead of the head, both multiples of 8 in records; found {tail} and {head}",
                stream.size
            )));
        }
        let limit = head.wrapping_add(stream.size);
        let pos = walk(&stream, tail, limit)?;
        if stream.slots {
            wipe(&stream, pos, limit);
        }
        stream.producer.position.store(pos, Ordering::Release);
        Ok(Self {
            stream,
            pos,
            run: pos,
            free: pos,
            clean: pos,
            head,
            scarce: false,
            told: pos,
            open: None,
            staged: 0,
            first: (pos, 0),
        })
    }

    /// Where the committed messages end.
    pub fn committed(&self) -> u64 {
        if self.staged > 0 {
            self.first.0
        } else {
            self.pos
        }
    }

    /// Stores how far this producer has committed. A successor starts from there, and a
    /// consumer asks for cache lines up to there.
    pub fn tell(&mut self) {
        self.told = self.committed();
        // A lower bound: pairs with the load in take_over, which goes on by [P1].
        self.stream
            .producer
            .position
            .store(self.told, Ordering::Release);
    }

    /// The quick look: room enough, nothing open.
    #[inline]
    pub fn has_room(&self, n: u64) -> bool {
        fits(self.pos.wrapping_add(self.stream.need(n)), self.run)
    }

    /// Allows sends up to `free`, unless something is pending.
    fn settle(&mut self) {
        let pending = self.staged > 0 || self.open.is_some();
        self.run = if pending { self.pos } else { self.free };
    }

    /// Finds out whether a message of `n` bytes fits, and moves behind padding where it
    /// does not fit before the end of data.
    pub fn make_room(&mut self, n: u64) -> Result<()> {
        let need = self.stream.need(n);
        if fits(self.pos.wrapping_add(need), self.free) {
            return Ok(());
        }
        if self.scarce {
            rest(self.stream.step().into()); // in a full ring, look less often
        }
        let head = self.stream.consumer.position.load(Ordering::Acquire); // [C1] pairs with the store in LaneIn::release
        let committed = self.committed();
        let gone = head.wrapping_sub(self.head);
        if gone > committed.wrapping_sub(self.head) || (!self.stream.slots && head & 7 != 0) {
            return Err(Error::Corrupt(format!(
                "expected a head from {} to {committed}, found {head}",
                self.head
            )));
        }
        self.scarce = gone < self.stream.size / 16;
        self.head = head;
        self.tell();
        if self.stream.slots {
            self.free = head.wrapping_add(self.stream.size);
        } else {
            let limit = head.wrapping_add(self.stream.size - WORD_SIZE); // the next header
            let mut lap = self.pos.wrapping_add(self.stream.rest(self.pos));
            self.free = limit;
            let crosses = !fits(self.pos.wrapping_add(need), lap);
            if crosses && fits(lap.wrapping_add(need), limit) {
                self.pad(lap);
                lap = lap.wrapping_add(self.stream.size);
            }
            if fits(lap, limit) {
                self.free = lap;
            }
        }
        self.settle();
        if fits(self.pos.wrapping_add(need), self.free) {
            Ok(())
        } else {
            Err(Error::Full)
        }
    }

    /// Makes the header word at `end` zero: and more behind it if messages are small, to
    /// claim the cache lines of many records together.
    #[cold]
    fn sweep(&mut self, end: u64, need: u64) {
        let mut n = WORD_SIZE;
        // Not beyond what is free, nor the end of data.
        if need <= 256 && !fits(self.free, end) {
            n = n.max(
                1024.min(self.free.wrapping_sub(end))
                    .min(self.stream.rest(end)),
            );
        }
        self.stream.data.clear(end, n);
        self.clean = end.wrapping_add(n);
        self.tell();
    }

    /// Fills the stream up to position `lap`, where it wraps.
    fn pad(&mut self, lap: u64) {
        let pos = self.pos;
        let word = RECORD_COMMITTED | RECORD_PAD | (lap.wrapping_sub(pos) - WORD_SIZE);
        self.sweep(lap, u64::MAX);
        self.pos = lap;
        if self.staged > 0 {
            self.stream.data.word(pos).store(word, Ordering::Relaxed); // a part of the batch
        } else {
            self.stream.data.word(pos).store(word, Ordering::Release); // [P1] pairs with the load in LaneIn::look
        }
    }

    /// Commits a copy for which there is room: a reservation and its commit in one, of which
    /// nothing need be noted.
    #[inline]
    pub fn put(&mut self, message: &[u8]) {
        let n = message.len() as u64;
        let (pos, need) = (self.pos, self.stream.need(n));
        let end = pos.wrapping_add(need);
        let word = if self.stream.slots {
            self.stream.slot_word(pos)
        } else {
            if !fits(end.wrapping_add(WORD_SIZE), self.clean) {
                self.sweep(end, need);
            }
            RECORD_COMMITTED | n
        };
        let data = &mut self.stream.data;
        data.room(pos, message.len()).copy_from_slice(message);
        data.word(pos).store(word, Ordering::Release); // [P1] pairs with the load in LaneIn::look
        self.pos = end;
        self.tell_slots();
    }

    /// Tells now and then how far slots have come; records do so with each sweep.
    #[inline]
    fn tell_slots(&mut self) {
        let ahead = self.pos.wrapping_sub(self.told);
        if self.stream.slots && ahead * self.stream.slot_stride >= 256 {
            self.tell();
        }
    }

    /// Opens a reservation of `n` bytes, for which there is room.
    #[inline]
    pub fn reserve(&mut self, n: u64) {
        self.open = Some(n);
        self.run = self.pos;
    }

    /// The bytes of the open reservation.
    #[inline]
    pub fn room(&mut self) -> &mut [u8] {
        let n = self.open.unwrap_or(0);
        self.stream.data.room(self.pos, n as usize)
    }

    #[inline]
    pub fn room_ref(&self) -> &[u8] {
        self.stream
            .data
            .payload(self.pos, self.open.unwrap_or(0) as usize)
    }

    /// Stages a word: not before the first of its batch is published is it seen.
    #[inline]
    fn hold(&mut self, pos: u64, word: u64) {
        if self.staged == 0 {
            self.first = (pos, word);
        } else {
            self.stream.data.word(pos).store(word, Ordering::Relaxed);
        }
        self.staged += 1;
    }

    /// Settles the reservation with its first `n` bytes, to be seen with the next publish.
    #[inline]
    pub fn stage(&mut self, n: u64) {
        let room = self.open.take().unwrap_or(0);
        let pos = self.pos;
        self.pos = pos.wrapping_add(self.stream.need(n));
        if self.stream.slots {
            self.hold(pos, self.stream.slot_word(pos));
        } else {
            self.hold(pos, RECORD_COMMITTED | n);
            if self.stream.need(n) != self.stream.need(room) {
                self.clean = self.pos; // the caller may have written behind it
            }
            if !fits(self.pos.wrapping_add(WORD_SIZE), self.clean) {
                self.sweep(self.pos, self.stream.need(n));
            }
        }
        self.run = self.pos;
    }

    /// Makes every staged message visible, all at once.
    #[inline]
    pub fn publish(&mut self) {
        let (pos, word) = self.first;
        self.staged = 0;
        self.settle();
        self.stream.data.word(pos).store(word, Ordering::Release); // [P1] pairs with the load in LaneIn::look
        self.tell_slots();
    }

    /// Gives the open reservation up.
    pub fn abort(&mut self) {
        if self.open.take().is_some() {
            self.clean = self.pos; // the caller may have written into it
            self.settle();
        }
    }

    /// Gives the open reservation and all that is staged up.
    pub fn give_up(&mut self) {
        self.open = None;
        self.pos = self.committed();
        self.staged = 0;
        self.clean = self.pos;
        self.run = self.pos;
        self.free = self.pos;
    }
}
