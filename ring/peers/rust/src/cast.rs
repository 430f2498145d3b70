//! Broadcast rings: where a consumer can begin, and what lies there. Section 12 of the
//! specification; [B1] and [B2] of docs/spec/memory-order.md.

use std::sync::atomic::{fence, Ordering};

use crate::data::Data;
use crate::error::{Error, Result};
use crate::layout::{self, CAST_LENGTH_MASK, CAST_NUMBER_SHIFT, CAST_PAD, WORD_SIZE};
use crate::ring::{Ring, Role};
use crate::side::Side;

/// Where a consumer of a broadcast ring begins.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Begin {
    /// Behind the last message: with what is sent from now on.
    #[default]
    Behind,
    /// With the last message, if it is there.
    Latest,
    /// With the first message that can be found.
    Backlog,
}

/// The messages of a broadcast ring.
pub(crate) struct Cast {
    pub data: Data,
    pub producer: Side,
    pub size: u64,
    pub max: u64,
}

/// A place: a position, and how many messages were sent before it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Place {
    pub pos: u64,
    pub number: u64,
}

/// What a header says.
pub(crate) enum Header {
    /// A message of so many bytes.
    Message(u64),
    /// Padding of so many bytes behind the header.
    Pad(u64),
}

/// What a record of `n` bytes adds to the position.
pub(crate) fn need(n: u64) -> u64 {
    WORD_SIZE + n.next_multiple_of(WORD_SIZE)
}

/// The number next to `count` whose low half is that of a header.
fn nearest(count: u64, header: u64) -> u64 {
    let low = (header >> CAST_NUMBER_SHIFT) as u32;
    let ahead = low.wrapping_sub(count as u32) as i32;
    count.wrapping_add(i64::from(ahead) as u64)
}

impl Cast {
    pub fn of(ring: &Ring) -> Self {
        let g = &ring.inner.geometry;
        Self {
            data: Data::records(&ring.inner.region.map, g.data_area, g.capacity),
            producer: Side::of(ring, Role::Producer),
            size: g.capacity,
            max: g.max_message,
        }
    }

    /// What is left from a position to the end of data.
    pub fn rest(&self, pos: u64) -> u64 {
        self.size - (pos & (self.size - 1))
    }

    /// Behind the last committed record.
    pub fn tail(&self) -> u64 {
        self.producer.cursor.position.load(Ordering::Acquire) // [B2] pairs with the producer's store
    }

    /// Whether what was loaded before this call, from `pos` on, was not overwritten.
    pub fn is_untouched(&self, pos: u64) -> bool {
        fence(Ordering::Acquire); // the loads before it come before the one that follows
        let intent = self.producer.endpoint.intent.load(Ordering::Relaxed); // [B1] pairs with the producer's store
        intent.wrapping_sub(pos) <= self.size
    }

    /// The word at a position: worth something only if it is untouched then.
    pub fn header(&self, pos: u64) -> u64 {
        self.data.word(pos).load(Ordering::Acquire)
    }

    /// Whether `word` can be a message's header at `pos`, and of how many bytes: bounded,
    /// so that they may be copied.
    pub fn length(&self, pos: u64, word: u64) -> Option<u64> {
        let n = word & CAST_LENGTH_MASK;
        (word & CAST_PAD == 0 && n <= self.max && need(n) <= self.rest(pos)).then_some(n)
    }

    /// What an untouched header at `pos` says, where message `number` is due.
    pub fn judge(&self, pos: u64, word: u64, number: u64) -> Result<Header> {
        if (word >> CAST_NUMBER_SHIFT) as u32 == number as u32 {
            if let Some(n) = self.length(pos, word) {
                return Ok(Header::Message(n));
            }
            let rest = self.rest(pos);
            let pad = CAST_PAD | (rest - WORD_SIZE);
            if rest != self.size && word & ((1 << CAST_NUMBER_SHIFT) - 1) == pad {
                return Ok(Header::Pad(rest - WORD_SIZE));
            }
        }
        Err(Error::Corrupt(format!(
            "expected message {number} or padding before it, found the header {word:#x} at position {pos}"
        )))
    }

    /// Finds a place to begin or to go on.
    pub fn place(&self, from: Begin) -> Result<Place> {
        let cursor = &self.producer.cursor;
        for try_ in 0..1_000_000u32 {
            if try_ % 64 == 63 {
                std::thread::yield_now();
            }
            let latest = cursor.latest.load(Ordering::Acquire); // [B2] pairs with the producer's store
            let tail = self.tail();
            let count = cursor.messages.load(Ordering::Acquire);
            if (latest | tail) & 7 != 0 {
                return Err(Error::Corrupt(format!(
                    "expected multiples of 8, found latest {latest} and tail {tail}"
                )));
            }
            if latest.wrapping_sub(tail) as i64 >= 0 {
                // What is at latest is not committed, or there is nothing yet. The count is
                // tail's, if that is still the same.
                fence(Ordering::Acquire);
                if cursor.position.load(Ordering::Relaxed) == tail {
                    return Ok(Place {
                        pos: tail,
                        number: count,
                    });
                }
                continue;
            }
            let lap = tail & !(self.size - 1);
            if from == Begin::Backlog && (lap.wrapping_sub(latest) as i64) < 0 {
                // Where data wraps a record starts.
                let word = self.header(lap);
                if self.is_untouched(lap) {
                    return Ok(Place {
                        pos: lap,
                        number: nearest(count, word),
                    });
                }
            }
            let word = self.header(latest);
            if !self.is_untouched(latest) {
                fence(Ordering::Acquire);
                if cursor.latest.load(Ordering::Relaxed) == latest {
                    return Err(Error::Corrupt(format!(
                        "expected intent at most {} ahead of latest {latest}, found more",
                        self.size
                    )));
                }
                continue;
            }
            let end = self
                .length(latest, word)
                .map(|n| latest.wrapping_add(need(n)))
                .filter(|end| tail.wrapping_sub(*end) as i64 >= 0);
            let Some(end) = end else {
                return Err(Error::Corrupt(format!(
                    "expected the last record at position {latest}, found the header {word:#x}"
                )));
            };
            let number = nearest(count, word);
            return Ok(match from {
                Begin::Behind => Place {
                    pos: end,
                    number: number.wrapping_add(1),
                },
                _ => Place {
                    pos: latest,
                    number,
                },
            });
        }
        Err(Error::Corrupt(
            "expected positions that can be read together, found them changing faster".into(),
        ))
    }
}

impl Ring {
    /// Whether the producer of a broadcast ring waits for its consumers, which then have to
    /// say where they are.
    pub(crate) fn waits_for_consumers(&self) -> bool {
        self.requires(layout::FEATURE_BLOCK | layout::FEATURE_DROP)
    }

    /// Where a consumer begins that asks for `begin`: a producer that waits for consumers
    /// goes on with what is behind the latest message, until it has seen this one.
    pub(crate) fn first(&self, begin: Begin) -> Begin {
        match begin {
            Begin::Backlog if self.waits_for_consumers() => Begin::Latest,
            begin => begin,
        }
    }
}
