//! What a producer and a consumer have in common: a role, a peer to wake, a gate to
//! wait at. Section 7 of the specification.

use std::sync::atomic::{fence, Ordering};

use crate::create::now;
use crate::error::{Error, Result};
use crate::gate::{published, Gate};
use crate::layout;
use crate::member::join;
use crate::ring::{Ring, Role};
use crate::side::{number, Entry, Side};
use crate::sys;
use crate::wait::{Paused, Sleeper, Strategy, Wait};

/// Never equal to an arm word, which has its valid bit.
const NEVER_QUIET: u64 = 1;

/// Why an endpoint is of no more use.
#[derive(Clone)]
enum Failure {
    Corrupt(String),
    Lost(String),
}

/// An attached endpoint.
pub(crate) struct End {
    pub ring: Ring,
    pub mine: Side,
    pub peer: Side,
    /// Its place in the endpoint table, if it has one.
    pub entry: Option<Entry>,
    lock: u64,
    /// It holds the lock byte of the role too: one at a time, although there is a table.
    sole: bool,
    /// The peer's last arm word that asked for nothing.
    quiet: u64,
    /// There is no membarrier here: fence after each publish.
    fenced: bool,
    failed: Option<Failure>,
    /// Where the peer sleeps.
    pub wake: Gate,
    /// How this side does.
    pub sleeper: Sleeper,
}

impl End {
    /// An endpoint whose lock byte is held already: that of `entry`, or of the role.
    pub fn new(ring: &Ring, role: Role, entry: Option<Entry>, strategy: Strategy) -> Self {
        let (mine, peer) = match role {
            Role::Producer => (Side::of(ring, role), Side::of(ring, Role::Consumer)),
            Role::Consumer => (Side::of(ring, role), Side::of(ring, Role::Producer)),
        };
        Self {
            lock: entry.as_ref().map_or(mine.lock(), Entry::lock),
            wake: Gate::new(ring, (&mine, entry.as_ref()), (&peer, None)),
            sleeper: Sleeper::new(
                Some(Gate::new(ring, (&peer, None), (&mine, entry.as_ref()))),
                strategy,
            ),
            sole: false,
            ring: ring.clone(),
            mine,
            peer,
            entry,
            quiet: NEVER_QUIET,
            fenced: !sys::register_for_barriers(),
            failed: None,
        }
    }

    /// Takes the lock byte of a role that one endpoint has.
    pub fn take_role(ring: &Ring, role: Role, strategy: Strategy) -> Result<Self> {
        Self::lock_role(ring, role)?;
        Ok(Self::new(ring, role, None, strategy))
    }

    /// Takes the lock byte of a role, and then an entry of the table.
    pub fn take_both(ring: &Ring, role: Role, strategy: Strategy) -> Result<(Self, Entry)> {
        Self::lock_role(ring, role)?;
        match join(ring, 0, &[]) {
            Ok(entry) => {
                let mut end = Self::new(ring, role, Some(entry.clone()), strategy);
                end.sole = true;
                Ok((end, entry))
            }
            Err(e) => {
                ring.inner.region.unlock(Side::of(ring, role).lock());
                Err(e)
            }
        }
    }

    fn lock_role(ring: &Ring, role: Role) -> Result<()> {
        let side = Side::of(ring, role);
        if !ring.inner.region.try_lock(side.lock())? {
            return Err(Error::Attached(format!(
                "a {role} is attached (pid {}): expected a free role, found it held by a live process; wait until it closes or dies",
                side.endpoint.pid.load(Ordering::Acquire)
            )));
        }
        Ok(())
    }

    /// Begins a session. An entry speaks for its endpoint, and its state comes before the
    /// session: see [`End::is_last`].
    pub fn announce(&self) {
        let now = now();
        let (pid, start) = (u64::from(std::process::id()), start_time());
        let p = &self.mine.endpoint;
        if let Some(e) = &self.entry {
            let h = &e.holder;
            // Role, and state last, pair with the loads in Ring::is_alive and Lanes::find.
            h.pid.store(pid, Ordering::Release);
            h.start_time.store(start, Ordering::Release);
            h.attached.store(now, Ordering::Release);
            h.role
                .store(number(self.mine.role) as u32, Ordering::Release);
            h.state
                .store(layout::STATE_ATTACHED as u32, Ordering::Release);
        } else {
            p.pid.store(pid, Ordering::Release);
            p.start_time.store(start, Ordering::Release);
            p.attached.store(now, Ordering::Release);
            p.state
                .store(layout::STATE_ATTACHED as u32, Ordering::Release);
        }
        // [L1] pairs with the load in Lanes::find, for lanes.
        p.session.fetch_add(1, Ordering::SeqCst);
    }

