//! The receiving end of a broadcast ring.

use std::sync::atomic::{fence, Ordering};
use std::time::Duration;

use crate::attach::EndpointBuilder;
use crate::cast::{need, Begin, Cast, Header, Place};
use crate::endpoint::End;
use crate::error::{Error, Result};
use crate::gate::published;
use crate::layout;
use crate::member::join;
use crate::ring::{Info, Ring, Role};
use crate::wait::{Canceller, Paused, Sleeper, Strategy, Wait};

/// The receiving end of a broadcast ring: each gets every message that is sent from
/// where it began.
///
/// Messages are copied out; one that was overwritten meanwhile is never returned. Where
/// the producer does not wait for its consumers, who is too slow gets
/// [`Error::Overrun`] and goes on with the latest message.
///
/// On a ring that was opened read-only it takes no place and tells nobody of itself: it
/// polls. Such a ring must not be one whose producer waits for consumers.
pub struct Subscriber {
    ring: Ring,
    cast: Cast,
    at: Place,
    /// What is known to be there: up to here.
    tail: u64,
    /// Its place in the table, unless it only looks.
    end: Option<End>,
    /// How it waits without one.
    poller: Sleeper,
    /// This session of the producer had ended before.
    ignored: u32,
    lost: u64,
    /// The position at which the producer was last told of space.
    owed: u64,
    failed: Option<String>,
}

