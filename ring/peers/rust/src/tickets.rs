//! Tickets of an MPMC ring: what their words look like, which of them belong to the
//! dead, and what becomes of those. Anybody who has the ring open may settle them, any
//! number at once, and die meanwhile. Section 8 of the specification.

use std::sync::atomic::{fence, Ordering};

use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::layout::{self, SLOT_COMMITTED, SLOT_FREE, SLOT_SKIP};
use crate::map::Data;
use crate::ring::{Ring, Role};
use crate::side::{Entry, Side};

/// The word of a slot in a lap.
#[inline]
pub(crate) fn lap_word(lap: u64, state: u64) -> u64 {
    lap << layout::SLOT_LAP_SHIFT | state
}

/// Whether an intent names ticket `t`.
pub(crate) fn covers(intent: u64, t: u64) -> bool {
    t.wrapping_sub(intent) & layout::INTENT_POSITION_MASK < intent >> layout::INTENT_COUNT_SHIFT
}

/// The intent of `n` tickets from `t`.
pub(crate) fn intent(t: u64, n: u64) -> u64 {
    t & layout::INTENT_POSITION_MASK | n << layout::INTENT_COUNT_SHIFT
}

/// The tickets of one ring, and everybody who may have drawn some.
pub(crate) struct Tickets {
    pub ring: Ring,
    pub data: Data,
    pub size: u64,
    pub bits: u32,
    pub redeliver: bool,
    producers: Side,
    consumers: Side,
    entries: Vec<Entry>,
    gates: [Gate; 2],
}

