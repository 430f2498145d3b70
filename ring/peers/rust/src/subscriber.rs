//! The receiving end of a broadcast ring.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::cast::{need, Begin, Cast, Header, Place};
use crate::endpoint::End;
use crate::error::{Error, Result};
use crate::gate::published;
use crate::layout;
use crate::ring::{Info, Ring, Role};
use crate::side::Entry;
use crate::wait::{Canceller, Paused, Sleeper, Wait};

/// The receiving end of a broadcast ring: each gets every message that is sent from
/// where it began.
///
/// Messages are copied out; one that was overwritten meanwhile is never returned. Where
/// nobody waits, who is too slow gets [`Error::Overrun`] and goes on with the latest message.
///
/// On a ring that was opened read-only it takes no place and tells nobody of itself: it
/// polls, and nobody waits for it, so that it may be overrun in any ring. Where nobody
/// waits it does without a place too if all are taken.
pub struct Subscriber {
    pub(crate) ring: Ring,
    pub(crate) cast: Cast,
    pub(crate) at: Place,
    /// What is known to be there: up to here.
    pub(crate) tail: u64,
    /// Its place in the table, unless it only looks.
    pub(crate) end: Option<End>,
    /// How it waits without one.
    pub(crate) poller: Sleeper,
    /// This session of the producer had ended before.
    pub(crate) ignored: u32,
    pub(crate) lost: u64,
    /// The position at which the producer was last told of space.
    pub(crate) owed: u64,
    pub(crate) failed: Option<String>,
}

impl Ring {
    /// Begins to receive from a broadcast ring, with what is sent from now on. See
    /// [`EndpointBuilder::subscriber`](crate::EndpointBuilder::subscriber) for other places to begin.
    pub fn subscriber(&self) -> Result<Subscriber> {
        self.endpoint().subscriber(Begin::Behind)
    }
}

impl Subscriber {
    /// What the ring is.
    pub fn info(&self) -> Info {
        self.ring.info()
    }

    /// Its place in the table, if it has one.
    pub(crate) fn entry(&self) -> Option<&Entry> {
        self.end.as_ref().and_then(|end| end.entry.as_ref())
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
        if let Some(entry) = self.entry() {
            entry.member.skipped.store(self.lost, Ordering::Release);
        }
        Err(Error::Overrun { lost })
    }

    /// Tells how far this consumer has come, behind a message of `n` bytes.
    fn release(&mut self, n: u64) {
        if let Some(entry) = self.entry() {
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
