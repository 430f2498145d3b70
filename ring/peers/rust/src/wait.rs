//! Waiting: a few looks, then bounded sleeps. Section 6 of the specification.

use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use crate::endpoint::End;
use crate::error::{Error, Result};

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

    fn left(&self) -> Option<Duration> {
        self.deadline
            .map(|d| d.saturating_duration_since(Instant::now()))
    }

    fn over(&self) -> bool {
        self.left() == Some(Duration::ZERO)
    }

    /// Waits a little for `changed`. The caller tries again when it returns.
    pub fn pause(&mut self, end: &mut End, changed: impl Fn() -> bool) -> Result<()> {
        if end.cancelled.load(Ordering::SeqCst) {
            return Err(Error::Cancelled);
        }
        let spin = end.strategy == Strategy::Spin;
        let chunk = if spin { SPIN_CHUNK } else { SPINS };
        if spin || self.spun < chunk {
            for _ in 0..chunk {
                if changed() {
                    return Ok(());
                }
                self.spun = self.spun.saturating_add(1);
                std::hint::spin_loop();
            }
            if spin {
                std::thread::yield_now(); // the peer may be waiting for this processor
            }
            return if self.over() {
                Err(Error::Timeout)
            } else {
                Ok(())
            };
        }
        let semaphore = end.strategy == Strategy::Semaphore;
        let left = self.left();
        if left == Some(Duration::ZERO) {
            return Err(Error::Timeout);
        }
        let Some(epoch) = self.prepared.take() else {
            self.prepared = Some(end.sleep.prepare(semaphore));
            self.armed = true;
            return Ok(()); // to look once more, now that the peer is told
        };
        // Short sleeps at first find what is not worth a wake to the peer.
        self.slice = (2 * self.slice).clamp(FIRST_SLICE, SLICE);
        let bound = left.map_or(self.slice, |l| l.min(self.slice));
        if let Err(e) = end.sleep.sleep(semaphore, epoch, bound) {
            let lost = e.raw_os_error() == Some(libc::EFAULT);
            return end.keep(Err(if lost {
                Error::Lost(format!("the memory under the gate is gone: {e}"))
            } else {
                Error::system("sleep", e)
            }));
        }
        end.idle += 1;
        if end.idle % 4 == 0 {
            end.forlorn()?;
        }
        Ok(())
    }

    /// Ends a wait, whatever came of it.
    pub fn done(self, end: &mut End) {
        end.idle = 0;
        if self.armed {
            end.sleep.cancel();
        }
    }
}
