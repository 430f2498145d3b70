//! Tickets: places that are drawn one by one, what their words look like, which of them
//! belong to the dead, and what becomes of those. Anybody who has the ring open may settle
//! them, any number at once, and die meanwhile. Sections 8 and 11 of the specification.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::data::Data;
use crate::error::Result;
use crate::gate::Gate;
use crate::granules::{granule_word, says_nothing};
use crate::layout::{self, SLOT_COMMITTED, SLOT_FREE, SLOT_SKIP};
use crate::ring::{Ring, Role};
use crate::side::{Entry, Side};

/// The word of a slot in a lap.
#[inline]
pub(crate) fn lap_word(lap: u64, state: u64) -> u64 {
    lap << layout::SLOT_LAP_SHIFT | state
}

/// How a ring's intent words are made: a count above a position, modulo a power of two.
#[derive(Clone, Copy)]
pub(crate) struct Intents {
    shift: u32,
}

impl Intents {
    pub fn mask(self) -> u64 {
        (1 << self.shift) - 1
    }

    /// Most tickets of one intent.
    pub fn most(self) -> u64 {
        u64::MAX >> self.shift
    }

    /// The intent of `n` tickets from `t`.
    pub fn of(self, t: u64, n: u64) -> u64 {
        t & self.mask() | n << self.shift
    }

    pub fn count(self, intent: u64) -> u64 {
        intent >> self.shift
    }

    /// Whether an intent names ticket `t`.
    pub fn covers(self, intent: u64, t: u64) -> bool {
        t.wrapping_sub(intent) & self.mask() < self.count(intent)
    }

    /// Which of the `n` tickets from `t` is the first that an intent names; `n`: none.
    fn within(self, intent: u64, t: u64, n: u64) -> u64 {
        if self.covers(intent, t) {
            return 0;
        }
        let ahead = intent.wrapping_sub(t) & self.mask();
        if ahead < n && self.count(intent) > 0 {
            ahead
        } else {
            n
        }
    }
}

/// The tickets of one ring, and everybody who may have drawn some. They are slots, or in a
/// ring of one order granules, whose words lie in a table of their own.
pub(crate) struct Tickets {
    pub ring: Ring,
    words: Data,
    /// How many there are in a lap.
    pub size: u64,
    pub bits: u32,
    pub granules: bool,
    pub redeliver: bool,
    pub intents: Intents,
    producers: Side,
    consumers: Side,
    entries: Vec<Entry>,
    gates: [Gate; 2],
}

impl Tickets {
    pub fn of(ring: &Ring) -> Self {
        let (g, map) = (&ring.inner.geometry, &ring.inner.region.map);
        let granules = g.topology == layout::TOPOLOGY_MPSC_ORDERED;
        let (words, size, shift) = if granules {
            let n = g.capacity / layout::GRANULE_SIZE;
            let words = Data::slots(map, g.word_table, n, layout::WORD_SIZE, layout::WORD_SIZE);
            (words, n, layout::GRANULE_INTENT_SHIFT)
        } else {
            let words = Data::slots(map, g.data_area, g.capacity, g.slot_stride, g.slot_payload);
            (words, g.capacity, layout::INTENT_COUNT_SHIFT)
        };
        Self {
            words,
            size,
            bits: size.trailing_zeros(),
            granules,
            redeliver: !granules && ring.requires(layout::FEATURE_REDELIVER),
            intents: Intents {
                shift: shift as u32,
            },
            producers: Side::of(ring, Role::Producer),
            consumers: Side::of(ring, Role::Consumer),
            entries: Entry::all(ring),
            gates: [
                Gate::of(ring, Role::Consumer),
                Gate::of(ring, Role::Producer),
            ],
            ring: ring.clone(),
        }
    }

    /// The word of ticket `t` in a state.
    #[inline]
    pub fn word(&self, t: u64, state: u64) -> u64 {
        if self.granules {
            granule_word(t, self.size, state)
        } else {
            lap_word(t >> self.bits, state)
        }
    }

    /// Where its word lies.
    #[inline]
    pub fn at(&self, t: u64) -> &AtomicU64 {
        self.words.word(t)
    }

    /// The word that is there.
    #[inline]
    pub fn load(&self, t: u64) -> u64 {
        self.at(t).load(Ordering::Acquire) // [P1], [C2] pair with the stores of who settles t
    }

    /// The slots themselves.
    pub fn slots(&mut self) -> &mut Data {
        &mut self.words
    }

    pub fn slot(&self) -> &Data {
        &self.words
    }

    pub fn side(&self, role: Role) -> &Side {
        match role {
            Role::Producer => &self.producers,
            Role::Consumer => &self.consumers,
        }
    }

    /// The next ticket that a role draws: tail or head.
    pub fn counter(&self, role: Role) -> u64 {
        self.side(role).cursor.position.load(Ordering::Acquire)
    }

