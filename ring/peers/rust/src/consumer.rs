//! The receiving end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::endpoint::End;
use crate::error::{Error, Result};
use crate::gate::published;
use crate::inlet::Inlet;
use crate::member::end_consumers;
use crate::message::{Batch, Message, Messages};
use crate::ring::Info;
use crate::stream_in::Found;
use crate::wait::{Canceller, Wait};

/// The receiving end of a ring.
///
/// Delivery is at least once: a consumer that dies with messages in its hands leaves them
/// to the next one, and the end of the stream behind them too. (In an MPMC ring they are
/// dropped or go to another, as it was made.) [`recv`](Consumer::recv) has a message in
/// its hands only during the call; who peeks, until the guard is dropped.
///
/// Dropping it closes the consumer in order, as [`close`](Consumer::close) does.
pub struct Consumer {
    pub(crate) end: End,
    pub(crate) from: Inlet,
    pub(crate) info: Info,
    /// The session of the producers whose end was delivered.
    pub(crate) over: Option<u32>,
    /// What a batch holds; kept for its memory.
    pub(crate) batch: Vec<Found>,
    pub(crate) detached: bool,
}

impl Consumer {
    /// What the ring is.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// Ends waits of this consumer from outside.
    pub fn canceller(&self) -> Canceller {
        self.end.sleeper.canceller()
    }

    /// Finds the next message, and leaves it there.
    #[inline]
    pub(crate) fn find(&mut self) -> Result<Found> {
        self.end.check()?;
        let idle = self.end.sleeper.idle;
        self.from.begin();
        match self.from.next(idle) {
            Ok(Some(found)) => Ok(found),
            Ok(None) => Err(self.nothing()),
            // Of a lane: the others go on.
            Err(e) if self.from.spoils_part() => Err(e),
            Err(e) => self.end.keep(Err(e)),
        }
    }

    /// Why there is no message.
    #[cold]
    fn nothing(&mut self) -> Error {
        if let Err(e) = self.end.peer_arm() {
            return e;
        }
        // All is released: who waits for space need not wait for a quarter of the ring.
        if self.from.settle() {
            self.end.signal(true);
        }
        match self.ended() {
            Ok(true) => Error::End,
            Ok(false) => Error::Empty,
            Err(e) => e,
        }
    }

    /// Whether the stream is at its end, where nothing was found.
    fn ended(&mut self) -> Result<bool> {
        let p = &self.end.peer.endpoint;
        let closed = p.closed.load(Ordering::Acquire); // [P2] pairs with the store in end_producers
        let session = p.session.load(Ordering::Acquire);
        if self.over == Some(session) {
            return Ok(true);
        }
        self.over = None;
        if closed == 0 || closed != session {
            return Ok(false);
        }
        let mine = &self.end.mine.endpoint.drained;
        match &mut self.from {
            // Each consumer gets the end, once nobody has a message for it.
            Inlet::Tickets(t) => {
                if !t.is_drained()? {
                    return Ok(false);
                }
            }
            Inlet::Lanes(_) => {
                if closed == mine.load(Ordering::Acquire) {
                    return Ok(false);
                }
            }
            Inlet::Granules(g) => {
                if closed == mine.load(Ordering::Acquire) || !g.is_drained() {
                    return Ok(false);
                }
            }
        }
        // What was committed before the close is visible now: look once more.
        if self.from.changed() {
            return Ok(false);
        }
        self.over = Some(session);
        // Nothing is held that is not released. Pairs with the load above, of a successor.
        mine.store(session, Ordering::Release);
        Ok(true)
    }

    pub(crate) fn find_waiting(&mut self, timeout: Option<Duration>) -> Result<Found> {
        match self.find() {
            Err(Error::Empty) => {}
            done => return done,
        }
        let mut wait = Wait::new(timeout);
        let done = loop {
            let from = &self.from;
            if let Err(e) = self.end.pause(&mut wait, || from.changed()) {
                break Err(e);
            }
            match self.find() {
                Err(Error::Empty) => {}
                done => break done,
            }
        };
        wait.done(&mut self.end.sleeper);
        done
    }

