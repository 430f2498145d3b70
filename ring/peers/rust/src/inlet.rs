//! The ways that messages are found and released, as one.

use crate::error::Result;
use crate::granule_in::GranuleIn;
use crate::lanes::Lanes;
use crate::stream_in::Found;
use crate::ticket_in::TicketIn;

pub(crate) enum Inlet {
    Lanes(Lanes),
    Tickets(Box<TicketIn>),
    Granules(Box<GranuleIn>),
}

impl Inlet {
    /// Begins again with what was found and not released.
    #[inline]
    pub fn begin(&mut self) {
        if let Inlet::Tickets(t) = self {
            t.begin();
        }
    }

    /// The next message. After `idle` sleeps the dead are looked for.
    #[inline]
    pub fn next(&mut self, idle: u32) -> Result<Option<Found>> {
        match self {
            Inlet::Lanes(l) => l.next(),
            Inlet::Tickets(t) => t.next(idle),
            Inlet::Granules(g) => g.next(idle),
        }
    }

    /// Copies and releases the next message, where that takes no closer look.
    #[inline]
    pub fn take(&mut self, buf: &mut [u8]) -> Option<usize> {
        match self {
            Inlet::Lanes(l) if !l.is_many() => l.all[0].take(buf),
            _ => None,
        }
    }

    /// The message behind one that was found, if it lies together with it.
    pub fn behind(&mut self, last: &Found, idle: u32) -> Result<Option<Found>> {
        match self {
            Inlet::Lanes(l) => Ok(l.all[l.at].look(last.end)?.1),
            Inlet::Tickets(t) => t.next(idle),
            Inlet::Granules(g) => Ok(g.look(last.end)?.1),
        }
    }

    /// Whether an error leaves other lanes to be received from.
    pub fn spoils_part(&self) -> bool {
        matches!(self, Inlet::Lanes(l) if l.is_many())
    }

    #[inline]
    pub fn payload(&self, found: &Found) -> &[u8] {
        match self {
            Inlet::Lanes(l) => l.all[l.at].payload(found),
            Inlet::Tickets(t) => t.payload(found),
            Inlet::Granules(g) => g.payload(found),
        }
    }

    /// Whether something has changed since there was nothing.
    #[inline]
    pub fn changed(&self) -> bool {
        match self {
            Inlet::Lanes(l) => l.changed(),
            Inlet::Tickets(t) => t.claim.changed(),
            Inlet::Granules(g) => g.changed(),
        }
    }

    /// Gives back what was found, up to position `end`.
    #[inline]
    pub fn release(&mut self, end: u64, messages: u64, bytes: u64) {
        match self {
            Inlet::Lanes(l) => l.release(end, messages, bytes),
            Inlet::Tickets(t) => t.release(messages, bytes),
            Inlet::Granules(g) => g.release(end, messages, bytes),
        }
    }

    /// Whether so much is free since producers were last told that they are told now.
    pub fn is_due(&mut self) -> bool {
        match self {
            Inlet::Lanes(l) => l.all[l.at].is_due(),
            Inlet::Tickets(t) => t.is_due(),
            Inlet::Granules(g) => g.is_due(),
        }
    }

    /// Whether producers were not told of all space: they are now.
    pub fn settle(&mut self) -> bool {
        match self {
            Inlet::Lanes(l) => l.settle(),
            Inlet::Tickets(t) => t.settle(),
            Inlet::Granules(g) => g.settle(),
        }
    }

    /// Before the consumer goes.
    pub fn give_up(&mut self) {
        if let Inlet::Tickets(t) = self {
            t.give_up();
        }
    }
}
