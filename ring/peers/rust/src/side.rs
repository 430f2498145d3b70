//! The control words: the two sides of a ring, and the entries of its endpoint table.
//! Sections 3 and 8 of the specification.

use std::sync::atomic::Ordering;

use crate::error::Result;
use crate::layout::{self, Arm, Cursor, Endpoint, Holder, Member, Seq};
use crate::map::{Semaphore, Shared};
use crate::ring::{Ring, Role};

/// The lines of one side.
#[derive(Clone)]
pub(crate) struct Side {
    pub role: Role,
    pub cursor: Shared<Cursor>,
    pub seq: Shared<Seq>,
    pub arm: Shared<Arm>,
    pub endpoint: Shared<Endpoint>,
    /// Where this side may wait.
    pub semaphore: Shared<Semaphore>,
}

impl Side {
    pub fn of(ring: &Ring, role: Role) -> Self {
        let (g, map) = (&ring.inner.geometry, &ring.inner.region.map);
        let (area, sem) = match role {
            Role::Producer => (g.producer_area, layout::LINE_SEM_SPACE),
            Role::Consumer => (g.consumer_area, layout::LINE_SEM_DATA),
        };
        Self {
            role,
            cursor: map.line(area + layout::LINE_CURSOR * g.stride),
            seq: map.line(area + layout::LINE_SEQ * g.stride),
            arm: map.line(area + layout::LINE_ARM * g.stride),
            endpoint: map.line(area + layout::LINE_ENDPOINT * g.stride),
            semaphore: map.line(g.shared_area + sem * g.stride),
        }
    }

    /// The lock byte of the role, where one endpoint has it.
    pub fn lock(&self) -> u64 {
        match self.role {
            Role::Producer => layout::LOCK_PRODUCER,
            Role::Consumer => layout::LOCK_CONSUMER,
        }
    }
}

/// An entry of the endpoint table: the place of one producer or consumer.
#[derive(Clone)]
pub(crate) struct Entry {
    pub index: u64,
    /// This holder has given it the tag that it has.
    pub named: bool,
    pub member: Shared<Member>,
    pub holder: Shared<Holder>,
}

impl Entry {
    pub fn at(ring: &Ring, index: u64) -> Self {
        let (g, map) = (&ring.inner.geometry, &ring.inner.region.map);
        let lines = g.endpoint_table + index * layout::MEMBER_LINES * g.stride;
        Self {
            index,
            named: false,
            member: map.line(lines + layout::LINE_MEMBER * g.stride),
            holder: map.line(lines + layout::LINE_HOLDER * g.stride),
        }
    }

    /// All entries of a ring; none in a ring without a table.
    pub fn all(ring: &Ring) -> Vec<Self> {
        (0..ring.inner.geometry.members)
            .map(|i| Self::at(ring, i))
            .collect()
    }

    pub fn lock(&self) -> u64 {
        layout::LOCK_MEMBER + self.index
    }

    pub fn has_role(&self, role: Role) -> bool {
        u64::from(self.holder.role.load(Ordering::Acquire)) == number(role)
    }
}

/// A role as entries name it.
pub(crate) fn number(role: Role) -> u64 {
    match role {
        Role::Producer => layout::ROLE_PRODUCER,
        Role::Consumer => layout::ROLE_CONSUMER,
    }
}

impl Ring {
    /// Whether the endpoints of a role have entries in the table, rather than one lock.
    pub(crate) fn many(&self, role: Role) -> bool {
        match self.inner.geometry.topology {
            layout::TOPOLOGY_MPMC | layout::TOPOLOGY_MPSC_ORDERED => true,
            layout::TOPOLOGY_MPSC => role == Role::Producer,
            layout::TOPOLOGY_CAST => role == Role::Consumer,
            _ => false,
        }
    }

    /// Asks the kernel whether a live endpoint holds the role: a killed process does
    /// not, a stopped one does. No timeout is involved.
    pub fn is_attached(&self, role: Role) -> Result<bool> {
        self.is_alive(role, None, |state| state == layout::STATE_ATTACHED)
    }

    /// Whether a live endpoint of a role is attached, other than the one with the lock
    /// byte `but`. Of those with entries only such count as `counts` says of their state.
    pub(crate) fn is_alive(
        &self,
        role: Role,
        but: Option<u64>,
        counts: impl Fn(u64) -> bool,
    ) -> Result<bool> {
        if !self.many(role) {
            return self.inner.region.is_locked(Side::of(self, role).lock());
        }
        for e in Entry::all(self) {
            if Some(e.lock()) != but
                && e.has_role(role)
                && counts(e.holder.state.load(Ordering::Acquire).into())
                && self.inner.region.is_locked(e.lock())?
            {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
