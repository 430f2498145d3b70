//! Taking the receiving end of a ring.

use std::sync::atomic::Ordering;

use crate::attach::EndpointBuilder;
use crate::claim::Claim;
use crate::consumer::Consumer;
use crate::endpoint::End;
use crate::error::{Error, Result};
use crate::granule_in::GranuleIn;
use crate::inlet::Inlet;
use crate::lanes::Lanes;
use crate::layout;
use crate::member::join;
use crate::ring::{Ring, Role};
use crate::ticket_in::TicketIn;
use crate::tickets::Tickets;

impl Consumer {
    pub(crate) fn attach(ring: &Ring, with: &EndpointBuilder) -> Result<Self> {
        let (end, from) = Self::join(ring, with)?;
        let made = from.and_then(|from| {
            let over = match &from {
                Inlet::Tickets(t) => t.already_over()?,
                _ => None,
            };
            Ok((from, over))
        });
        let (from, over) = match made {
            Ok(made) => made,
            Err(e) => {
                end.abandon();
                return Err(e);
            }
        };
        // Of many one says that it is there before it takes the flag away: see
        // end_consumers.
        if end.entry.is_some() {
            end.announce();
        }
        let arm = &end.mine.arm.arm;
        arm.fetch_and(!layout::ARM_CLOSED, Ordering::SeqCst);
        if end.entry.is_none() {
            end.announce();
        }
        Ok(Self {
            end,
            from,
            info: ring.info(),
            over,
            batch: Vec::new(),
            detached: false,
        })
    }

    /// Takes the role, or a place among others.
    fn join(ring: &Ring, with: &EndpointBuilder) -> Result<(End, Result<Inlet>)> {
        let g = &ring.inner.geometry;
        match g.topology {
            layout::TOPOLOGY_SPSC | layout::TOPOLOGY_MPSC => {
                let end = End::take_role(ring, Role::Consumer, with.strategy)?;
                Ok((end, Lanes::new(ring).map(Inlet::Lanes)))
            }
            layout::TOPOLOGY_MPMC => {
                let entry = join(ring, 0, &[])?;
                let claim = Claim::new(Tickets::of(ring), entry.clone(), Role::Consumer);
                let end = End::new(ring, Role::Consumer, Some(entry), with.strategy);
                let from = TicketIn::new(claim, g.variable(), g.max_message);
                Ok((end, Ok(Inlet::Tickets(Box::new(from)))))
            }
            layout::TOPOLOGY_MPSC_ORDERED => {
                let (end, entry) = End::take_both(ring, Role::Consumer, with.strategy)?;
                let from = GranuleIn::new(ring, entry);
                Ok((end, Ok(Inlet::Granules(Box::new(from)))))
            }
            _ => Err(Error::Unsupported(
                "expected a ring whose messages go to one consumer, found a broadcast ring: see Ring::subscriber".into(),
            )),
        }
    }
}
