//! The sending end of a broadcast ring. Section 12 of the specification.

use std::sync::atomic::{fence, Ordering};

use crate::cast::{need, Begin, Cast};
use crate::error::{Error, Result};
use crate::layout::{self, CAST_NUMBER_SHIFT, CAST_PAD, WORD_SIZE};
use crate::ring::{Ring, Role};
use crate::side::{Entry, Side};

/// Bounds how far intent is raised beyond what is needed: a consumer that slow is overrun
/// so much earlier.
const MAX_AHEAD: u64 = 8 << 10;

pub(crate) struct CastOut {
    pub(crate) ring: Ring,
    pub(crate) cast: Cast,
    pub(crate) consumers: Side,
    pub(crate) entries: Vec<Entry>,
    /// For consumers; and rather than wait it drops.
    pub(crate) waits: bool,
    pub(crate) drops: bool,
    pub(crate) pos: u64,
    /// Intent: what lies more than a ring before it may be gone.
    pub(crate) raised: u64,
    /// The last published record.
    pub(crate) latest: u64,
    /// By how much intent is raised beyond what is needed.
    pub(crate) ahead: u64,
    /// Messages published, and their bytes.
    pub(crate) number: u64,
    pub(crate) bytes: u64,
    /// Where the record of the open reservation goes, and that it comes to nothing.
    pub(crate) at: u64,
    pub(crate) dropping: bool,
    /// What is reserved lies here: in the ring consumers may be copying what was there.
    pub(crate) scratch: Vec<u8>,
    pub(crate) open: bool,
    pub staged: u64,
    pub(crate) staged_bytes: u64,
    /// The last staged record, and where the batch begins.
    pub(crate) last_staged: u64,
    pub(crate) batch: u64,
    /// Who was in the way, and where: an index of entries.
    pub(crate) slow: Option<(usize, u64)>,
    pub(crate) kept: u64,
    pub(crate) vain: u32,
}

impl CastOut {
    /// Goes on behind what is committed. A record that a predecessor was writing is lost.
    pub fn take_over(ring: &Ring) -> Result<Self> {
        let cast = Cast::of(ring);
        let place = cast.place(Begin::Behind)?;
        let cursor = &cast.producer.cursor;
        let tail = cast.tail();
        let mut latest = cursor.latest.load(Ordering::Acquire);
        let raised = cast.producer.endpoint.intent.load(Ordering::Acquire);
        // A latest that was not committed says nothing of what may be overwritten.
        if latest.wrapping_sub(tail) as i64 > 0 {
            latest = tail;
        }
        if place.pos != tail
            || raised.wrapping_sub(tail) > cast.size
            || tail.wrapping_sub(latest) > cast.size
            || (raised | latest) & 7 != 0
        {
            return Err(Error::Corrupt(format!(
                "expected the last record to end at tail {tail}, and intent a ring ahead at the most, found {}, latest {latest}, intent {raised}",
                place.pos
            )));
        }
        cursor.messages.store(place.number, Ordering::Release); // pairs with the load in Cast::place
        Ok(Self {
            consumers: Side::of(ring, Role::Consumer),
            entries: Entry::all(ring),
            waits: ring.waits_for_consumers(),
            drops: ring.requires(layout::FEATURE_DROP),
            pos: tail,
            raised,
            latest,
            ahead: (cast.size / 8).min(MAX_AHEAD),
            number: place.number,
            bytes: cursor.bytes.load(Ordering::Acquire),
            at: tail,
            dropping: false,
            scratch: Vec::new(),
            open: false,
            staged: 0,
            staged_bytes: 0,
            last_staged: tail,
            batch: tail,
            slow: None,
            kept: tail,
            vain: 0,
            ring: ring.clone(),
            cast,
        })
    }

    /// Where the committed messages end.
    pub fn committed(&self) -> u64 {
        if self.staged > 0 {
            self.batch
        } else {
            self.pos
        }
    }

    /// Messages dropped in place of waiting, by this producer and those before it.
    pub fn dropped(&self) -> u64 {
        self.cast.producer.cursor.dropped.load(Ordering::Relaxed)
    }

    /// Whether a record of `n` bytes fits behind the last one and is covered by intent.
    pub fn has_room(&self, n: u64) -> bool {
        let end = self.pos.wrapping_add(need(n));
        !self.open
            && self.raised.wrapping_sub(end) as i64 >= 0
            && need(n) <= self.cast.rest(self.pos)
    }

