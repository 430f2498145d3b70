//! Taking a place at a broadcast ring, and giving it back. Section 12 of the specification, "Attach" and
//! "Leave".

use std::sync::atomic::{fence, Ordering};

use crate::attach::EndpointBuilder;
use crate::cast::{Begin, Cast};
use crate::endpoint::End;
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::layout;
use crate::member::join;
use crate::ring::{Ring, Role};
use crate::side::Entry;
use crate::subscriber::Subscriber;
use crate::wait::{Sleeper, Strategy};

impl Subscriber {
    pub(crate) fn attach(ring: &Ring, with: &EndpointBuilder, begin: Begin) -> Result<Self> {
        if ring.inner.geometry.topology != layout::TOPOLOGY_CAST {
            return Err(Error::Unsupported(format!(
                "expected a broadcast ring, found {:?}: see Ring::consumer",
                ring.info().topology
            )));
        }
        if with.strategy == Strategy::Semaphore {
            return Err(Error::Invalid(
                "expected a strategy for many consumers, found Semaphore: they sleep on futexes or spin"
                    .into(),
            ));
        }
        let stays = ring.waits_for_consumers();
        let readonly = ring.inner.region.readonly;
        let cast = Cast::of(ring);
        let p = &cast.producer.endpoint;
        // In this order, and before the place: an end that comes now is not missed.
        let closed = p.closed.load(Ordering::Acquire);
        let session = p.session.load(Ordering::Acquire);
        let over = begin == Begin::Behind && closed == session;
        let begin = ring.first(begin);
        let mut made = Self {
            at: cast.place(begin)?,
            cast,
            tail: 0,
            end: None,
            poller: Sleeper::new(None, with.strategy),
            ignored: if over { session } else { 0 },
            lost: 0,
            owed: 0,
            failed: None,
            ring: ring.clone(),
        };
        if !readonly {
            match join(ring, 0, &[]) {
                Ok(entry) => made.enter(entry, begin, with.strategy)?,
                // Who is not waited for may do without a place, but for the gate.
                Err(Error::Attached(_)) if !stays => {
                    let gate = Gate::of(ring, Role::Consumer);
                    made.poller = Sleeper::new(Some(gate), with.strategy);
                }
                Err(e) => return Err(e),
            }
        }
        made.tail = made.at.pos;
        made.owed = made.at.pos;
        Ok(made)
    }

    /// Begins in a place of the table.
    fn enter(&mut self, entry: Entry, begin: Begin, strategy: Strategy) -> Result<()> {
        let end = End::new(&self.ring, Role::Consumer, Some(entry), strategy);
        self.end = Some(end);
        let announced = self.announce(begin);
        if announced.is_err() {
            if let Some(end) = self.end.take() {
                end.leave();
            }
        }
        announced
    }

    /// Finds where to begin and says so. A producer that waits for consumers either sees
    /// that when it looks for the slowest of them, or has looked before: then what it stored
    /// before that look is seen here in the second round, and it goes a ring beyond it at
    /// the most.
    fn announce(&mut self, begin: Begin) -> Result<()> {
        for round in 0..2 {
            self.at = self.cast.place(begin)?;
            self.tell();
            if round == 0 {
                if let Some(end) = &self.end {
                    end.announce();
                }
                fence(Ordering::SeqCst);
            }
        }
        Ok(())
    }

    /// Stores how far this consumer has come.
    pub(crate) fn tell(&self) {
        if let Some(entry) = self.entry() {
            entry.member.drawn.store(self.at.pos, Ordering::Release); // [B3] pairs with the producer's load
        }
    }

    /// Ends this consumer: nobody waits for it any more.
    pub fn close(mut self) {
        self.detach();
    }

    fn detach(&mut self) {
        if let Some(end) = self.end.take() {
            if self.ring.waits_for_consumers() {
                if let Some(entry) = &end.entry {
                    let leaving = layout::STATE_LEAVING as u32;
                    entry.holder.state.store(leaving, Ordering::Release);
                }
                end.wake.interrupt();
            }
            end.leave();
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.detach();
    }
}
