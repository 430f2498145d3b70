//! What lies in rings of one order and in broadcast rings, for people.

use std::fmt::Write as _;
use std::sync::atomic::Ordering::Acquire;

use crate::cast::{need, Begin, Cast, Header, Place};
use crate::dump::{payload, within_a_lap};
use crate::error::Result;
use crate::granules::{read, records, Granule};
use crate::layout::GRANULE_SKIP;
use crate::ring::{Ring, Role};
use crate::tickets::Tickets;

impl Ring {
    /// What lies between head and tail of a ring of one order.
    pub(crate) fn dump_granules(&self, out: &mut String) -> Result<()> {
        let tickets = Tickets::of(self);
        let records = records(self);
        let (size, max) = (tickets.size, self.inner.geometry.max_message);
        let (mut p, tail) = (
            tickets.counter(Role::Consumer),
            tickets.counter(Role::Producer),
        );
        within_a_lap(p, tail, size)?;
        while tail.wrapping_sub(p) as i64 > 0 {
            let w = tickets.load(p);
            let n = match read(&records, p, w, size, max)? {
                Granule::Record { span, len } => {
                    let bytes = payload(records.payload(p, len as usize));
                    let _ = writeln!(out, "message at={p} span={span} length={len}{bytes}");
                    span
                }
                Granule::Skip(n) if w == tickets.word(p, GRANULE_SKIP) => {
                    let _ = writeln!(out, "skip at={p}");
                    n
                }
                Granule::Skip(n) => {
                    let _ = writeln!(out, "pad at={p} span={n}");
                    n
                }
                Granule::Nothing => {
                    let _ = writeln!(out, "claimed at={p}");
                    1
                }
            };
            p = p.wrapping_add(n);
        }
        let _ = writeln!(out, "end at={p}");
        Ok(())
    }

    /// What lies in a broadcast ring, from the first message that can be found.
    pub(crate) fn dump_cast(&self, out: &mut String) -> Result<()> {
        let cast = Cast::of(self);
        let (c, e) = (&cast.producer.cursor, &cast.producer.endpoint);
        let _ = writeln!(
            out,
            "broadcast latest={} intent={} dropped={}",
            c.latest.load(Acquire),
            e.intent.load(Acquire),
            c.dropped.load(Acquire),
        );
        let Place {
            mut pos,
            mut number,
        } = cast.place(self.first(Begin::Backlog))?;
        let tail = cast.tail();
        within_a_lap(pos, tail, cast.size)?;
        while tail.wrapping_sub(pos) as i64 > 0 {
            let n = match cast.judge(pos, cast.header(pos), number)? {
                Header::Pad(n) => {
                    let _ = writeln!(out, "pad at={pos} number={number} length={n}");
                    n
                }
                Header::Message(n) => {
                    let bytes = payload(cast.data.payload(pos, n as usize));
                    let _ = writeln!(out, "message at={pos} number={number} length={n}{bytes}");
                    number = number.wrapping_add(1);
                    n
                }
            };
            pos = pos.wrapping_add(need(n));
        }
        let _ = writeln!(out, "end at={pos}");
        Ok(())
    }
}