    /// Whether ticket `t` is drawn and not settled, `counter` being the next and `w` its
    /// word.
    pub fn is_unsettled(&self, role: Role, w: u64, t: u64, counter: u64) -> bool {
        let ago = counter.wrapping_sub(t);
        if ago == 0 || ago > self.size {
            return false;
        }
        match role {
            Role::Producer if self.granules => says_nothing(w, t, self.size),
            Role::Producer => w == self.word(t, SLOT_FREE),
            Role::Consumer => {
                let lap = w >> layout::SLOT_LAP_SHIFT;
                !self.granules
                    && lap == self.word(t, 0) >> layout::SLOT_LAP_SHIFT
                    && w & layout::SLOT_STATE_MASK != SLOT_FREE
            }
        }
    }

    /// Whether the message under `w` goes to another consumer.
    fn is_kept(&self, w: u64) -> bool {
        self.redeliver
            && w & layout::SLOT_STATE_MASK == SLOT_COMMITTED
            && w & layout::SLOT_REDELIVER_MASK != layout::SLOT_REDELIVER_MASK
    }

    /// How many of the `n` tickets of a role from `t`, which were seen drawn and not settled
    /// before the call, come before the first that belongs to a live endpoint. The entry
    /// `own` is not looked at.
    pub fn orphans(&self, role: Role, t: u64, mut n: u64, own: Option<&Entry>) -> Result<u64> {
        for e in &self.entries {
            let intent = e.member.intent.load(Ordering::Acquire); // [I1] pairs with the store in Claim::intend
            let k = self.intents.within(intent, t, n);
            if k < n
                && own.map_or(true, |o| o.index != e.index)
                && e.has_role(role)
                && self.ring.inner.region.is_locked(e.lock())?
            {
                n = k;
            }
        }
        Ok(n)
    }

    /// Notes in the entries of the dead producers that may have owned ticket `t` that it is
    /// about to be skipped: see [`Tickets::inherit`].
    fn mark(&self, t: u64) {
        for e in &self.entries {
            let intent = e.member.intent.load(Ordering::Acquire);
            if !self.intents.covers(intent, t) || !e.has_role(Role::Producer) {
                continue;
            }
            // Until there is a lower one of this claim.
            let _ = e
                .member
                .skipped
                .fetch_update(Ordering::SeqCst, Ordering::Acquire, |old| {
                    let marked = old.wrapping_sub(1);
                    let lower = old != 0
                        && self.intents.covers(intent, marked)
                        && t.wrapping_sub(marked) as i64 >= 0;
                    (!lower).then_some(t.wrapping_add(1))
                });
        }
    }

    /// Ends an orphan whose word was `w` before it was found to be one. The word never
    /// takes that value again: one of all who try succeeds.
    pub fn settle(&self, role: Role, t: u64, w: u64) -> bool {
        let next = match role {
            Role::Producer => {
                // Its owner may have filled it before it died. Now free stays free.
                if self.load(t) != w {
                    return false;
                }
                self.mark(t);
                self.word(t, SLOT_SKIP)
            }
            Role::Consumer => self.word(t.wrapping_add(self.size), SLOT_FREE),
        };
        // [R1] pairs with every other such compare-and-swap.
        let swapped = self
            .at(t)
            .compare_exchange(w, next, Ordering::SeqCst, Ordering::Acquire);
        if swapped.is_ok() {
            let repaired = &self.side(role).endpoint.repaired;
            repaired.fetch_add(1, Ordering::SeqCst);
        }
        swapped.is_ok()
    }

    /// Wakes everybody: what they sleep for may be there.
    pub fn rouse(&self) {
        for gate in &self.gates {
            gate.interrupt();
        }
    }

    /// Settles those of `n` slots from `t`, as an intent has it, that are orphans, but for
    /// what the entry `own` says, and returns how many.
    pub fn repair(&self, role: Role, t: u64, n: u64, own: Option<&Entry>) -> Result<u64> {
        let counter = self.counter(role);
        let first = counter.wrapping_sub(counter.wrapping_sub(t) & self.intents.mask());
        let mut done = 0;
        for k in 0..n {
            let t = first.wrapping_add(k);
            let w = self.load(t); // before the look at the intents
            if self.is_unsettled(role, w, t, counter)
                && !(role == Role::Consumer && self.is_kept(w))
                && self.orphans(role, t, 1, own)? == 1
                && self.settle(role, t, w)
            {
                done += 1;
                self.rouse();
            }
        }
        Ok(done)
    }

    /// Finds a message in the hands of a dead consumer: its ticket and its word.
    pub fn find_handed(&self) -> Result<Option<(u64, u64)>> {
        let head = self.counter(Role::Consumer);
        for ago in (1..=self.size.min(head)).rev() {
            let t = head - ago;
            let w = self.load(t);
            if self.is_unsettled(Role::Consumer, w, t, head)
                && self.is_kept(w)
                && self.orphans(Role::Consumer, t, 1, None)? == 1
            {
                return Ok(Some((t, w)));
            }
        }
        Ok(None)
    }
}
