//! Room in the ring, lent out to be filled in place.

use std::ops::{Deref, DerefMut};

use crate::error::{Error, Result};
use crate::producer::Producer;

/// Bytes of a ring that become a message: see [`Producer::reserve`]. What they hold at
/// first is anything. Dropping it gives the reservation up, as
/// [`abort`](Reservation::abort) does.
#[must_use = "a reservation that is dropped is given up"]
#[derive(Debug)]
pub struct Reservation<'a> {
    producer: &'a mut Producer,
    settled: bool,
}

impl<'a> Reservation<'a> {
    pub(crate) fn new(producer: &'a mut Producer) -> Self {
        Self {
            producer,
            settled: false,
        }
    }

    /// Commits all of it, with what was staged before.
    pub fn commit(mut self) {
        self.settle(self.len());
        self.producer.publish();
    }

    /// Commits its first `n` bytes. [`Error::TooLarge`], or [`Error::WrongSize`] where
    /// every message has one size: then it is given up.
    pub fn commit_len(mut self, n: usize) -> Result<()> {
        self.cut(n)?;
        self.producer.publish();
        Ok(())
    }

    /// Makes it a message that becomes visible with the next publish or commit.
    pub fn stage(mut self) {
        self.settle(self.len());
    }

    /// [`stage`](Reservation::stage) of its first `n` bytes.
    pub fn stage_len(mut self, n: usize) -> Result<()> {
        self.cut(n)
    }

    /// Gives it up. What was staged before stays staged.
    pub fn abort(self) {}

    fn cut(&mut self, n: usize) -> Result<()> {
        let most = self.len();
        if n > most {
            return Err(Error::TooLarge { found: n, most });
        }
        if self.producer.info().exact && n != most {
            return Err(Error::WrongSize {
                found: n,
                expected: most,
            });
        }
        self.settle(n);
        Ok(())
    }

    fn settle(&mut self, n: usize) {
        self.producer.out.stage(n as u64);
        self.settled = true;
    }
}

impl Deref for Reservation<'_> {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        self.producer.out.room_ref()
    }
}

impl DerefMut for Reservation<'_> {
    fn deref_mut(&mut self) -> &mut [u8] {
        self.producer.out.room()
    }
}

impl Drop for Reservation<'_> {
    fn drop(&mut self) {
        if !self.settled {
            self.producer.abort();
        }
    }
}
