//! The sending end.

use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::endpoint::End;
use crate::error::{Error, Result};
use crate::layout;
use crate::member::end_producers;
use crate::outlet::Outlet;
use crate::reservation::Reservation;
use crate::ring::Info;
use crate::wait::{Canceller, Wait};

/// The sending end of a ring. A message is committed when the call that sends or
/// publishes it has returned: it survives the death of this process.
///
/// Dropping it closes the producer in order, as [`close`](Producer::close) does.
pub struct Producer {
    pub(crate) end: End,
    pub(crate) out: Outlet,
    pub(crate) info: Info,
    pub(crate) detached: bool,
}

impl Producer {
    /// What the ring is.
    pub fn info(&self) -> &Info {
        &self.info
    }

    /// How far this producer and those before it have come: a position, of an SPSC ring or
    /// a lane; messages sent under its tag in an MPMC ring or one of one order, or without a
    /// tag in its place of the table. Who notes it before a send and dies learns, as the successor, whether
    /// that took effect: if it is greater.
    pub fn committed(&self) -> u64 {
        self.out.committed()
    }

    /// Messages that the producers of a broadcast ring have dropped in place of waiting
    /// ([`Overrun::Drop`](crate::Overrun::Drop)); 0 in other rings.
    pub fn dropped(&self) -> u64 {
        match &self.out {
            Outlet::Cast(c) => c.dropped(),
            _ => 0,
        }
    }

    /// Ends waits of this producer from outside.
    pub fn canceller(&self) -> Canceller {
        self.end.sleeper.canceller()
    }

    /// The closer look before an operation.
    #[cold]
    fn admit(&mut self, n: usize) -> Result<()> {
        self.end.check()?;
        let closed = self.end.peer_arm()? & layout::ARM_CLOSED != 0;
        if closed && !matches!(self.out, Outlet::Cast(_)) {
            return Err(Error::Closed);
        }
        let most = self.info.max_message;
        if self.info.exact && n != most {
            return Err(Error::WrongSize {
                found: n,
                expected: most,
            });
        }
        if n > most {
            return Err(Error::TooLarge { found: n, most });
        }
        let room = self.make_room(n as u64);
        self.end.keep(room)
    }

    fn make_room(&mut self, n: u64) -> Result<()> {
        let idle = self.end.sleeper.idle;
        match &mut self.out {
            Outlet::Stream(s) => s.make_room(n),
            Outlet::Cast(c) => c.make_room(n, idle),
            Outlet::Granules(g) => g.make_room(n, &mut self.end),
            Outlet::Tickets(t) => {
                if t.staged > 0 && t.extend() {
                    return Ok(());
                }
                t.publish_staged(&mut self.end);
                t.draw(idle)
            }
        }
    }

    /// Opens a reservation. One that was leaked is given up.
    #[inline]
    pub(crate) fn open(&mut self, n: usize) -> Result<()> {
        let size = if self.info.exact {
            n == self.info.max_message
        } else {
            n <= self.info.max_message
        };
        if !(size && self.out.has_room(n as u64) && self.end.is_quiet()) {
            self.abort();
            self.admit(n)?;
        }
        self.out.reserve(n as u64);
        Ok(())
    }

    /// Commits a copy if that takes no closer look.
    #[inline]
    fn put(&mut self, message: &[u8]) -> bool {
        let n = message.len();
        match &mut self.out {
            Outlet::Stream(s)
                if s.has_room(n as u64)
                    && n <= self.info.max_message
                    && (n == self.info.max_message || !self.info.exact)
                    && self.end.is_quiet() =>
            {
                s.put(message);
            }
            _ => return false,
        }
        self.end.shown();
        true
    }

    fn open_waiting(&mut self, n: usize, timeout: Option<Duration>) -> Result<()> {
        match self.open(n) {
            Err(Error::Full) => {}
            done => return done,
        }
        self.publish(); // else the consumer could make no room
        let mut wait = Wait::new(timeout);
        let done = loop {
            let out = &self.out;
            if let Err(e) = self.end.pause(&mut wait, || out.changed()) {
                break Err(e);
            }
            match self.open(n) {
                Err(Error::Full) => {}
                done => break done,
            }
        };
        wait.done(&mut self.end.sleeper);
        done
    }

