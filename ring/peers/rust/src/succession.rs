//! What a dead endpoint leaves in its entry, and who takes it over. Section 8 of the
//! specification, "What took effect", and section 11.

use std::sync::atomic::{fence, Ordering};

use crate::error::{Error, Result};
use crate::layout;
use crate::ring::{Ring, Role};
use crate::side::{Entry, Side};
use crate::tickets::Tickets;

impl Tickets {
    /// Settles all that can be settled now.
    pub fn recover(&self) -> Result<u64> {
        if self.granules {
            return self.recover_granules(None);
        }
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
        let intent = e.member.intent.load(Ordering::Acquire);
        if intent != 0 {
            let role = if e.has_role(Role::Producer) {
                Role::Producer
            } else {
                Role::Consumer
            };
            if self.granules {
                self.recover_granules(Some(e))?;
            } else {
                let (t, n) = (intent & self.intents.mask(), self.intents.count(intent));
                self.repair(role, t, n, Some(e))?;
            }
            if role == Role::Producer {
                self.complete(e, intent);
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
    fn complete(&self, e: &Entry, intent: u64) {
        let m = &e.member;
        let base = m.base.load(Ordering::Acquire);
        let first = m.drawn.load(Ordering::Acquire);
        // Records are counted one by one, and drawn is the one at hand.
        let (named, count) = if self.granules {
            (self.intents.covers(intent, first), 1)
        } else {
            let same = (first ^ intent) & self.intents.mask() == 0;
            (same, self.intents.count(intent))
        };
        if !named || m.sent.load(Ordering::Acquire) != base {
            return;
        }
        let tail = self.counter(Role::Producer);
        let settled = (0..count).find(|k| {
            let t = first.wrapping_add(*k);
            self.is_unsettled(Role::Producer, self.load(t), t, tail)
        });
        let mut n = settled.unwrap_or(count);
        let skipped = m.skipped.load(Ordering::Acquire).wrapping_sub(1);
        // 0 is none, and so is a value outside of the intent.
        if skipped != u64::MAX && self.intents.covers(intent, skipped) {
            let before = skipped.wrapping_sub(first) as i64;
            n = n.min(before.max(0) as u64);
        }
        m.sent.store(base.wrapping_add(n), Ordering::Release);
    }
}

impl Ring {
    /// Settles at once whatever dead endpoints have left and nobody takes over, and returns
    /// how much that was: tickets of an MPMC ring, granules of a ring of one order, up to the
    /// first claim of a live producer. Who is blocked does so by itself for what it waits for.
    /// In other rings there is nothing to do.
    pub fn recover(&self) -> Result<u64> {
        if self.inner.region.readonly {
            return Err(Error::Permission(
                "expected a ring that is open for writing, found one opened read-only".into(),
            ));
        }
        if !self.claims() {
            return Ok(0);
        }
        fence(Ordering::SeqCst);
        Tickets::of(self).recover()
    }

    /// Whether places are claimed, so that claims of the dead have to be settled.
    pub(crate) fn claims(&self) -> bool {
        matches!(
            self.inner.geometry.topology,
            layout::TOPOLOGY_MPMC | layout::TOPOLOGY_MPSC_ORDERED
        )
    }

    /// How much lies between the consumers and the producers: tickets of an MPMC ring,
    /// or granules, each of which may be filled or not; else positions, as far as the producer has told them.
    /// A look at a moment that is over when it returns; 0 in a ring of lanes.
    pub fn backlog(&self) -> u64 {
        let position = |role| Side::of(self, role).cursor.position.load(Ordering::Acquire);
        let head: u64 = position(Role::Consumer);
        position(Role::Producer).saturating_sub(head)
    }
}
