//! Receiving from a ring of many producers in one order. Section 11 of the specification.

use std::sync::atomic::Ordering;

use crate::claim::is_due;
use crate::data::Data;
use crate::error::{Error, Result};
use crate::granules::{read, records, Granule};
use crate::ring::{Ring, Role};
use crate::side::Entry;
use crate::stream_in::Found;
use crate::tickets::Tickets;

pub(crate) struct GranuleIn {
    tickets: Tickets,
    records: Data,
    entry: Entry,
    max: u64,
    /// The next message; what is before it is released, but for what holds no message.
    pos: u64,
    /// The word there when there was nothing, and how often there was nothing.
    seen: u64,
    at: u64,
    vain: u32,
    /// The position at which producers were last told of space.
    owed: u64,
}

impl GranuleIn {
    /// Goes on where a predecessor has released up to.
    pub fn new(ring: &Ring, entry: Entry) -> Self {
        let tickets = Tickets::of(ring);
        let pos = tickets.counter(Role::Consumer);
        Self {
            records: records(ring),
            entry,
            max: ring.inner.geometry.max_message,
            pos,
            seen: 0,
            at: pos,
            vain: 0,
            owed: pos,
            tickets,
        }
    }

    /// The next message. What is dead in front of it is settled, after some tries in vain or
    /// a sleep.
    pub fn next(&mut self, idle: u32) -> Result<Option<Found>> {
        loop {
            let (pos, found) = self.look(self.pos)?;
            self.pos = pos;
            if found.is_some() {
                return Ok(found);
            }
            self.pass();
            self.vain = self.vain.wrapping_add(1);
            if self.at != pos {
                self.at = pos;
                self.vain = 1;
            }
            if !is_due(self.vain, idle) || self.tickets.repair_granules(pos, None)? == 0 {
                return Ok(None);
            }
        }
    }

    /// Looks for a message at a position, or behind what holds none: the position at which
    /// it is, or will be.
    pub fn look(&mut self, mut pos: u64) -> Result<(u64, Option<Found>)> {
        let size = self.tickets.size;
        // What is stepped over lies in one lap, for it is not released meanwhile.
        for _ in 0..=size {
            let w = self.tickets.load(pos); // [P1] pairs with the stores in GranuleOut
            match read(&self.records, pos, w, size, self.max)? {
                Granule::Record { span, len } => {
                    let found = Found {
                        pos,
                        len: len as usize,
                        end: pos.wrapping_add(span),
                    };
                    return Ok((pos, Some(found)));
                }
                Granule::Skip(n) => pos = pos.wrapping_add(n),
                Granule::Nothing => {
                    self.seen = w;
                    return Ok((pos, None));
                }
            }
        }
        Err(Error::Corrupt(format!(
            "expected a message or nothing within a lap, found neither up to position {pos}"
        )))
    }

    /// Releases what was stepped over and holds no message: producers may need that room.
    fn pass(&mut self) {
        let position = &self.tickets.side(Role::Consumer).cursor.position;
        if position.load(Ordering::Relaxed) != self.pos {
            position.store(self.pos, Ordering::Release); // [C1] pairs with the load in GranuleOut::look_for_room
        }
    }

    /// Whether something has come since there was nothing.
    pub fn changed(&self) -> bool {
        self.tickets.load(self.pos) != self.seen
    }

    /// Whether no record is on its way, nor a claim of a producer that died.
    pub fn is_drained(&self) -> bool {
        self.tickets.counter(Role::Producer) == self.pos
    }

    pub fn payload(&self, found: &Found) -> &[u8] {
        self.records.payload(found.pos, found.len)
    }

    /// Gives back what was found, up to position `end`.
    pub fn release(&mut self, end: u64, messages: u64, bytes: u64) {
        let m = &self.entry.member;
        let n = m.received.load(Ordering::Relaxed).wrapping_add(messages);
        m.received.store(n, Ordering::Release);
        let n = m.received_bytes.load(Ordering::Relaxed).wrapping_add(bytes);
        m.received_bytes.store(n, Ordering::Release);
        self.pos = end;
        self.pass();
    }

    /// Whether a quarter is free since producers were last told: they are now.
    pub fn is_due(&mut self) -> bool {
        let due = self.pos.wrapping_sub(self.owed) >= self.tickets.size / 4;
        if due {
            self.owed = self.pos;
        }
        due
    }

    /// Whether producers were not told of all space: they are now.
    pub fn settle(&mut self) -> bool {
        let owing = self.owed != self.pos;
        self.owed = self.pos;
        owing
    }
}
