//! Sending through an MPMC ring. Section 8 of the specification.

use std::sync::atomic::Ordering;

use crate::claim::Claim;
use crate::error::{Error, Result};
use crate::layout::{self, SLOT_COMMITTED, SLOT_FREE};
use crate::ring::Role;

pub(crate) struct TicketOut {
    pub claim: Claim,
    /// Slots hold a length.
    variable: bool,
    /// Bytes of the open reservation, whose ticket is the last of the claim.
    open: Option<u64>,
    /// Messages staged and not published, the first of the claim, and their bytes.
    pub staged: u64,
    staged_bytes: u64,
}

impl TicketOut {
    pub fn new(claim: Claim, variable: bool) -> Self {
        Self {
            claim,
            variable,
            open: None,
            staged: 0,
            staged_bytes: 0,
        }
    }

    /// Messages committed in this place, by all its holders.
    pub fn committed(&self) -> u64 {
        self.claim.entry.member.sent.load(Ordering::Acquire)
    }

    /// Draws a ticket right behind those that are staged: false if that cannot be, and
    /// they have to be published first.
    pub fn extend(&mut self) -> bool {
        let c = &mut self.claim;
        let next = c.held.wrapping_add(c.claimed);
        c.claimed < c.tickets.intents.most()
            && c.tickets.load(next) == c.tickets.word(next, SLOT_FREE)
            && c.draw(next, 1)
    }

    /// Draws a ticket whose slot is free. Nothing is staged.
    pub fn draw(&mut self, idle: u32) -> Result<()> {
        loop {
            let c = &mut self.claim;
            let t = c.counter();
            let w = c.tickets.load(t); // after the counter
            if w == c.tickets.word(t, SLOT_FREE) {
                if c.draw(t, 1) {
                    return Ok(());
                }
                continue;
            }
            let lap = c.tickets.word(t.wrapping_sub(c.tickets.size), 0);
            if (w ^ lap) >> layout::SLOT_LAP_SHIFT == 0 {
                c.undrawn(t, w);
                if !c.is_due(idle) || self.unblock(t, w)? == 0 {
                    return Err(Error::Full);
                }
            } else if c.counter() == t {
                // Nobody has drawn t, so nobody may have touched its slot.
                return Err(c.impossible(t, w));
            }
        }
    }

    /// Settles the ticket of the lap before that keeps producers from ticket `t`, whose
    /// slot's word is `w`, if its owner is dead: a producer that never filled it, or a
    /// consumer that never freed it.
    fn unblock(&self, t: u64, w: u64) -> Result<u64> {
        let c = &self.claim;
        let last = t.wrapping_sub(c.tickets.size);
        let mut role = Role::Producer;
        if w & layout::SLOT_STATE_MASK != SLOT_FREE {
            role = Role::Consumer;
            if c.other().wrapping_sub(last) as i64 <= 0 {
                return Ok(0); // nobody has come to receive it
            }
        }
        c.tickets.repair(role, last, 1, None)
    }

    pub fn reserve(&mut self, n: u64) {
        self.open = Some(n);
    }

    fn next(&self) -> u64 {
        self.claim.held.wrapping_add(self.staged)
    }

    pub fn room(&mut self) -> &mut [u8] {
        let (t, n) = (self.next(), self.open.unwrap_or(0));
        self.claim.tickets.slots().room(t, n as usize)
    }

    pub fn room_ref(&self) -> &[u8] {
        let n = self.open.unwrap_or(0) as usize;
        self.claim.tickets.slot().payload(self.next(), n)
    }

    /// Settles the reservation with its first `n` bytes, to be seen with the next publish.
    pub fn stage(&mut self, n: u64) {
        if self.variable {
            let length = self.claim.tickets.slot().length(self.next());
            length.store(n, Ordering::Relaxed);
        }
        self.open = None;
        self.staged += 1;
        self.staged_bytes += n;
    }

    /// Publishes what is staged, the first slot first: a producer that dies on the way has
    /// sent what came before.
    pub fn publish(&mut self) {
        let c = &mut self.claim;
        let n = self.staged;
        for _ in 0..n {
            let (t, tickets) = (c.held, &c.tickets);
            let word = tickets.word(t, SLOT_COMMITTED);
            tickets.at(t).store(word, Ordering::Release); // [P1] pairs with Tickets::load
            c.held = t.wrapping_add(1);
            c.claimed -= 1;
        }
        let m = &c.entry.member;
        let sent = m.sent.load(Ordering::Relaxed).wrapping_add(n);
        m.sent.store(sent, Ordering::Release); // pairs with the load in Tickets::inherit
        let bytes = m.sent_bytes.load(Ordering::Relaxed);
        m.sent_bytes
            .store(bytes.wrapping_add(self.staged_bytes), Ordering::Release);
        self.staged = 0;
        self.staged_bytes = 0;
        if c.claimed > 0 {
            // The open reservation is a claim of its own from now on.
            c.intend(c.held, c.claimed);
            c.note_drawn();
        }
    }

    /// Gives the open reservation up. True: consumers may wait behind it.
    pub fn abort(&mut self) -> bool {
        self.open = None;
        let given_up = self.claim.claimed > self.staged;
        self.claim.skip(self.staged);
        given_up
    }

    /// Gives the open reservation and all that is staged up.
    pub fn give_up(&mut self) {
        self.open = None;
        self.staged = 0;
        self.staged_bytes = 0;
        self.claim.skip(0);
    }
}
