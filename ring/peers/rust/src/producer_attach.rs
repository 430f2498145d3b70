//! Taking the sending end of a ring, and finding where to go on.

use crate::attach::EndpointBuilder;
use crate::cast_out::CastOut;
use crate::claim::Claim;
use crate::endpoint::End;
use crate::error::{Error, Result};
use crate::granule_out::GranuleOut;
use crate::layout;
use crate::member::{join, unclose};
use crate::outlet::Outlet;
use crate::producer::Producer;
use crate::ring::{Ring, Role};
use crate::stream::Stream;
use crate::stream_out::StreamOut;
use crate::ticket_out::TicketOut;
use crate::tickets::Tickets;

impl Producer {
    pub(crate) fn attach(ring: &Ring, with: &EndpointBuilder) -> Result<Self> {
        let (mut end, out) = Self::join(ring, with)?;
        if let Ok(Outlet::Stream(s)) = &out {
            end.sleeper.step = s.stream.step();
        }
        match out.and_then(|out| unclose(&end).map(|()| out)) {
            Ok(out) => {
                end.announce();
                Ok(Self {
                    end,
                    out,
                    info: ring.info(),
                    detached: false,
                })
            }
            Err(e) => {
                end.abandon();
                Err(e)
            }
        }
    }

    /// Takes the role, or a place among others, and finds out where to go on.
    fn join(ring: &Ring, with: &EndpointBuilder) -> Result<(End, Result<Outlet>)> {
        let topology = ring.inner.geometry.topology;
        match topology {
            layout::TOPOLOGY_SPSC => {
                let end = End::take_role(ring, Role::Producer, with.strategy)?;
                let out = StreamOut::take_over(Stream::of(ring, None));
                Ok((end, out.map(Outlet::Stream)))
            }
            layout::TOPOLOGY_MPSC => Self::enter_lane(ring, with),
            layout::TOPOLOGY_CAST => {
                let end = End::take_role(ring, Role::Producer, with.strategy)?;
                let out = CastOut::take_over(ring);
                Ok((end, out.map(|out| Outlet::Cast(Box::new(out)))))
            }
            _ => {
                let entry = join(ring, with.tag, &[])?;
                let claim = Claim::new(Tickets::of(ring), entry.clone(), Role::Producer);
                let end = End::new(ring, Role::Producer, Some(entry), with.strategy);
                let out = if topology == layout::TOPOLOGY_MPMC {
                    let variable = ring.inner.geometry.variable();
                    Outlet::Tickets(Box::new(TicketOut::new(claim, variable)))
                } else {
                    Outlet::Granules(Box::new(GranuleOut::new(claim)))
                };
                Ok((end, Ok(out)))
            }
        }
    }

    /// Takes a lane. One that is spoilt is left alone if there are others.
    fn enter_lane(ring: &Ring, with: &EndpointBuilder) -> Result<(End, Result<Outlet>)> {
        let mut refused = Vec::new();
        let mut spoilt = None;
        loop {
            let entry = match (join(ring, with.tag, &refused), spoilt) {
                (Err(Error::Attached(_)), Some(e)) => return Err(e),
                (joined, _) => joined?,
            };
            let index = entry.index;
            let end = End::new(ring, Role::Producer, Some(entry), with.strategy);
            match StreamOut::take_over(Stream::of(ring, Some(index))) {
                Err(Error::Corrupt(e)) if with.tag == 0 => {
                    end.abandon();
                    refused.push(index);
                    spoilt = Some(Error::Corrupt(format!("lane {index}: {e}")));
                }
                out => return Ok((end, out.map(Outlet::Stream))),
            }
        }
    }
}
