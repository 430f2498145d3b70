//! Taking a role: what may be said about it.

use crate::cast::Begin;
use crate::consumer::Consumer;
use crate::error::{Error, Result};
use crate::producer::Producer;
use crate::ring::{Ring, Role};
use crate::subscriber::Subscriber;
use crate::sys;
use crate::wait::Strategy;

/// How an endpoint is to be: made by [`Ring::endpoint`].
///
/// ```no_run
/// # fn main() -> annulus::Result<()> {
/// # let ring = annulus::Ring::open("greetings")?;
/// let mut producer = ring.endpoint().strategy(annulus::Strategy::Spin).producer()?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct EndpointBuilder {
    ring: Ring,
    pub(crate) strategy: Strategy,
    pub(crate) tag: u64,
}

impl Ring {
    /// Begins to take a role in another way than by default.
    pub fn endpoint(&self) -> EndpointBuilder {
        EndpointBuilder {
            ring: self.clone(),
            strategy: Strategy::default(),
            tag: 0,
        }
    }

    /// Takes the producer role, to sleep on a futex where it waits.
    /// [`Error::Attached`] while another producer lives; after its death the new one goes
    /// on behind what was committed. In a ring of many it is one more producer,
    /// [`Error::Attached`] when all places are taken.
    pub fn producer(&self) -> Result<Producer> {
        self.endpoint().producer()
    }

    /// Takes the consumer role, likewise: a new one goes on at the first message that
    /// its predecessor has not released.
    pub fn consumer(&self) -> Result<Consumer> {
        self.endpoint().consumer()
    }
}

impl EndpointBuilder {
    /// How it waits.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// Rings of many: keeps the producer's place under a number of its own for its
    /// successor, which gives the same one, until it closes in order. 0: does not. See
    /// [`Producer::committed`].
    pub fn tag(mut self, tag: u64) -> Self {
        self.tag = tag;
        self
    }

    /// Takes the producer role: see [`Ring::producer`].
    pub fn producer(&self) -> Result<Producer> {
        self.check(Role::Producer)?;
        Producer::attach(&self.ring, self)
    }

    /// Takes the consumer role: see [`Ring::consumer`].
    pub fn consumer(&self) -> Result<Consumer> {
        self.check(Role::Consumer)?;
        Consumer::attach(&self.ring, self)
    }

    /// Begins to receive from a broadcast ring: see [`Subscriber`]. Where the producer waits
    /// for its consumers, the backlog is the latest message.
    pub fn subscriber(&self, begin: Begin) -> Result<Subscriber> {
        Subscriber::attach(&self.ring, self, begin)
    }

    fn check(&self, role: Role) -> Result<()> {
        let region = &self.ring.inner.region;
        if region.readonly {
            return Err(Error::Permission(format!(
                "{}: expected a ring that is open for writing, as a {role} needs it, found one opened read-only",
                region.name
            )));
        }
        if self.strategy == Strategy::Semaphore {
            if self.ring.many(role) {
                return Err(Error::Invalid(format!(
                    "expected a strategy for many {role}s, found Semaphore: they sleep on futexes or spin"
                )));
            }
            if !sys::SEMAPHORES {
                return Err(Error::Unsupported(
                    "expected glibc for the ring's semaphores, found another C library".into(),
                ));
            }
        }
        Ok(())
    }
}