impl Tickets {
    pub fn of(ring: &Ring) -> Self {
        let g = &ring.inner.geometry;
        Self {
            data: Data::slots(
                &ring.inner.region.map,
                g.data_area,
                g.capacity,
                g.slot_stride,
                g.slot_payload,
            ),
            size: g.capacity,
            bits: g.capacity.trailing_zeros(),
            redeliver: ring.requires(layout::FEATURE_REDELIVER),
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
        lap_word(t >> self.bits, state)
    }

    /// The word that its slot holds.
    #[inline]
    pub fn load(&self, t: u64) -> u64 {
        self.data.word(t).load(Ordering::Acquire) // [P1], [C2] pair with the stores of who settles t
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

    /// Whether ticket `t` is drawn and not settled, `counter` being the next and `w` the
    /// word of its slot.
    pub fn is_unsettled(&self, role: Role, w: u64, t: u64, counter: u64) -> bool {
        let ago = counter.wrapping_sub(t);
        if ago == 0 || ago > self.size {
            return false;
        }
        match role {
            Role::Producer => w == self.word(t, SLOT_FREE),
            Role::Consumer => {
                let lap = w >> layout::SLOT_LAP_SHIFT;
                lap == self.word(t, 0) >> layout::SLOT_LAP_SHIFT
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

    /// Whether ticket `t` of a role, which was seen drawn and not settled before the call,
    /// belongs to no live endpoint. The entry `own` is not looked at.
    fn is_orphan(&self, role: Role, t: u64, own: Option<&Entry>) -> Result<bool> {
        for e in &self.entries {
            let in_ = e.member.intent.load(Ordering::Acquire); // [I1] pairs with the store in Claim::intend
            if covers(in_, t)
                && own.map_or(true, |o| o.index != e.index)
                && e.has_role(role)
                && self.ring.inner.region.is_locked(e.lock())?
            {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Notes in the entries of the dead producers that may have owned ticket `t` that it is
    /// about to be skipped: see [`Tickets::complete`].
    fn mark(&self, t: u64) {
        for e in &self.entries {
            let in_ = e.member.intent.load(Ordering::Acquire);
            if !covers(in_, t) || !e.has_role(Role::Producer) {
                continue;
            }
            // Until there is a lower one of this claim.
            let _ = e
                .member
                .skipped
                .fetch_update(Ordering::SeqCst, Ordering::Acquire, |old| {
                    let lower = old != 0
                        && covers(in_, old.wrapping_sub(1))
                        && t.wrapping_sub(old.wrapping_sub(1)) as i64 >= 0;
                    (!lower).then_some(t.wrapping_add(1))
                });
        }
    }

    /// Ends an orphan whose word was `w` before it was found to be one. The word never
    /// takes that value again: one of all who try succeeds.
    fn settle_orphan(&self, role: Role, t: u64, w: u64) -> bool {
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
        let word = self.data.word(t);
        if word
            .compare_exchange(w, next, Ordering::SeqCst, Ordering::Acquire)
            .is_err()
        {
            return false;
        }
        self.side(role)
            .endpoint
            .repaired
            .fetch_add(1, Ordering::SeqCst);
        // What anybody sleeps for may be behind it.
        for gate in &self.gates {
            gate.interrupt();
        }
        true
    }

    /// Settles those of `n` tickets from `t`, modulo 2^56, that are orphans, but for what
    /// the entry `own` says, and returns how many.
    pub fn repair(&self, role: Role, t: u64, n: u64, own: Option<&Entry>) -> Result<u64> {
        let counter = self.counter(role);
        let first = counter.wrapping_sub(counter.wrapping_sub(t) & layout::INTENT_POSITION_MASK);
        let mut done = 0;
        for k in 0..n {
            let t = first.wrapping_add(k);
            let w = self.load(t); // before the look at the intents
            if self.is_unsettled(role, w, t, counter)
                && !(role == Role::Consumer && self.is_kept(w))
                && self.is_orphan(role, t, own)?
                && self.settle_orphan(role, t, w)
            {
                done += 1;
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
                && self.is_orphan(Role::Consumer, t, None)?
            {
                return Ok(Some((t, w)));
            }
        }
        Ok(None)
    }

    /// Settles all that can be settled now.
    pub fn recover(&self) -> Result<u64> {
        let mut done = 0;
        for role in [Role::Producer, Role::Consumer] {
            let counter = self.counter(role);
            let n = self.size.min(counter);
            done += self.repair(role, counter - n, n, None)?;
        }
        Ok(done)
    }

    /// Settles what the dead holder of an entry may have claimed, and makes the count of
    /// what it has sent right. The caller holds the entry's lock.
    pub fn inherit(&self, e: &Entry) -> Result<()> {
        let in_ = e.member.intent.load(Ordering::Acquire);
        if in_ != 0 {
            let n = in_ >> layout::INTENT_COUNT_SHIFT;
            let role = if e.has_role(Role::Producer) {
                Role::Producer
            } else {
                Role::Consumer
            };
            self.repair(role, in_ & layout::INTENT_POSITION_MASK, n, Some(e))?;
            if role == Role::Producer {
                self.complete(e, in_);
            }
            e.member.intent.store(0, Ordering::Release);
        }
        // No claim of this holder yet: one at position 0 is not to look like drawn.
        let drawn = self.counter(Role::Producer).wrapping_sub(1);
        e.member.drawn.store(drawn, Ordering::Release);
        Ok(())
    }

    /// The claim of a dead producer had an effect only if it was drawn, and then up to the
    /// first ticket that was, or will be, skipped. Doing it twice changes nothing.
    fn complete(&self, e: &Entry, in_: u64) {
        let m = &e.member;
        let base = m.base.load(Ordering::Acquire);
        let first = m.drawn.load(Ordering::Acquire);
        if (first ^ in_) & layout::INTENT_POSITION_MASK != 0
            || m.sent.load(Ordering::Acquire) != base
        {
            return;
        }
        let tail = self.counter(Role::Producer);
        let count = in_ >> layout::INTENT_COUNT_SHIFT;
        let settled = (0..count).find(|k| {
            let t = first.wrapping_add(*k);
            self.is_unsettled(Role::Producer, self.load(t), t, tail)
        });
        let mut n = settled.unwrap_or(count);
        let skipped = m.skipped.load(Ordering::Acquire);
        // A value outside of the intent counts as none.
        if skipped != 0 && covers(in_, skipped.wrapping_sub(1)) {
            n = n.min(skipped.wrapping_sub(1).wrapping_sub(first));
        }
        m.sent.store(base.wrapping_add(n), Ordering::Release);
    }
}

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
        let word = if n == 0 { 0 } else { intent(t, n) };
        // [I1] pairs with the load in Tickets::is_orphan.
        self.entry.member.intent.store(word, Ordering::Release);
    }

    /// Notes for a producer's successor what the claim began with.
    pub fn note_drawn(&self) {
        let m = &self.entry.member;
        let sent = m.sent.load(Ordering::Relaxed);
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
        let word = self.tickets.data.word(t);
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
            m.skipped.store(t.wrapping_add(1), Ordering::Release); // for Tickets::complete
            let word = self.tickets.data.word(t);
            word.store(self.tickets.word(t, SLOT_SKIP), Ordering::Release); // [P1] pairs with Tickets::load
            self.claimed -= 1;
        }
    }

    /// Frees the first `n` of the tickets that are held.
    pub fn free(&mut self, n: u64) {
        for _ in 0..n {
            let t = self.held;
            let next = t.wrapping_add(self.tickets.size);
            let word = self.tickets.data.word(t);
            word.store(self.tickets.word(next, SLOT_FREE), Ordering::Release); // [C2] pairs with Tickets::load
            self.held = t.wrapping_add(1);
            self.claimed -= 1;
        }
    }
}

impl Ring {
    /// Settles at once whatever dead endpoints of an MPMC ring have left and nobody takes
    /// over, and returns how much that was. Who is blocked does so by itself for what it
    /// waits for. In other rings there is nothing to do.
    pub fn recover(&self) -> Result<u64> {
        if self.inner.region.readonly {
            return Err(Error::Permission(
                "expected a ring that is open for writing, found one opened read-only".into(),
            ));
        }
        if self.inner.geometry.topology != layout::TOPOLOGY_MPMC {
            return Ok(0);
        }
        fence(Ordering::SeqCst);
        Tickets::of(self).recover()
    }

    /// How much lies between the consumers and the producers: tickets of an MPMC ring, each
    /// of which may be filled or not; else positions, as far as the producer has told them.
    /// A look at a moment that is over when it returns; 0 in a ring of lanes.
    pub fn backlog(&self) -> u64 {
        let position = |role| Side::of(self, role).cursor.position.load(Ordering::Acquire);
        let head: u64 = position(Role::Consumer);
        position(Role::Producer).saturating_sub(head)
    }
}
