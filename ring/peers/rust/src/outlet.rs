//! The ways that messages are claimed and published, as one.

use std::sync::atomic::Ordering;

use crate::cast_out::CastOut;
use crate::endpoint::End;
use crate::granule_out::GranuleOut;
use crate::stream_out::StreamOut;
use crate::ticket_out::TicketOut;

pub(crate) enum Outlet {
    Stream(StreamOut),
    Tickets(Box<TicketOut>),
    Cast(Box<CastOut>),
    Granules(Box<GranuleOut>),
}

impl Outlet {
    pub fn committed(&self) -> u64 {
        match self {
            Outlet::Stream(s) => s.committed(),
            Outlet::Tickets(t) => t.committed(),
            Outlet::Cast(c) => c.committed(),
            Outlet::Granules(g) => g.committed(),
        }
    }

    /// Whether a message of `n` bytes may be reserved without a closer look.
    #[inline]
    pub fn has_room(&self, n: u64) -> bool {
        match self {
            Outlet::Stream(s) => s.has_room(n),
            Outlet::Tickets(_) | Outlet::Granules(_) => false,
            Outlet::Cast(c) => c.has_room(n),
        }
    }

    #[inline]
    pub fn reserve(&mut self, n: u64) {
        match self {
            Outlet::Stream(s) => s.reserve(n),
            Outlet::Tickets(t) => t.reserve(n),
            Outlet::Cast(c) => c.reserve(n),
            Outlet::Granules(g) => g.reserve(n),
        }
    }

    /// The bytes of the open reservation.
    #[inline]
    pub fn room(&mut self) -> &mut [u8] {
        match self {
            Outlet::Stream(s) => s.room(),
            Outlet::Tickets(t) => t.room(),
            Outlet::Cast(c) => c.room(),
            Outlet::Granules(g) => g.room(),
        }
    }

    #[inline]
    pub fn room_ref(&self) -> &[u8] {
        match self {
            Outlet::Stream(s) => s.room_ref(),
            Outlet::Tickets(t) => t.room_ref(),
            Outlet::Cast(c) => c.room_ref(),
            Outlet::Granules(g) => g.room_ref(),
        }
    }

    #[inline]
    pub fn stage(&mut self, n: u64) {
        match self {
            Outlet::Stream(s) => s.stage(n),
            Outlet::Tickets(t) => t.stage(n),
            Outlet::Cast(c) => c.stage(n),
            Outlet::Granules(g) => g.stage(n),
        }
    }

    #[inline]
    pub fn staged(&self) -> u64 {
        match self {
            Outlet::Stream(s) => s.staged,
            Outlet::Tickets(t) => t.staged,
            Outlet::Cast(c) => c.staged,
            Outlet::Granules(g) => g.staged(),
        }
    }

    #[inline]
    pub fn publish(&mut self) {
        match self {
            Outlet::Stream(s) => s.publish(),
            Outlet::Tickets(t) => t.publish(),
            Outlet::Cast(c) => c.publish(),
            Outlet::Granules(g) => g.publish(),
        }
    }

    /// Gives the open reservation up. True: consumers may wait behind it.
    pub fn abort(&mut self) -> bool {
        match self {
            Outlet::Stream(s) => {
                s.abort();
                false
            }
            Outlet::Tickets(t) => t.abort(),
            Outlet::Granules(g) => g.abort(),
            Outlet::Cast(c) => {
                c.abort();
                false
            }
        }
    }

    /// Gives everything up that is not published, before the producer goes.
    pub fn give_up(&mut self) {
        match self {
            Outlet::Stream(s) => {
                s.give_up();
                s.tell();
            }
            Outlet::Tickets(t) => t.give_up(),
            Outlet::Cast(c) => c.give_up(),
            Outlet::Granules(g) => g.give_up(),
        }
    }

    /// Whether something has changed where there was no room.
    pub fn changed(&self) -> bool {
        match self {
            Outlet::Stream(s) => s.stream.consumer.position.load(Ordering::Acquire) != s.head,
            Outlet::Tickets(t) => t.claim.changed(),
            Outlet::Cast(c) => c.changed(),
            Outlet::Granules(g) => g.changed(),
        }
    }
}

impl TicketOut {
    /// Publishes what is staged, where no ticket can be drawn behind it.
    pub fn publish_staged(&mut self, end: &mut End) {
        if self.staged > 0 {
            self.publish();
            end.shown();
        }
    }
}