    /// Announces that this endpoint goes, and tells whether it is the last of its side.
    /// Two that leave at once both see the other leave.
    pub fn is_last(&self) -> Result<bool> {
        let Some(e) = &self.entry else {
            return Ok(true);
        };
        e.holder
            .state
            .store(layout::STATE_LEAVING as u32, Ordering::Release);
        fence(Ordering::SeqCst); // before the look at the others
        Ok(!self.others()?)
    }

    /// Whether another endpoint of this side is attached.
    pub fn others(&self) -> Result<bool> {
        self.ring.is_alive(self.mine.role, Some(self.lock), |s| {
            s == layout::STATE_ATTACHED
        })
    }

    /// Gives the lock byte back. Nothing is stored to the ring after this.
    pub fn leave(&self) {
        let state = match &self.entry {
            Some(e) => &e.holder.state,
            None => &self.mine.endpoint.state,
        };
        state.store(0, Ordering::Release);
        self.ring.inner.region.unlock(self.lock);
        if self.sole {
            self.ring.inner.region.unlock(self.mine.lock());
        }
    }

    /// Gives an attach up that failed half-way.
    pub fn abandon(&self) {
        if let Some(e) = self.entry.as_ref().filter(|e| e.named) {
            e.holder.tag.store(0, Ordering::Release);
        }
        self.leave();
    }

    /// Notes an error that no later call can mend.
    pub fn keep<T>(&mut self, r: Result<T>) -> Result<T> {
        match &r {
            Err(Error::Corrupt(s)) => self.failed = Some(Failure::Corrupt(s.clone())),
            Err(Error::Lost(s)) => self.failed = Some(Failure::Lost(s.clone())),
            _ => return r,
        }
        self.quiet = NEVER_QUIET;
        r
    }

    /// The error that ended this endpoint, if one has.
    pub fn check(&self) -> Result<()> {
        match &self.failed {
            None => Ok(()),
            Some(Failure::Corrupt(s)) => Err(Error::Corrupt(s.clone())),
            Some(Failure::Lost(s)) => Err(Error::Lost(s.clone())),
        }
    }

    pub fn is_sound(&self) -> bool {
        self.failed.is_none()
    }

    /// The peer's arm word, without which the memory is gone.
    pub fn peer_arm(&mut self) -> Result<u64> {
        let arm = self.peer.arm.arm.load(Ordering::Acquire);
        if arm & layout::ARM_VALID == 0 {
            return self.keep(Err(Error::Lost(format!(
                "expected the peer's arm word with its valid bit, found {arm:#x}"
            ))));
        }
        Ok(arm)
    }

    /// Whether the peer's arm word asks for nothing that was not looked at.
    #[inline]
    pub fn is_quiet(&self) -> bool {
        // [G1] pairs with the store in Gate::prepare.
        self.peer.arm.arm.load(Ordering::Acquire) == self.quiet
    }

    /// Looks, after a publish, whether the peer sleeps.
    #[inline]
    pub fn shown(&mut self) {
        published();
        if !self.is_quiet() {
            self.signal(true);
        }
    }

    /// The slow half of the look at the peer's arm word. Unless it is to be `now`, a
    /// sleeper is left asleep, to be looked at again.
    #[cold]
    pub fn signal(&mut self, now: bool) {
        let word = &self.peer.arm.arm;
        let mut arm = word.load(Ordering::Acquire); // [G1] pairs with the store in Gate::prepare
        let fenced = self.fenced || arm & layout::ARM_FENCE != 0;
        if fenced {
            fence(Ordering::SeqCst);
            arm = word.load(Ordering::Acquire); // [G1] likewise
        }
        if arm & layout::ARM_VALID == 0 {
            return; // the next operation finds out
        }
        if !now && self.wake.still(arm as u32) {
            return;
        }
        self.wake.wake(arm);
        self.quiet = if fenced || arm & layout::ARM_CLOSED != 0 {
            NEVER_QUIET
        } else {
            arm
        };
    }

    /// Waits a little for `changed`. The caller tries again when it returns.
    pub fn pause(&mut self, wait: &mut Wait, changed: impl Fn() -> bool) -> Result<()> {
        let paused = wait.pause(&mut self.sleeper, changed);
        if self.keep(paused)? == Paused::InVain {
            self.forlorn()?;
        }
        Ok(())
    }

    /// Finds out, after sleeps in vain, whether anybody can still come.
    fn forlorn(&mut self) -> Result<()> {
        let removed = self.ring.inner.region.is_removed();
        if self.keep(removed)? && !self.ring.is_attached(self.peer.role)? {
            return Err(Error::Removed);
        }
        Ok(())
    }
}

/// When this process was started: field 22 of /proc/self/stat. The name before it may
/// hold blanks and brackets. 0 where that is not known; it is for people.
pub(crate) fn start_time() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = text.rsplit(')').next().unwrap_or_default();
    fields
        .split_whitespace()
        .nth(22 - 3)
        .and_then(|f| f.parse().ok())
        .unwrap_or(0)
}