    /// Commits a copy of `message`, behind what is staged, which is published before.
    /// [`Error::Full`] if it does not fit now.
    #[inline]
    pub fn try_send(&mut self, message: &[u8]) -> Result<()> {
        if self.put(message) {
            return Ok(());
        }
        self.publish();
        self.open(message.len())?;
        self.fill(message);
        Ok(())
    }

    /// [`try_send`](Producer::try_send) that waits while the ring is full.
    #[inline]
    pub fn send(&mut self, message: &[u8]) -> Result<()> {
        self.send_within(message, None)
    }

    /// [`send`](Producer::send) that waits for `timeout` at the most: then
    /// [`Error::Timeout`].
    pub fn send_timeout(&mut self, message: &[u8], timeout: Duration) -> Result<()> {
        self.send_within(message, Some(timeout))
    }

    #[inline]
    fn send_within(&mut self, message: &[u8], timeout: Option<Duration>) -> Result<()> {
        if self.put(message) {
            return Ok(());
        }
        self.publish();
        self.open_waiting(message.len(), timeout)?;
        self.fill(message);
        Ok(())
    }

    #[inline]
    fn fill(&mut self, message: &[u8]) {
        self.out.room().copy_from_slice(message);
        self.out.stage(message.len() as u64);
        self.publish();
    }

    /// Sends all `messages` and returns how many. They become visible together as far as
    /// they fit into the ring together; where they do not, it waits for room, and those
    /// before are visible earlier. In MPMC rings they become visible one by one. After an
    /// error those before it were sent.
    pub fn send_batch<'a>(
        &mut self,
        messages: impl IntoIterator<Item = &'a [u8]>,
    ) -> Result<usize> {
        let mut n = 0;
        let mut done = Ok(());
        for message in messages {
            match self.reserve(message.len()) {
                Ok(mut room) => {
                    room.copy_from_slice(message);
                    room.stage();
                    n += 1;
                }
                Err(e) => {
                    done = Err(e);
                    break;
                }
            }
        }
        self.publish();
        done.map(|()| n)
    }

    /// Opens a reservation: `n` bytes in the ring, to be filled in place. They hold
    /// anything. [`Error::Full`] if there is no room now.
    pub fn try_reserve(&mut self, n: usize) -> Result<Reservation<'_>> {
        self.open(n)?;
        Ok(Reservation::new(self))
    }

    /// [`try_reserve`](Producer::try_reserve) that waits, after it has published what is
    /// staged.
    pub fn reserve(&mut self, n: usize) -> Result<Reservation<'_>> {
        self.open_waiting(n, None)?;
        Ok(Reservation::new(self))
    }

    /// [`reserve`](Producer::reserve) that waits for `timeout` at the most.
    pub fn reserve_timeout(&mut self, n: usize, timeout: Duration) -> Result<Reservation<'_>> {
        self.open_waiting(n, Some(timeout))?;
        Ok(Reservation::new(self))
    }

    /// Makes all that is staged visible: at once, but in MPMC rings one by one.
    #[inline]
    pub fn publish(&mut self) {
        if self.out.staged() > 0 {
            self.out.publish();
            self.end.shown();
        }
    }

    /// Gives the open reservation up, if there is one.
    pub(crate) fn abort(&mut self) {
        if self.out.abort() {
            self.end.shown(); // others may wait behind it
        }
    }

    /// Messages that are staged and not published.
    pub fn staged(&self) -> usize {
        self.out.staged() as usize
    }

    /// Ends this producer in order: what is committed stays, consumers get the end behind
    /// it once the last producer is gone, the place is free. What is only staged is given
    /// up.
    pub fn close(mut self) -> Result<()> {
        self.detach()
    }

    fn detach(&mut self) -> Result<()> {
        if std::mem::replace(&mut self.detached, true) {
            return Ok(());
        }
        let mut done = Ok(());
        if self.end.is_sound() {
            self.out.give_up();
            done = end_producers(&self.end);
            if let Some(e) = &self.end.entry {
                e.holder.tag.store(0, Ordering::Release); // pairs with the load in join
            }
            self.end.wake.interrupt();
        }
        self.end.leave();
        done
    }
}

impl Drop for Producer {
    fn drop(&mut self) {
        // Nobody is there to be told that the look at the others has failed; then the
        // session stays open, as after a death.
        let _ = self.detach();
    }
}

impl std::fmt::Debug for Producer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Producer")
            .field("ring", &self.end.ring)
            .field("committed", &self.committed())
            .field("staged", &self.staged())
            .finish()
    }
}
