//! Receiving copies.

use std::time::Duration;

use crate::consumer::Consumer;
use crate::error::{Error, Result};
use crate::stream_in::Found;

impl Consumer {
    /// Receives the next message if that takes no closer look.
    #[inline]
    fn take(&mut self, buf: &mut [u8]) -> Option<usize> {
        let n = self.end.is_sound().then(|| self.from.take(buf))??;
        self.released();
        Some(n)
    }

    fn copy(&mut self, found: Found, buf: &mut [u8]) -> Result<usize> {
        let Some(room) = buf.get_mut(..found.len) else {
            return Err(Error::TooSmall {
                found: buf.len(),
                expected: found.len,
            });
        };
        room.copy_from_slice(self.from.payload(&found));
        self.release(found.end, 1, found.len as u64);
        Ok(found.len)
    }

    /// Copies the next message to `buf`, releases it and returns its length.
    /// [`Error::Empty`] if there is none now, [`Error::End`] at the end of the stream;
    /// with [`Error::TooSmall`] the message stays.
    #[inline]
    pub fn try_recv(&mut self, buf: &mut [u8]) -> Result<usize> {
        if let Some(n) = self.take(buf) {
            return Ok(n);
        }
        let found = self.find()?;
        self.copy(found, buf)
    }

    /// [`try_recv`](Consumer::try_recv) that waits while there is no message.
    #[inline]
    pub fn recv(&mut self, buf: &mut [u8]) -> Result<usize> {
        self.recv_within(buf, None)
    }

    /// [`recv`](Consumer::recv) that waits for `timeout` at the most: then
    /// [`Error::Timeout`].
    pub fn recv_timeout(&mut self, buf: &mut [u8], timeout: Duration) -> Result<usize> {
        self.recv_within(buf, Some(timeout))
    }

    #[inline]
    fn recv_within(&mut self, buf: &mut [u8], timeout: Option<Duration>) -> Result<usize> {
        if let Some(n) = self.take(buf) {
            return Ok(n);
        }
        let found = self.find_waiting(timeout)?;
        self.copy(found, buf)
    }
}