impl Ring {
    /// Begins to receive from a broadcast ring, with what is sent from now on. See
    /// [`EndpointBuilder::subscriber`] for other places to begin.
    pub fn subscriber(&self) -> Result<Subscriber> {
        self.endpoint().subscriber(Begin::Behind)
    }
}

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
        if readonly && stays {
            return Err(Error::Permission(
                "expected a ring that is open for writing, as its producer waits for consumers, found one opened read-only"
                    .into(),
            ));
        }
        let cast = Cast::of(ring);
        let p = &cast.producer.endpoint;
        let session = p.session.load(Ordering::Acquire);
        let over = begin == Begin::Behind && p.closed.load(Ordering::Acquire) == session;
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
            let entry = join(ring, 0, &[])?;
            let end = End::new(ring, Role::Consumer, Some(entry), with.strategy);
            made.end = Some(end);
            if let Err(e) = made.announce(begin) {
                if let Some(end) = made.end.take() {
                    end.leave();
                }
                return Err(e);
            }
        }
        made.tail = made.at.pos;
        made.owed = made.at.pos;
        Ok(made)
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
    fn tell(&self) {
        if let Some(entry) = self.end.as_ref().and_then(|end| end.entry.as_ref()) {
            entry.member.drawn.store(self.at.pos, Ordering::Release); // [B3] pairs with the producer's load
        }
    }

    /// What the ring is.
    pub fn info(&self) -> Info {
        self.ring.info()
    }

    /// How many messages were sent before the next one.
    pub fn number(&self) -> u64 {
        self.at.number
    }

    /// Messages that this consumer has lost to overruns.
    pub fn lost(&self) -> u64 {
        self.lost
    }

    /// Ends waits of this consumer from outside.
    pub fn canceller(&self) -> Canceller {
        match &self.end {
            Some(end) => end.sleeper.canceller(),
            None => self.poller.canceller(),
        }
    }

    /// Copies the next message to `buf`, in place of what is there. [`Error::Empty`] if there
    /// is none now, [`Error::Overrun`] if the next ones are lost, [`Error::End`] once the
    /// producer has closed.
    pub fn try_recv(&mut self, buf: &mut Vec<u8>) -> Result<()> {
        if let Some(what) = &self.failed {
            return Err(Error::Corrupt(what.clone()));
        }
        let taken = self.take(buf);
        if let Err(Error::Corrupt(what)) = &taken {
            self.failed = Some(what.clone());
        }
        taken
    }

    /// [`try_recv`](Subscriber::try_recv) that waits while there is no message.
    pub fn recv(&mut self, buf: &mut Vec<u8>) -> Result<()> {
        self.recv_within(buf, None)
    }

    /// [`recv`](Subscriber::recv) that waits for `timeout` at the most.
    pub fn recv_timeout(&mut self, buf: &mut Vec<u8>, timeout: Duration) -> Result<()> {
        self.recv_within(buf, Some(timeout))
    }

    fn recv_within(&mut self, buf: &mut Vec<u8>, timeout: Option<Duration>) -> Result<()> {
        match self.try_recv(buf) {
            Err(Error::Empty) => {}
            done => return done,
        }
        let mut wait = Wait::new(timeout);
        let done = loop {
            if let Err(e) = self.pause(&mut wait) {
                break Err(e);
            }
            match self.try_recv(buf) {
                Err(Error::Empty) => {}
                done => break done,
            }
        };
        wait.done(match &mut self.end {
            Some(end) => &mut end.sleeper,
            None => &mut self.poller,
        });
        done
    }

    fn pause(&mut self, wait: &mut Wait) -> Result<()> {
        let (cast, pos) = (&self.cast, self.at.pos);
        let changed = || cast.tail() != pos;
        match &mut self.end {
            Some(end) => end.pause(wait, changed),
            None => {
                let in_vain = wait.pause(&mut self.poller, changed)? == Paused::InVain;
                if in_vain
                    && self.ring.inner.region.is_removed()?
                    && !self.ring.is_attached(Role::Producer)?
                {
                    return Err(Error::Removed);
                }
                Ok(())
            }
        }
    }

    /// Copies the next message. Whatever is loaded may be anything until intent has been
    /// looked at.
    fn take(&mut self, buf: &mut Vec<u8>) -> Result<()> {
        // Nothing is lost by at most one jump to the latest message and one over padding;
        // then a message is due.
        for _ in 0..4 {
            if self.at.pos == self.tail {
                self.arrived()?;
            }
            let Place { pos, number } = self.at;
            let word = self.cast.header(pos); // [B2] behind the load of tail
            if let Some(n) = self.cast.length(pos, word) {
                let n = n as usize;
                // What may be anything does not get to allocate.
                if n <= buf.capacity() || self.cast.is_untouched(pos) {
                    buf.resize(n, 0);
                    self.cast.data.copy_torn(pos, buf);
                }
            }
            if !self.cast.is_untouched(pos) {
                buf.clear();
                self.overtaken()?;
                continue;
            }
            match self.cast.judge(pos, word, number)? {
                Header::Pad(n) => self.at.pos = pos.wrapping_add(need(n)),
                Header::Message(n) => {
                    self.at = Place {
                        pos: pos.wrapping_add(need(n)),
                        number: number.wrapping_add(1),
                    };
                    self.release(n);
                    return Ok(());
                }
            }
        }
        Err(Error::Corrupt(format!(
            "expected message {} before tail {}, found none at position {}",
            self.at.number, self.tail, self.at.pos
        )))
    }

    /// Looks how far the producer has come: beyond this consumer, or an error that says why
    /// not.
    fn arrived(&mut self) -> Result<()> {
        self.tail = self.cast.tail();
        let ahead = self.tail.wrapping_sub(self.at.pos) as i64;
        if ahead < 0 {
            let (tail, pos) = (std::mem::replace(&mut self.tail, self.at.pos), self.at.pos);
            return Err(Error::Corrupt(format!(
                "expected a tail from {pos} on, found {tail}"
            )));
        }
        if ahead > 0 {
            return Ok(());
        }
        let arm = self.cast.producer.arm.arm.load(Ordering::Acquire);
        if arm & layout::ARM_VALID == 0 {
            return Err(Error::Lost(format!(
                "expected the producer's arm word with its valid bit, found {arm:#x}"
            )));
        }
        if self.owed != self.at.pos {
            self.owed = self.at.pos;
            self.wake(true);
        }
        let p = &self.cast.producer.endpoint;
        let closed = p.closed.load(Ordering::Acquire); // [P2] pairs with the producer's store
        let session = p.session.load(Ordering::Acquire);
        // What was sent before the close is visible now: look once more.
        if closed != 0
            && closed == session
            && session != self.ignored
            && self.cast.tail() == self.at.pos
        {
            return Err(Error::End);
        }
        Err(Error::Empty)
    }

    /// Goes to the latest message where the producer has overwritten what was due. Ok:
    /// nothing was lost.
    fn overtaken(&mut self) -> Result<()> {
        let place = self.cast.place(Begin::Latest)?;
        let lost = place.number.wrapping_sub(self.at.number);
        if place.pos.wrapping_sub(self.at.pos) as i64 <= 0 || (lost as i64) < 0 {
            return Err(Error::Corrupt(format!(
                "expected a latest message behind {:?}, found {place:?}",
                self.at
            )));
        }
        self.at = place;
        self.tail = place.pos;
        if lost == 0 {
            return Ok(());
        }
        self.lost = self.lost.wrapping_add(lost);
        if let Some(entry) = self.end.as_ref().and_then(|end| end.entry.as_ref()) {
            entry.member.skipped.store(self.lost, Ordering::Release);
        }
        Err(Error::Overrun { lost })
    }

    /// Tells how far this consumer has come, behind a message of `n` bytes.
    fn release(&mut self, n: u64) {
        if let Some(entry) = self.end.as_ref().and_then(|end| end.entry.as_ref()) {
            let m = &entry.member;
            let received = m.received.load(Ordering::Relaxed).wrapping_add(1);
            m.received.store(received, Ordering::Relaxed);
            let bytes = m.received_bytes.load(Ordering::Relaxed).wrapping_add(n);
            m.received_bytes.store(bytes, Ordering::Relaxed);
            self.tell();
            if self.ring.waits_for_consumers() {
                let due = self.at.pos.wrapping_sub(self.owed) >= self.cast.size / 4;
                if due {
                    self.owed = self.at.pos;
                }
                self.wake(due);
            }
        }
    }

    /// Looks whether the producer sleeps for want of space.
    fn wake(&mut self, now: bool) {
        if let Some(end) = &mut self.end {
            published();
            if !end.is_quiet() {
                end.signal(now);
            }
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

impl std::fmt::Debug for Subscriber {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Subscriber")
            .field("ring", &self.ring)
            .field("number", &self.at.number)
            .field("lost", &self.lost)
            .finish()
    }
}