    /// Finds room for a record of `n` bytes, or decides to drop it.
    pub fn make_room(&mut self, n: u64, idle: u32) -> Result<()> {
        self.dropping = false;
        match self.room_for(n, idle) {
            Err(Error::Full) if self.drops => {
                if self.staged > 0 {
                    self.publish(); // it may be the own batch that is in the way
                    if self.room_for(n, idle).is_ok() {
                        return Ok(());
                    }
                }
                self.dropping = true;
                Ok(())
            }
            done => done,
        }
    }

    /// Where a record of `n` bytes goes: at `pos`, or behind padding.
    fn place_for(&self, n: u64) -> u64 {
        let rest = self.cast.rest(self.pos);
        if need(n) > rest {
            self.pos.wrapping_add(rest)
        } else {
            self.pos
        }
    }

    fn room_for(&mut self, n: u64, idle: u32) -> Result<()> {
        let end = self.place_for(n).wrapping_add(need(n));
        if self.raised.wrapping_sub(end) as i64 >= 0 {
            return Ok(());
        }
        let keep = if self.waits {
            self.slowest(end, idle)?
        } else {
            self.slow = None;
            self.latest
        };
        let mut limit = keep.wrapping_add(self.cast.size);
        if (limit.wrapping_sub(end) as i64) < 0 {
            return Err(Error::Full);
        }
        let ahead = end.wrapping_add(self.ahead);
        if !self.waits && limit.wrapping_sub(ahead) as i64 > 0 {
            limit = ahead;
        }
        if limit.wrapping_sub(self.raised) as i64 > 0 {
            self.raised = limit;
            // [B1] pairs with the load in Cast::is_untouched. No store to the data is seen
            // before it, nor it before what was published.
            let intent = &self.cast.producer.endpoint.intent;
            intent.swap(limit, Ordering::SeqCst);
            fence(Ordering::SeqCst);
        }
        Ok(())
    }

    /// Whether who was in the way has gone on.
    pub fn changed(&self) -> bool {
        match self.slow {
            Some((i, pos)) => self.entries[i].member.drawn.load(Ordering::Acquire) != pos,
            None => true,
        }
    }

    /// Opens a reservation of `n` bytes, for which there is room.
    pub fn reserve(&mut self, n: u64) {
        if !self.dropping {
            self.at = self.place_for(n);
        }
        self.scratch.resize(n as usize, 0);
        self.open = true;
    }

    pub fn room(&mut self) -> &mut [u8] {
        &mut self.scratch
    }

    pub fn room_ref(&self) -> &[u8] {
        &self.scratch
    }

    /// Settles the reservation with its first `n` bytes, to be seen with the next publish.
    pub fn stage(&mut self, n: u64) {
        self.open = false;
        if std::mem::replace(&mut self.dropping, false) {
            let dropped = &self.cast.producer.cursor.dropped;
            dropped.store(dropped.load(Ordering::Relaxed) + 1, Ordering::Release);
            return;
        }
        let number = self.number.wrapping_add(self.staged) << CAST_NUMBER_SHIFT;
        let data = &self.cast.data;
        if self.at != self.pos {
            let n = self.at.wrapping_sub(self.pos) - WORD_SIZE;
            data.word(self.pos)
                .store(number | CAST_PAD | n, Ordering::Relaxed);
        }
        data.word(self.at).store(number | n, Ordering::Relaxed);
        data.store_torn(self.at, &self.scratch[..n as usize]);
        if self.staged == 0 {
            self.batch = self.pos;
        }
        self.staged += 1;
        self.staged_bytes += n;
        self.last_staged = self.at;
        self.pos = self.at.wrapping_add(need(n));
    }

    /// Publishes what is staged. The order of the stores is that in which Cast::place
    /// loads.
    pub fn publish(&mut self) {
        self.number = self.number.wrapping_add(self.staged);
        self.bytes = self.bytes.wrapping_add(self.staged_bytes);
        self.latest = self.last_staged;
        self.staged = 0;
        self.staged_bytes = 0;
        let c = &self.cast.producer.cursor;
        c.latest.store(self.latest, Ordering::Release); // [B2] pairs with the loads in Cast::place
        c.position.store(self.pos, Ordering::Release); // [B2] pairs with the loads in Cast::tail
        c.messages.store(self.number, Ordering::Release); // pairs with the load in Cast::place
        c.bytes.store(self.bytes, Ordering::Release);
    }

    /// Gives the open reservation up.
    pub fn abort(&mut self) {
        self.open = false;
        self.dropping = false;
    }

    /// Gives the open reservation and all that is staged up.
    pub fn give_up(&mut self) {
        self.abort();
        self.pos = self.committed();
        self.staged = 0;
        self.staged_bytes = 0;
    }
}
