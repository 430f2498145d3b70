//! Messages in place, lent out until their guard is dropped.

use std::mem::ManuallyDrop;
use std::ops::Deref;

use crate::consumer::Consumer;
use crate::error::{Error, Result};
use crate::stream_in::Found;

/// The next message, in the ring: see [`Consumer::peek`]. Dropping it releases the
/// message, unless the thread is panicking: then it stays, and comes again.
#[derive(Debug)]
#[must_use = "a message that is dropped is released"]
pub struct Message<'a> {
    consumer: &'a mut Consumer,
    found: Found,
}

impl<'a> Message<'a> {
    pub(crate) fn new(consumer: &'a mut Consumer, found: Found) -> Self {
        Self { consumer, found }
    }

    /// How often it was in the hands of a consumer that died, in an MPMC ring that
    /// redelivers; else 0.
    pub fn redelivered(&self) -> u32 {
        self.consumer.redelivered()
    }

    /// Releases it now.
    pub fn release(self) {}

    /// Does not release it: the next call finds it again.
    pub fn keep(self) {
        let _ = ManuallyDrop::new(self);
    }
}

impl Deref for Message<'_> {
    type Target = [u8];

    #[inline]
    fn deref(&self) -> &[u8] {
        self.consumer.from.payload(&self.found)
    }
}

impl Drop for Message<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let Found { len, end, .. } = self.found;
            self.consumer.release(end, 1, len as u64);
        }
    }
}

/// Some messages that lie together, in the ring: see [`Consumer::peek_batch`]. Dropping
/// it releases them all, unless the thread is panicking.
#[derive(Debug)]
#[must_use = "messages that are dropped are released"]
pub struct Batch<'a> {
    consumer: &'a mut Consumer,
}

impl<'a> Batch<'a> {
    pub(crate) fn new(consumer: &'a mut Consumer) -> Self {
        Self { consumer }
    }

    /// How many there are; never 0.
    #[allow(clippy::len_without_is_empty)]
    pub fn len(&self) -> usize {
        self.consumer.batch.len()
    }

    /// The messages, in order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &[u8]> + '_ {
        let from = &self.consumer.from;
        self.consumer.batch.iter().map(|found| from.payload(found))
    }

    /// How often they were in the hands of a consumer that died: see
    /// [`Message::redelivered`]. Only the message of a batch of one ever was.
    pub fn redelivered(&self) -> u32 {
        self.consumer.redelivered()
    }

    /// Releases them now.
    pub fn release(self) {}

    /// Does not release them: the next call finds them again.
    pub fn keep(self) {
        let _ = ManuallyDrop::new(self);
    }
}

impl Drop for Batch<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            return;
        }
        let found = &self.consumer.batch;
        let bytes = found.iter().map(|f| f.len as u64).sum();
        if let Some(last) = found.last() {
            let (end, n) = (last.end, found.len() as u64);
            self.consumer.release(end, n, bytes);
        }
    }
}

/// Copies of messages up to the end of the stream: see [`Consumer::messages`]. After an
/// error there are no more.
#[derive(Debug)]
pub struct Messages<'a> {
    consumer: &'a mut Consumer,
    over: bool,
}

impl<'a> Messages<'a> {
    pub(crate) fn new(consumer: &'a mut Consumer) -> Self {
        Self {
            consumer,
            over: false,
        }
    }
}

impl Iterator for Messages<'_> {
    type Item = Result<Vec<u8>>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.over {
            return None;
        }
        match self.consumer.peek() {
            Ok(message) => Some(Ok(message.to_vec())),
            Err(Error::End) => {
                self.over = true;
                None
            }
            Err(e) => {
                self.over = true;
                Some(Err(e))
            }
        }
    }
}
