//! Sending through a ring of many producers in one order. Section 11 of the
//! specification.

use std::sync::atomic::Ordering;

use crate::claim::Claim;
use crate::data::Data;
use crate::endpoint::End;
use crate::error::{Error, Result};
use crate::granules::{granules, records};
use crate::layout::{GRANULE_COMMITTED, GRANULE_PAD, SPAN_SHIFT};
use crate::ring::Role;

pub(crate) struct GranuleOut {
    claim: Claim,
    records: Data,
    /// The consumer's position when last looked at.
    head: u64,
    /// Bytes of the open reservation, whose granules are the last of the claim.
    open: Option<u64>,
    /// Granules of the claim that are staged, padding among them.
    filled: u64,
    /// Where the records that are staged and not published start, and their bytes.
    starts: Vec<u64>,
    staged_bytes: u64,
}

impl GranuleOut {
    pub fn new(claim: Claim) -> Self {
        Self {
            records: records(&claim.tickets.ring),
            head: claim.other(),
            claim,
            open: None,
            filled: 0,
            starts: Vec::new(),
            staged_bytes: 0,
        }
    }

    /// Messages committed in this place, by all its holders.
    pub fn committed(&self) -> u64 {
        self.claim.entry.member.sent.load(Ordering::Acquire)
    }

    pub fn staged(&self) -> u64 {
        self.starts.len() as u64
    }

    /// Claims the granules of a record of `n` bytes in one piece: behind what is staged, or
    /// after publishing that, where others have come between.
    pub fn make_room(&mut self, n: u64, end: &mut End) -> Result<()> {
        let k = granules(n);
        loop {
            let c = &mut self.claim;
            let size = c.tickets.size;
            let t = c.counter();
            let rest = size - (t & (size - 1));
            let pad = if k > rest { rest } else { 0 };
            let together = t == c.held.wrapping_add(c.claimed)
                && c.claimed + pad + k <= c.tickets.intents.most();
            if !self.starts.is_empty() && !together {
                self.publish();
                end.shown();
            }
            let needed = t.wrapping_add(pad + k);
            if needed.wrapping_sub(self.head) as i64 > size as i64
                && self.look_for_room(t, pad + k, end.sleeper.idle)?
            {
                continue;
            }
            if !self.claim.draw(t, pad + k) {
                continue;
            }
            if pad > 0 {
                self.pad(t, pad);
            }
            return Ok(());
        }
    }

    /// Fills `pad` granules from ticket `t`, which are the first of what was just drawn.
    fn pad(&mut self, t: u64, pad: u64) {
        let c = &mut self.claim;
        if self.starts.is_empty() {
            // Before: padding is no message, and its granules may be others' again soon.
            let behind = t.wrapping_add(pad);
            c.entry.member.drawn.store(behind, Ordering::Release);
            c.held = behind;
            c.claimed -= pad;
        } else {
            self.filled += pad;
        }
        let word = c.tickets.word(t, GRANULE_PAD);
        c.tickets.at(t).store(word, Ordering::Release); // [P1] pairs with Tickets::load
    }

    /// Looks whether `need` granules from `t` on are free. True: `t` is out of date, or
    /// somebody's death was in the way.
    fn look_for_room(&mut self, t: u64, need: u64, idle: u32) -> Result<bool> {
        let c = &mut self.claim;
        let head = c.other(); // [C1] pairs with the stores in GranuleIn
        if t.wrapping_sub(head) > c.tickets.size {
            if c.counter() != t {
                return Ok(true);
            }
            return Err(Error::Corrupt(format!(
                "expected tail {t} at most {} ahead of head, found {head}",
                c.tickets.size
            )));
        }
        self.head = head;
        if t.wrapping_add(need).wrapping_sub(head) <= c.tickets.size {
            return Ok(false);
        }
        c.undrawn(t, 0);
        if c.is_due(idle) && c.tickets.repair_granules(head, None)? > 0 {
            return Ok(true);
        }
        Err(Error::Full)
    }

    /// Whether the consumer has gone on since there was no room.
    pub fn changed(&self) -> bool {
        self.claim.tickets.counter(Role::Consumer) != self.head
    }

    pub fn reserve(&mut self, n: u64) {
        self.open = Some(n);
    }

    fn next(&self) -> u64 {
        self.claim.held.wrapping_add(self.filled)
    }

    pub fn room(&mut self) -> &mut [u8] {
        let n = self.open.unwrap_or(0);
        self.records.room(self.next(), n as usize)
    }

    pub fn room_ref(&self) -> &[u8] {
        self.records
            .payload(self.next(), self.open.unwrap_or(0) as usize)
    }

    /// Settles the reservation with its first `n` bytes, to be seen with the next publish. It
    /// keeps the granules that it has.
    pub fn stage(&mut self, n: u64) {
        let span = granules(self.open.take().unwrap_or(n));
        let at = self.next();
        self.records
            .word(at)
            .store(span << SPAN_SHIFT | n, Ordering::Relaxed);
        self.starts.push(at);
        self.filled += span;
        self.staged_bytes += n;
    }

    /// Publishes what is staged, the first record first: a producer that dies on the way has
    /// sent what came before. Each is counted by itself, drawn before base: in between
    /// nothing looks as if it had to be added to the count.
    pub fn publish(&mut self) {
        let c = &mut self.claim;
        let m = &c.entry.member;
        for &at in &self.starts {
            let sent = m.sent.load(Ordering::Relaxed);
            // These and sent pair with the loads in Tickets::inherit, of a successor.
            m.drawn.store(at, Ordering::Release);
            m.base.store(sent, Ordering::Release);
            let word = c.tickets.word(at, GRANULE_COMMITTED);
            c.tickets.at(at).store(word, Ordering::Release); // [P1] pairs with Tickets::load
            m.sent.store(sent.wrapping_add(1), Ordering::Release);
        }
        let bytes = m.sent_bytes.load(Ordering::Relaxed);
        m.sent_bytes
            .store(bytes.wrapping_add(self.staged_bytes), Ordering::Release);
        c.held = c.held.wrapping_add(self.filled);
        c.claimed -= self.filled;
        self.filled = 0;
        self.starts.clear();
        self.staged_bytes = 0;
    }

    /// Gives the open reservation up. True: the consumer may wait behind it.
    pub fn abort(&mut self) -> bool {
        self.open = None;
        let given_up = self.claim.claimed > self.filled;
        self.claim.skip(self.filled);
        given_up
    }

    /// Gives the open reservation and all that is staged up.
    pub fn give_up(&mut self) {
        self.open = None;
        self.starts.clear();
        self.staged_bytes = 0;
        self.filled = 0;
        self.claim.skip(0);
    }
}
