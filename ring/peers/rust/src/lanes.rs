//! Receiving from streams: the one of an SPSC ring, or the lanes of an MPSC ring.
//! Section 10 of the specification.

use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::layout;
use crate::ring::{Ring, Role};
use crate::side::{Entry, Side};
use crate::stream_in::{Found, LaneIn};

pub(crate) struct Lanes {
    pub all: Vec<LaneIn>,
    /// Of the endpoint table, for lanes.
    entries: Vec<Entry>,
    producers: Side,
    /// Lanes from here on were never held,
    active: usize,
    /// when the producers' side had this session.
    session: u32,
    /// The lane at hand, and the position at which its turn began.
    pub at: usize,
    begun: u64,
    /// How much of a lane is one turn: bytes or slots.
    turn: u64,
    /// Of a lane that was given up, not reported yet.
    broken: Option<Error>,
}

/// About how many bytes are received from a lane before the next that has something gets
/// its turn: enough for the change to cost little, no more than some hundred messages.
const TURN: u64 = 4096;

impl Lanes {
    pub fn new(ring: &Ring) -> Result<Self> {
        let lanes = ring.inner.geometry.topology == layout::TOPOLOGY_MPSC;
        let mut all = Vec::new();
        let mut broken = None;
        if !lanes {
            all.push(LaneIn::new(ring, None));
            all[0].check()?;
        }
        for i in 0..ring.inner.geometry.members {
            let mut lane = LaneIn::new(ring, Some(i));
            if let Err(e) = lane.check() {
                lane.dead = true;
                broken = Some(Error::Corrupt(format!("lane {i}: {e}")));
            }
            all.push(lane);
        }
        let s = &all[0].stream;
        let turn = if s.slots {
            (TURN / s.slot_stride).max(1)
        } else {
            TURN
        };
        Ok(Self {
            active: if lanes { 0 } else { 1 },
            entries: if lanes { Entry::all(ring) } else { Vec::new() },
            producers: Side::of(ring, Role::Producer),
            session: 0,
            at: 0,
            begun: all[0].pos,
            turn,
            broken,
            all,
        })
    }

    /// Finds out which lanes were ever held. A producer adds to the session after it has
    /// taken its lane and before it sends anything.
    fn find(&mut self) {
        let session = self.producers.endpoint.session.load(Ordering::Acquire); // [L1] pairs with the add in End::announce
        if session == self.session {
            return;
        }
        self.session = session;
        for i in self.active..self.entries.len() {
            if self.entries[i].holder.role.load(Ordering::Acquire) != 0 {
                self.active = i + 1;
            }
        }
    }

    /// The next message of a lane. One that holds what no correct producer writes is left
    /// alone from then on; in an SPSC ring there is no other.
    #[inline]
    fn look_at(&mut self, i: usize) -> Result<Option<Found>> {
        let lane = &mut self.all[i];
        if lane.dead {
            return Ok(None);
        }
        match lane.next() {
            Err(Error::Corrupt(e)) if !self.entries.is_empty() => {
                lane.dead = true;
                self.broken = Some(Error::Corrupt(format!("lane {i}: {e}")));
                Ok(None)
            }
            found => found,
        }
    }

    /// Whether errors spoil no more than a lane.
    pub fn is_many(&self) -> bool {
        !self.entries.is_empty()
    }

    /// The next message of any lane.
    #[inline]
    pub fn next(&mut self) -> Result<Option<Found>> {
        if self.entries.is_empty() {
            let found = self.look_at(0)?;
            if found.is_none() && self.all[0].caught_up() {
                return self.look_at(0);
            }
            return Ok(found);
        }
        let lane = &self.all[self.at];
        if lane.pos.wrapping_sub(self.begun) < self.turn {
            if let Some(found) = self.look_at(self.at)? {
                return Ok(Some(found));
            }
        }
        self.find();
        for k in 1..=self.active {
            let i = (self.at + k) % self.active;
            if let Some(found) = self.look_at(i)? {
                self.at = i;
                self.begun = self.all[i].pos;
                return Ok(Some(found));
            }
        }
        match self.broken.take() {
            Some(e) => Err(e),
            None => Ok(None),
        }
    }

    /// Whether something has come to any lane since there was nothing in all.
    pub fn changed(&self) -> bool {
        self.all[..self.active].iter().any(LaneIn::changed)
            || self.is_many()
                && self.producers.endpoint.session.load(Ordering::Acquire) != self.session
    }

    /// Whether a producer was not told of all its space: it is now.
    pub fn settle(&mut self) -> bool {
        let mut owing = false;
        for lane in &mut self.all[..self.active] {
            owing |= lane.settle();
        }
        owing
    }

    /// Gives back what was found in the lane at hand, up to position `end`. True: enough to
    /// wake its producer.
    #[inline]
    pub fn release(&mut self, end: u64, messages: u64, bytes: u64) {
        self.all[self.at].release(end, messages, bytes);
    }
}
