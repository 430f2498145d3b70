//! Waiting: a few looks, then bounded sleeps. Section 6 of the specification.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::{Error, Result};
use crate::gate::Gate;

/// How a blocking call waits once its first looks found nothing. The other side may
/// wait in another way.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Never sleeps: one processor busy, least latency.
    Spin,
    /// Sleeps on the ring's futex word.
    #[default]
    Futex,
    /// Sleeps on the ring's `sem_t`; glibc, and where one endpoint has the side.
    Semaphore,
}

/// Looks before a sleep.
const SPINS: u32 = 200;
/// Looks before a look at the clock, of who never sleeps.
const SPIN_CHUNK: u32 = 1000;
/// The first sleep of a wait.
const FIRST_SLICE: Duration = Duration::from_millis(1);
/// Bounds one sleep: a peer may be killed between its publish and its wake.
const SLICE: Duration = Duration::from_millis(50);
/// The first and the longest pause of who cannot tell anybody that it sleeps.
const FIRST_POLL: Duration = Duration::from_micros(50);
const POLL: Duration = Duration::from_millis(1);

/// Who waits, and where.
pub(crate) struct Sleeper {
    /// None: nobody can be told, since the memory is mapped read-only.
    gate: Option<Gate>,
    strategy: Strategy,
    cancelled: Arc<AtomicBool>,
    /// Sleeps of this wait.
    pub idle: u32,
    /// Pauses between two looks.
    pub step: u32,
}

impl Sleeper {
    pub fn new(gate: Option<Gate>, strategy: Strategy) -> Self {
        Self {
            gate,
            strategy,
            cancelled: Arc::new(AtomicBool::new(false)),
            idle: 0,
            step: 1,
        }
    }

    pub fn canceller(&self) -> Canceller {
        Canceller {
            flag: Arc::clone(&self.cancelled),
            gate: self.gate.clone(),
        }
    }
}

/// Ends waits from outside. Any thread may use it, at any time; it may outlive the
/// endpoint.
#[derive(Clone)]
pub struct Canceller {
    flag: Arc<AtomicBool>,
    gate: Option<Gate>,
}

impl Canceller {
    /// Lets a waiting call, and every later one that would wait, return
    /// [`Error::Cancelled`].
    pub fn cancel(&self) {
        self.flag.store(true, Ordering::SeqCst);
        if let Some(gate) = &self.gate {
            gate.interrupt();
        }
    }
}

impl fmt::Debug for Canceller {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Canceller")
            .field("cancelled", &self.flag)
            .finish()
    }
}

/// What came of a pause.
#[derive(PartialEq, Eq)]
pub(crate) enum Paused {
    /// Look once more.
    Again,
    /// Likewise, and whether anybody can still come: some sleeps were in vain.
    InVain,
}

/// A wait in progress.
pub(crate) struct Wait {
    /// None: for ever.
    deadline: Option<Instant>,
    slice: Duration,
    spun: u32,
    /// The epoch of a sleep that was announced and not begun.
    prepared: Option<u32>,
    armed: bool,
}

impl Wait {
    /// None waits for ever, or what is as good as that.
    pub fn new(timeout: Option<Duration>) -> Self {
        Self {
            deadline: timeout.and_then(|t| Instant::now().checked_add(t)),
            slice: Duration::ZERO,
            spun: 0,
            prepared: None,
            armed: false,
        }
    }

    /// What is left of the time allowed.
    fn left(&self) -> Result<Option<Duration>> {
        let left = self
            .deadline
            .map(|d| d.saturating_duration_since(Instant::now()));
        match left {
            Some(Duration::ZERO) => Err(Error::Timeout),
            left => Ok(left),
        }
    }

    /// How long the next sleep is, of those from `first` to `most`: short ones at first
    /// find what is not worth a wake to the peer.
    fn next_slice(&mut self, first: Duration, most: Duration, left: Option<Duration>) -> Duration {
        self.slice = (2 * self.slice).clamp(first, most);
        left.map_or(self.slice, |l| l.min(self.slice))
    }

    /// Waits a little for `changed`. The caller tries again when it returns.
    pub fn pause(&mut self, who: &mut Sleeper, changed: impl Fn() -> bool) -> Result<Paused> {
        if who.cancelled.load(Ordering::SeqCst) {
            return Err(Error::Cancelled);
        }
        let spin = who.strategy == Strategy::Spin;
        let chunk = if spin { SPIN_CHUNK } else { SPINS };
        if spin || self.spun < chunk {
            for i in 0..chunk {
                if i % who.step == 0 && changed() {
                    return Ok(Paused::Again);
                }
                self.spun = self.spun.saturating_add(1);
                std::hint::spin_loop();
            }
            if spin {
                std::thread::yield_now(); // the peer may be waiting for this processor
            }
            return self.left().map(|_| Paused::Again);
        }
        let left = self.left()?;
        match &who.gate {
            None => std::thread::sleep(self.next_slice(FIRST_POLL, POLL, left)),
            Some(gate) => {
                let semaphore = who.strategy == Strategy::Semaphore;
                let Some(epoch) = self.prepared.take() else {
                    self.prepared = Some(gate.prepare(semaphore));
                    self.armed = true;
                    return Ok(Paused::Again); // to look once more, now that the peer is told
                };
                let bound = self.next_slice(FIRST_SLICE, SLICE, left);
                gate.sleep(semaphore, epoch, bound)
                    .map_err(|e| match e.raw_os_error() {
                        Some(libc::EFAULT) => {
                            Error::Lost(format!("the memory under the gate is gone: {e}"))
                        }
                        _ => Error::system("sleep", e),
                    })?;
            }
        }
        who.idle += 1;
        Ok(if who.idle % 4 == 0 {
            Paused::InVain
        } else {
            Paused::Again
        })
    }

    /// Ends a wait, whatever came of it.
    pub fn done(self, who: &mut Sleeper) {
        who.idle = 0;
        if let Some(gate) = who.gate.as_ref().filter(|_| self.armed) {
            gate.cancel();
        }
    }
}
