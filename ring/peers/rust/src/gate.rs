//! Gates: how one side sleeps until the other has done something, and is woken without
//! a fence in the waker's fast path. Section 6 of the specification; [G1] and [G2] of
//! docs/spec/memory-order.md.

use std::io;
use std::sync::atomic::{compiler_fence, fence, AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

use crate::layout::{self, Arm, Holder, Seq};
use crate::map::{Semaphore, Shared};
use crate::ring::{Ring, Role};
use crate::side::{Entry, Side};
use crate::sys::{self, Slept};

/// A gate. Its waker writes `seq`, its sleeper `arm`.
#[derive(Clone)]
pub(crate) struct Gate {
    seq: Shared<Seq>,
    arm: Shared<Arm>,
    /// Cells have none.
    semaphore: Option<Shared<Semaphore>>,
    /// Who counts, where several share a half: their entries.
    waker: Option<Shared<Holder>>,
    sleeper: Option<Shared<Holder>>,
    many_wakers: bool,
    /// Nobody takes back an announcement that may be another's.
    many_sleepers: bool,
}

/// Stands between a publish and the load of an arm word. The processor may still do the
/// load first, the sleeper sees to that (membarrier); the compiler must not.
#[inline]
pub(crate) fn published() {
    compiler_fence(Ordering::SeqCst);
}

impl Gate {
    /// The gate at which `sleeper` waits for `waker`, and their entries, if it is for one
    /// of them.
    pub fn new(
        ring: &Ring,
        (waker, by): (&Side, Option<&Entry>),
        (sleeper, of): (&Side, Option<&Entry>),
    ) -> Self {
        Self {
            seq: waker.seq.clone(),
            arm: sleeper.arm.clone(),
            semaphore: Some(sleeper.semaphore.clone()),
            waker: by.map(|e| e.holder.clone()),
            sleeper: of.map(|e| e.holder.clone()),
            many_wakers: ring.many(waker.role),
            many_sleepers: ring.many(sleeper.role),
        }
    }

    /// The gate of a cell, whose readers wait for its one writer.
    pub fn of_cell(seq: Shared<Seq>, arm: Shared<Arm>) -> Self {
        Self {
            seq,
            arm,
            semaphore: None,
            waker: None,
            sleeper: None,
            many_wakers: false,
            many_sleepers: true,
        }
    }

    /// The gate at which `sleeper` waits, for anybody who repairs the ring.
    pub fn of(ring: &Ring, sleeper: Role) -> Self {
        let (p, c) = (
            Side::of(ring, Role::Producer),
            Side::of(ring, Role::Consumer),
        );
        match sleeper {
            Role::Producer => Self::new(ring, (&c, None), (&p, None)),
            Role::Consumer => Self::new(ring, (&p, None), (&c, None)),
        }
    }

    fn count(one: Option<&AtomicU64>) {
        if let Some(n) = one {
            n.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Whether nobody has been woken since that epoch.
    pub fn still(&self, epoch: u32) -> bool {
        self.seq.seq.load(Ordering::Acquire) == epoch
    }

    /// Announces a sleep and returns its epoch. The caller looks for work once more, and
    /// then sleeps or cancels.
    pub fn prepare(&self, semaphore: bool) -> u32 {
        use layout::*;
        let kind = if semaphore { ARM_SEM } else { 0 };
        let epoch = loop {
            // In this order: no epoch takes the place of a later one.
            let old = self.arm.arm.load(Ordering::Acquire);
            let epoch = self.seq.seq.load(Ordering::Acquire);
            let new = ARM_VALID | u64::from(epoch) | kind | old & (ARM_CLOSED | ARM_FENCE);
            // [G1] pairs with the load of arm in End::is_quiet and End::signal, and in CellWriter.
            let stored =
                self.arm
                    .arm
                    .compare_exchange(old, new, Ordering::SeqCst, Ordering::Acquire);
            if stored.is_ok() {
                break epoch;
            }
        };
        fence(Ordering::SeqCst);
        if !sys::barrier() {
            // Wakers have to fence for themselves, from now on and for good.
            self.arm.arm.fetch_or(ARM_FENCE, Ordering::SeqCst);
            fence(Ordering::SeqCst);
        }
        epoch
    }

    /// Takes an announcement back, so that no waker makes a system call for it.
    pub fn cancel(&self) {
        let old = self.arm.arm.load(Ordering::Acquire);
        if self.many_sleepers || old as u32 != self.seq.seq.load(Ordering::Acquire) {
            return;
        }
        let new = old & !layout::ARM_EPOCH_MASK | u64::from((old as u32).wrapping_sub(1));
        // Failing means that CLOSED was just set: then it stays armed, which costs a
        // needless wake.
        let _ = self
            .arm
            .arm
            .compare_exchange(old, new, Ordering::SeqCst, Ordering::Acquire);
    }

    /// Sleeps until the gate is woken, for at most `bound`, or for no reason at all.
    pub fn sleep(&self, semaphore: bool, epoch: u32, bound: Duration) -> io::Result<()> {
        match &self.sleeper {
            Some(h) => Self::count(Some(&h.parks)),
            None => Self::count((!self.many_sleepers).then_some(&self.arm.parks)),
        }
        // [G2]: the kernel compares seq with the epoch under the lock of its queue.
        let slept = match &self.semaphore {
            Some(s) if semaphore => sys::semaphore_wait(s, bound),
            _ => sys::futex_wait(&self.seq.seq, epoch, bound),
        };
        if slept? == Slept::Bound {
            Self::count((!self.many_sleepers).then_some(&self.arm.bounds));
        }
        Ok(())
    }

    /// Wakes the sleeper that `arm`, just loaded, announces, if it still sleeps.
    pub fn wake(&self, arm: u64) {
        if arm as u32 != self.seq.seq.load(Ordering::Acquire) {
            return;
        }
        // [G2] pairs with the kernel's look in sleep.
        self.seq.seq.fetch_add(1, Ordering::SeqCst);
        match &self.waker {
            Some(h) => Self::count(Some(&h.wakes)),
            None => Self::count((!self.many_wakers).then_some(&self.seq.wakes)),
        }
        self.rouse(arm);
    }

    /// Makes a sleeper look around, now or when it is about to fall asleep. Anybody may.
    pub fn interrupt(&self) {
        // [G2] pairs with the kernel's look in sleep.
        self.seq.seq.fetch_add(1, Ordering::SeqCst);
        self.rouse(self.arm.arm.load(Ordering::Acquire));
    }

    /// Wakes whoever sleeps here, in the manner that `arm` says.
    fn rouse(&self, arm: u64) {
        if arm & layout::ARM_SEM != 0 {
            if let Some(s) = &self.semaphore {
                sys::semaphore_post(s);
            }
        } else if arm & layout::ARM_EVENTFD == 0 {
            let word: &AtomicU32 = &self.seq.seq;
            sys::futex_wake(word);
        }
        // Eventfds are not handed out to us; the bound ends such a sleep.
    }
}