    /// Gives messages back to their producers, up to what was found last.
    #[inline]
    pub(crate) fn release(&mut self, end: u64, messages: u64, bytes: u64) {
        self.from.release(end, messages, bytes);
        self.released();
    }

    #[inline]
    pub(crate) fn released(&mut self) {
        published();
        if !self.end.is_quiet() {
            let now = self.from.is_due();
            self.end.signal(now);
        }
    }

    /// Lends the next message out, in place. It is released when the guard is dropped.
    pub fn try_peek(&mut self) -> Result<Message<'_>> {
        let found = self.find()?;
        Ok(Message::new(self, found))
    }

    /// [`try_peek`](Consumer::try_peek) that waits while there is no message.
    pub fn peek(&mut self) -> Result<Message<'_>> {
        let found = self.find_waiting(None)?;
        Ok(Message::new(self, found))
    }

    /// [`peek`](Consumer::peek) that waits for `timeout` at the most.
    pub fn peek_timeout(&mut self, timeout: Duration) -> Result<Message<'_>> {
        let found = self.find_waiting(Some(timeout))?;
        Ok(Message::new(self, found))
    }

    /// Lends up to `most` messages out that lie together, at least one; all are released
    /// when the guard is dropped. `most` of 0 is taken for 1.
    pub fn try_peek_batch(&mut self, most: usize) -> Result<Batch<'_>> {
        let first = self.find()?;
        Ok(self.gather(first, most))
    }

    /// [`try_peek_batch`](Consumer::try_peek_batch) that waits while there is no message.
    pub fn peek_batch(&mut self, most: usize) -> Result<Batch<'_>> {
        let first = self.find_waiting(None)?;
        Ok(self.gather(first, most))
    }

    /// [`peek_batch`](Consumer::peek_batch) that waits for `timeout` at the most.
    pub fn peek_batch_timeout(&mut self, most: usize, timeout: Duration) -> Result<Batch<'_>> {
        let first = self.find_waiting(Some(timeout))?;
        Ok(self.gather(first, most))
    }

    fn gather(&mut self, first: Found, most: usize) -> Batch<'_> {
        let idle = self.end.sleeper.idle;
        self.batch.clear();
        self.batch.push(first);
        let mut last = first;
        while self.batch.len() < most {
            // What is wrong behind them is told when it is due.
            let Ok(Some(found)) = self.from.behind(&last, idle) else {
                break;
            };
            self.batch.push(found);
            last = found;
        }
        Batch::new(self)
    }

    /// Receives copies up to the end of the stream: an iterator that waits.
    pub fn messages(&mut self) -> Messages<'_> {
        Messages::new(self)
    }

    /// How often the message returned last was in the hands of a consumer that died, in an
    /// MPMC ring that redelivers; else 0.
    pub fn redelivered(&self) -> u32 {
        match &self.from {
            Inlet::Tickets(t) => t.redelivered,
            _ => 0,
        }
    }

    /// Ends this consumer: once the last one is gone, sends fail with [`Error::Closed`].
    /// What was not received stays in the ring.
    pub fn close(mut self) -> Result<()> {
        self.detach()
    }

    fn detach(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.detached, true) {
            return Ok(());
        }
        let mut done = Ok(());
        if !matches!(self.end.check(), Err(Error::Lost(_))) {
            if self.end.is_sound() {
                self.from.give_up();
            }
            done = end_consumers(&self.end);
            self.end.wake.interrupt();
        }
        self.end.leave();
        done
    }
}

impl Drop for Consumer {
    fn drop(&mut self) {
        // Nobody is there to be told that the look at the others has failed; then sends do
        // not fail, as after a death.
        let _ = self.detach();
    }
}

impl std::fmt::Debug for Consumer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Consumer")
            .field("ring", &self.end.ring)
            .field("over", &self.over.is_some())
            .finish()
    }
}
