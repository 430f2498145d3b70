//! What an endpoint holds of the tickets that are drawn from tail or head, each by one
//! compare-and-swap, after it has said in its intent which it is about to draw. Section 8 of
//! the specification, "Draw".

use std::sync::atomic::Ordering;

use crate::error::Error;
use crate::layout::{self, SLOT_FREE, SLOT_SKIP};
use crate::ring::Role;
use crate::side::Entry;
use crate::tickets::Tickets;

/// What an endpoint holds of a ring's tickets.
pub(crate) struct Claim {
    pub tickets: Tickets,
    pub entry: Entry,
    pub role: Role,
    /// The first ticket held.
    pub held: u64,
    /// Tickets held from there.
    pub claimed: u64,
    /// The intent names tickets that were not drawn.
    stale: bool,
    /// Ticket and word that the last try failed at, and how many did.
    at: u64,
    seen: u64,
    pub vain: u32,
}

/// After how many failed tries at one ticket its owner's life is looked into, and again
/// each four times as many; after a sleep it is at once.
const PATIENCE: u32 = 64;
/// The search for what is in dead hands takes long, and comes later.
pub(crate) const LONG_PATIENCE: u32 = 64 * PATIENCE;

/// Whether it is time to look whether somebody died, after so many tries and sleeps in
/// vain.
pub(crate) fn is_due(vain: u32, idle: u32) -> bool {
    vain == PATIENCE || vain % (4 * PATIENCE) == 0 || idle > 0
}

impl Claim {
    pub fn new(tickets: Tickets, entry: Entry, role: Role) -> Self {
        Self {
            tickets,
            entry,
            role,
            held: 0,
            claimed: 0,
            stale: false,
            at: 0,
            seen: 0,
            vain: 0,
        }
    }

    pub fn counter(&self) -> u64 {
        self.tickets.counter(self.role)
    }

    /// The other side's counter.
    pub fn other(&self) -> u64 {
        self.tickets.counter(match self.role {
            Role::Producer => Role::Consumer,
            Role::Consumer => Role::Producer,
        })
    }

    pub fn intend(&self, t: u64, n: u64) {
        let word = if n == 0 {
            0
        } else {
            self.tickets.intents.of(t, n)
        };
        // [I1] pairs with the load in Tickets::orphans.
        self.entry.member.intent.store(word, Ordering::Release);
    }

    /// Notes for a producer's successor what the claim began with.
    pub fn note_drawn(&self) {
        let m = &self.entry.member;
        let sent = m.sent.load(Ordering::Relaxed);
        // Both pair with the loads in Tickets::inherit, of a successor.
        m.base.store(sent, Ordering::Release);
        m.drawn.store(self.held, Ordering::Release);
    }

    /// Takes `n` tickets from `t` behind those that are held, if `t` is the next. The intent
    /// is stored before: whoever sees the tickets drawn sees it.
    pub fn draw(&mut self, t: u64, n: u64) -> bool {
        let first = if self.claimed > 0 { self.held } else { t };
        self.intend(first, self.claimed + n);
        let counter = &self.tickets.side(self.role).cursor.position;
        let drawn =
            counter.compare_exchange(t, t.wrapping_add(n), Ordering::SeqCst, Ordering::Acquire);
        if drawn.is_err() {
            if self.claimed > 0 {
                self.intend(first, self.claimed);
            }
            self.stale = self.claimed == 0;
            return false;
        }
        self.held = first;
        self.stale = false;
        if self.claimed == 0 && self.role == Role::Producer {
            self.note_drawn();
        }
        self.claimed += n;
        true
    }

    /// Takes back an intent that came to nothing at ticket `t`, whose word is `w`, and
    /// notes where.
    pub fn undrawn(&mut self, t: u64, w: u64) {
        if self.stale && self.claimed == 0 {
            self.intend(0, 0);
            self.stale = false;
        }
        self.seen = w;
        if self.at != t {
            self.at = t;
            self.vain = 0;
        }
        self.vain = self.vain.wrapping_add(1);
    }

    /// Whether it is time to look whether somebody died.
    pub fn is_due(&self, idle: u32) -> bool {
        is_due(self.vain, idle)
    }

    /// Whether the word that the last try failed at is another by now.
    pub fn changed(&self) -> bool {
        self.tickets.load(self.at) != self.seen
    }

    pub fn impossible(&self, t: u64, w: u64) -> Error {
        Error::Corrupt(format!(
            "expected the word of a slot in lap {} or the one before, found {w:#x} at position {t}",
            t >> self.tickets.bits
        ))
    }

    /// Notes that an intent is in the way of nothing any more, before a successful end.
    pub fn take_over(&mut self, t: u64, w: u64) -> bool {
        self.intend(t, 1);
        let word = self.tickets.at(t);
        let more = w + (1 << layout::SLOT_REDELIVER_SHIFT);
        // [R1] pairs with every other such compare-and-swap.
        let taken = word.compare_exchange(w, more, Ordering::SeqCst, Ordering::Acquire);
        if taken.is_err() {
            self.intend(0, 0);
            return false;
        }
        let endpoint = &self.tickets.side(Role::Consumer).endpoint;
        endpoint.handed.fetch_add(1, Ordering::SeqCst);
        self.held = t;
        self.claimed = 1;
        self.stale = false;
        true
    }

    /// Gives up what is drawn behind the first `kept`. It cannot be put back: consumers
    /// step over it.
    pub fn skip(&mut self, kept: u64) {
        while self.claimed > kept {
            let t = self.held.wrapping_add(self.claimed - 1);
            let m = &self.entry.member;
            m.skipped.store(t.wrapping_add(1), Ordering::Release); // for Tickets::inherit
            let word = self.tickets.at(t);
            word.store(self.tickets.word(t, SLOT_SKIP), Ordering::Release); // [P1] pairs with Tickets::load
            self.claimed -= 1;
        }
    }

    /// Frees the first `n` of the tickets that are held.
    pub fn free(&mut self, n: u64) {
        for _ in 0..n {
            let t = self.held;
            let next = t.wrapping_add(self.tickets.size);
            let word = self.tickets.at(t);
            word.store(self.tickets.word(next, SLOT_FREE), Ordering::Release); // [C2] pairs with Tickets::load
            self.held = t.wrapping_add(1);
            self.claimed -= 1;
        }
    }
}
