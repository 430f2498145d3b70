//! Whom the producer of a broadcast ring has to wait for, where it waits. Section 12 of the
//! specification; [B3] and [B4] of docs/spec/memory-order.md.

use std::sync::atomic::{fence, Ordering};

use crate::cast_out::CastOut;
use crate::claim::is_due;
use crate::error::{Error, Result};
use crate::layout;
use crate::side::Entry;

impl CastOut {
    /// The position that must stay: of the last record, or of the slowest consumer. Those
    /// that are in the way of `end` and dead are found out now and then, and at once when
    /// they begin to be.
    pub(crate) fn slowest(&mut self, end: u64, idle: u32) -> Result<u64> {
        let keep = self.survey()?;
        if keep.wrapping_add(self.cast.size).wrapping_sub(end) as i64 >= 0 {
            self.vain = 0;
            return Ok(keep);
        }
        self.vain = self.vain.wrapping_add(1);
        if self.kept != keep {
            self.kept = keep;
            self.vain = 1;
        }
        if (self.vain == 1 || is_due(self.vain, idle)) && self.bury_dead(end)? {
            return self.survey(); // once: entries that come back to life would keep it here
        }
        Ok(keep)
    }

    /// Looks at every consumer's position. One that attaches at the same time is either
    /// seen, or sees what this producer has published.
    fn survey(&mut self) -> Result<u64> {
        fence(Ordering::SeqCst); // what was published comes before the loads below
        let mut keep = self.latest;
        self.slow = None;
        let committed = self.committed();
        for (i, e) in self.entries.iter().enumerate() {
            if !is_waited_for(e) {
                continue;
            }
            let pos = e.member.drawn.load(Ordering::Acquire); // [B3] pairs with the store in Subscriber::tell
            if pos.wrapping_sub(committed) as i64 > 0 || pos & 7 != 0 {
                return Err(Error::Corrupt(format!(
                    "expected a consumer's position up to tail {committed}, found {pos}"
                )));
            }
            if (pos.wrapping_sub(keep) as i64) < 0 {
                keep = pos;
                self.slow = Some((i, pos));
            }
        }
        Ok(keep)
    }

    /// Finds consumers that are in the way of `end` and dead, and will not wait for them.
    /// The lock is looked at, not taken: who comes for the entry is to find it free, and
    /// stores another time before it counts as attached, so the swap cannot strike it.
    fn bury_dead(&self, end: u64) -> Result<bool> {
        let mut found = false;
        for e in &self.entries {
            let came = e.holder.attached.load(Ordering::Acquire); // before the look at the lock
            let pos = e.member.drawn.load(Ordering::Acquire);
            let in_the_way = (pos.wrapping_add(self.cast.size).wrapping_sub(end) as i64) < 0;
            if !is_waited_for(e) || !in_the_way || self.ring.inner.region.is_locked(e.lock())? {
                continue;
            }
            // [B4] pairs with the load in is_waited_for.
            let attached = &e.holder.attached;
            let buried = attached.compare_exchange(came, 0, Ordering::SeqCst, Ordering::Acquire);
            if buried.is_ok() {
                self.consumers
                    .endpoint
                    .repaired
                    .fetch_add(1, Ordering::SeqCst);
                found = true;
            }
        }
        Ok(found)
    }
}

/// Whether the consumer that is, or was, in an entry has to be waited for.
fn is_waited_for(e: &Entry) -> bool {
    u64::from(e.holder.state.load(Ordering::Acquire)) == layout::STATE_ATTACHED
        && e.holder.attached.load(Ordering::Acquire) != 0 // [B4] pairs with the swap in bury_dead
}
