//! Receiving from an MPMC ring. Section 8 of the specification.

use std::sync::atomic::Ordering;

use crate::claim::{Claim, LONG_PATIENCE};
use crate::error::{Error, Result};
use crate::layout::{self, SLOT_COMMITTED, SLOT_FREE, SLOT_SKIP};
use crate::ring::Role;
use crate::stream_in::Found;
use crate::tickets::lap_word;

pub(crate) struct TicketIn {
    pub claim: Claim,
    /// Slots hold a length.
    variable: bool,
    /// Bytes of every message, or the most.
    max: u64,
    /// Tickets handed out of those held.
    given: u64,
    /// How often the message returned last was handed over from a dead consumer.
    pub redelivered: u32,
    /// Messages received, and how many of them when producers were last told.
    received: u64,
    owed: u64,
    quarter: u64,
}

impl TicketIn {
    pub fn new(claim: Claim, variable: bool, max: u64) -> Self {
        Self {
            quarter: (claim.tickets.size / 4).max(1),
            claim,
            variable,
            max,
            given: 0,
            redelivered: 0,
            received: 0,
            owed: 0,
        }
    }

    /// The session whose end was delivered before this consumer came, unless one that did
    /// not see it has died since.
    pub fn already_over(&self) -> Result<Option<u32>> {
        let t = &self.claim.tickets;
        let drained = t
            .side(Role::Consumer)
            .endpoint
            .drained
            .load(Ordering::Acquire);
        let closed = t
            .side(Role::Producer)
            .endpoint
            .closed
            .load(Ordering::Acquire);
        let over = drained != 0 && drained == closed && t.find_handed()?.is_none();
        Ok(over.then_some(drained))
    }

    /// Begins again with the first ticket that is held.
    pub fn begin(&mut self) {
        self.given = 0;
        self.redelivered = 0;
    }

    /// The next message: of those that are held, or one that is drawn. None: there is
    /// nothing, or nothing more that may be held together with what was given.
    pub fn next(&mut self, idle: u32) -> Result<Option<Found>> {
        let first = self.given == 0;
        loop {
            if self.given == self.claim.claimed && !self.draw(idle)? {
                return Ok(None);
            }
            let t = self.claim.held.wrapping_add(self.given);
            let w = self.claim.tickets.load(t);
            if w & layout::SLOT_STATE_MASK == SLOT_SKIP {
                self.given += 1;
                if first && self.given == self.claim.claimed {
                    // No message, but room that somebody may wait for.
                    self.owed = self.owed.wrapping_sub(self.given);
                    self.free();
                }
                continue;
            }
            let mut len = self.max;
            if self.variable {
                len = self.claim.tickets.slot().length(t).load(Ordering::Relaxed);
            }
            if len > self.max {
                return Err(Error::Corrupt(format!(
                    "expected a length of at most {}, found {len} at position {t}",
                    self.max
                )));
            }
            self.given += 1;
            let times = (w & layout::SLOT_REDELIVER_MASK) >> layout::SLOT_REDELIVER_SHIFT;
            self.redelivered = times as u32;
            return Ok(Some(Found {
                pos: t,
                len: len as usize,
                end: t.wrapping_add(1),
            }));
        }
    }

    /// Draws the next ticket, whose slot must be filled, behind those that are held if
    /// there are any. False: there is nothing, or it cannot be held together with them.
    fn draw(&mut self, idle: u32) -> Result<bool> {
        loop {
            let c = &mut self.claim;
            let h = c.counter();
            let w = c.tickets.load(h); // after the counter
            let behind = c.tickets.word(h, 0).wrapping_sub(w & !(lap_word(1, 0) - 1));
            let state = w & layout::SLOT_STATE_MASK;
            // What was handed over lies alone: redelivered speaks of one message.
            if c.claimed > 0
                && (h != c.held.wrapping_add(c.claimed)
                    || c.claimed == c.tickets.intents.most()
                    || self.redelivered > 0)
            {
                return Ok(false);
            }
            if behind == 0 && (state == SLOT_COMMITTED || state == SLOT_SKIP) {
                if c.draw(h, 1) {
                    return Ok(true);
                }
                continue;
            }
            if c.counter() != h {
                continue;
            }
            // Free, or still in the hands of who received it a lap ago.
            if state > SLOT_SKIP || behind > lap_word(1, 0) {
                return Err(c.impossible(h, w));
            }
            c.undrawn(h, w);
            if c.is_due(idle) {
                let again = self.rescue(h, w, idle)?;
                if self.claim.claimed > self.given {
                    return Ok(true);
                }
                if again {
                    continue;
                }
            }
            return Ok(false);
        }
    }

    /// Looks whether somebody's death keeps messages back: a claim in the way at ticket
    /// `h`, whose word is `w`, or messages in dead hands. True: look once more, or one is
    /// in hand.
    fn rescue(&mut self, h: u64, w: u64, idle: u32) -> Result<bool> {
        let c = &mut self.claim;
        if w == c.tickets.word(h, SLOT_FREE)
            && c.other() != h
            && c.tickets.repair(Role::Producer, h, 1, None)? > 0
        {
            return Ok(true);
        }
        let long = idle == 0 && c.vain % LONG_PATIENCE != 0; // the search is long
        if !c.tickets.redeliver || c.claimed > 0 || long {
            return Ok(false);
        }
        let Some((t, w)) = c.tickets.find_handed()? else {
            return Ok(false);
        };
        c.take_over(t, w);
        Ok(true)
    }

    /// Whether no message is on its way, nor a claim of a producer that died. The session
    /// of the producers is over.
    pub fn is_drained(&mut self) -> Result<bool> {
        let c = &mut self.claim;
        if c.other() != c.counter() {
            return Ok(false);
        }
        if c.tickets.redeliver && c.tickets.find_handed()?.is_some() {
            c.vain = LONG_PATIENCE - 1; // the next try takes it over
            return Ok(false);
        }
        Ok(true)
    }

    pub fn payload(&self, found: &Found) -> &[u8] {
        self.claim.tickets.slot().payload(found.pos, found.len)
    }

    /// Frees the slots of the tickets handed out.
    fn free(&mut self) {
        self.claim.free(self.given);
        self.given = 0;
    }

    /// Gives back what was handed out.
    pub fn release(&mut self, messages: u64, bytes: u64) {
        self.free();
        let m = &self.claim.entry.member;
        let n = m.received.load(Ordering::Relaxed).wrapping_add(messages);
        m.received.store(n, Ordering::Release);
        let n = m.received_bytes.load(Ordering::Relaxed).wrapping_add(bytes);
        m.received_bytes.store(n, Ordering::Release);
        self.received = self.received.wrapping_add(messages);
    }

    /// Whether a quarter is free since producers were last told: they are now.
    pub fn is_due(&mut self) -> bool {
        let due = self.received.wrapping_sub(self.owed) >= self.quarter;
        if due {
            self.owed = self.received;
        }
        due
    }

    /// Whether producers were not told of all space: they are now.
    pub fn settle(&mut self) -> bool {
        let owing = self.owed != self.received;
        self.owed = self.received;
        owing
    }

    /// Before this consumer goes: what it holds is dropped, or left as if it had died, so
    /// that another gets it.
    pub fn give_up(&mut self) {
        if !self.claim.tickets.redeliver {
            self.claim.free(self.claim.claimed);
        }
        self.given = 0;
    }
}
