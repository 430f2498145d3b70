//! What a ring says, for people, without touching it.

use std::fmt::Write as _;
use std::io;
use std::sync::atomic::Ordering::Acquire;

use crate::error::{Error, Result};
use crate::layout::{self, SLOT_COMMITTED, SLOT_FREE, SLOT_SKIP};
use crate::ring::{Ring, Role};
use crate::side::{Entry, Side};
use crate::stream::Stream;
use crate::stream_in::LaneIn;
use crate::tickets::Tickets;

impl Ring {
    /// Writes lines about the header, both sides, the endpoint table and what lies in the
    /// ring, which must be at rest for that; [`Error::Corrupt`] where no message can be.
    pub fn dump(&self, out: &mut impl io::Write) -> Result<()> {
        let mut text = String::new();
        self.dump_header(&mut text);
        self.dump_side(&mut text, Role::Producer);
        self.dump_side(&mut text, Role::Consumer);
        if self.inner.geometry.members > 0 {
            self.dump_table(&mut text);
        }
        let done = match self.inner.geometry.topology {
            layout::TOPOLOGY_SPSC => self.dump_stream(&mut text, None),
            layout::TOPOLOGY_MPSC => self.dump_lanes(&mut text),
            layout::TOPOLOGY_MPMC => self.dump_tickets(&mut text),
            layout::TOPOLOGY_MPSC_ORDERED => self.dump_granules(&mut text),
            _ => self.dump_cast(&mut text),
        };
        out.write_all(text.as_bytes())
            .map_err(|e| Error::system("write the dump", e))?;
        done
    }

    fn dump_header(&self, out: &mut String) {
        let h = &self.inner.header;
        let element = String::from_utf8_lossy(&h.element);
        let _ = writeln!(
            out,
            "header version={}.{} kind={} topology={} stride={} required={} optional={} total={} capacity={}",
            h.major, h.minor, h.kind, h.topology, h.stride, hex(h.required), hex(h.optional), h.total_size, h.capacity,
        );
        let _ = writeln!(
            out,
            "header slot_size={} slot_stride={} slot_payload={} max_message={} fingerprint={} element=\"{}\"",
            h.slot_size, h.slot_stride, h.slot_payload, h.max_message, hex(h.fingerprint), element.trim_end_matches('\0'),
        );
        let _ = writeln!(
            out,
            "header producer_area={} consumer_area={} shared_area={} data_area={} data_size={} lock_base={}",
            h.producer_area, h.consumer_area, h.shared_area, h.data_area, h.data_size, h.lock_base,
        );
        let _ = writeln!(
            out,
            "header created_ns={} creator_pid={} checksum={}",
            h.created_ns,
            h.creator_pid,
            hex(h.checksum),
        );
    }

    fn dump_side(&self, out: &mut String, role: Role) {
        let s = Side::of(self, role);
        let (c, e) = (&s.cursor, &s.endpoint);
        let _ = write!(
            out,
            "{role} position={} messages={} bytes={} seq={} wakes={} arm={} parks={}",
            c.position.load(Acquire),
            c.messages.load(Acquire),
            c.bytes.load(Acquire),
            s.seq.seq.load(Acquire),
            s.seq.wakes.load(Acquire),
            hex(s.arm.arm.load(Acquire)),
            s.arm.parks.load(Acquire),
        );
        let _ = writeln!(
            out,
            " session={} closed={} drained={} state={} pid={}",
            e.session.load(Acquire),
            e.closed.load(Acquire),
            e.drained.load(Acquire),
            e.state.load(Acquire),
            e.pid.load(Acquire),
        );
    }

    fn dump_table(&self, out: &mut String) {
        let g = &self.inner.geometry;
        let _ = writeln!(
            out,
            "header endpoint_table={} endpoint_count={}",
            g.endpoint_table, g.members
        );
        for e in Entry::all(self) {
            let (m, h) = (&e.member, &e.holder);
            if h.role.load(Acquire) == 0 {
                continue;
            }
            let _ = write!(
                out,
                "entry {} role={} state={} tag={} intent={} sent={}/{} received={}/{}",
                e.index,
                h.role.load(Acquire),
                h.state.load(Acquire),
                h.tag.load(Acquire),
                hex(m.intent.load(Acquire)),
                m.sent.load(Acquire),
                m.sent_bytes.load(Acquire),
                m.received.load(Acquire),
                m.received_bytes.load(Acquire),
            );
            let _ = writeln!(
                out,
                " drawn={} base={} skipped={}",
                m.drawn.load(Acquire),
                m.base.load(Acquire),
                m.skipped.load(Acquire),
            );
        }
    }

    /// What lies between the head and the first word that is not committed.
    fn dump_stream(&self, out: &mut String, lane: Option<u64>) -> Result<()> {
        let mark = lane.map_or(String::new(), |i| format!(" lane={i}"));
        let mut from = LaneIn::new(self, lane);
        from.check()?;
        let mut pos = from.pos;
        let head = pos;
        while pos.wrapping_sub(head) < from.stream.size {
            let (at, found) = from.look(pos)?;
            if at != pos {
                let n = at.wrapping_sub(pos) - layout::WORD_SIZE;
                let _ = writeln!(out, "pad{mark} at={pos} length={n}");
                pos = at;
            }
            let Some(found) = found else { break };
            let (n, bytes) = (found.len, payload(from.payload(&found)));
            let _ = writeln!(out, "message{mark} at={pos} length={n}{bytes}");
            pos = found.end;
        }
        let _ = writeln!(out, "end{mark} at={pos}");
        Ok(())
    }

    fn dump_lanes(&self, out: &mut String) -> Result<()> {
        for e in Entry::all(self) {
            if e.holder.role.load(Acquire) == 0 {
                continue;
            }
            let s = Stream::of(self, Some(e.index));
            let _ = writeln!(
                out,
                "cursor lane={} tail={} head={} messages={} bytes={}",
                e.index,
                s.producer.position.load(Acquire),
                s.consumer.position.load(Acquire),
                s.consumer.messages.load(Acquire),
                s.consumer.bytes.load(Acquire),
            );
            self.dump_stream(out, Some(e.index))?;
        }
        Ok(())
    }

    /// What lies between head and tail of an MPMC ring.
    fn dump_tickets(&self, out: &mut String) -> Result<()> {
        let g = &self.inner.geometry;
        let tickets = Tickets::of(self);
        let mut t = tickets.counter(Role::Consumer);
        let tail = tickets.counter(Role::Producer);
        within_a_lap(t, tail, tickets.size)?;
        while t != tail {
            let w = tickets.load(t);
            if w == tickets.word(t, SLOT_FREE) {
                let _ = writeln!(out, "claimed at={t}");
            } else if w == tickets.word(t, SLOT_SKIP) {
                let _ = writeln!(out, "skip at={t}");
            } else if w == tickets.word(t, SLOT_COMMITTED) {
                let mut n = g.max_message;
                if g.variable() {
                    n = n.min(tickets.slot().length(t).load(Acquire));
                }
                let bytes = payload(tickets.slot().payload(t, n as usize));
                let _ = writeln!(out, "message at={t} length={n}{bytes}");
            } else {
                return Err(Error::Corrupt(format!(
                    "expected the word of a slot of lap {}, found {w:#x} at {t}",
                    t >> tickets.bits
                )));
            }
            t = t.wrapping_add(1);
        }
        let _ = writeln!(out, "end at={t}");
        Ok(())
    }
}

/// Refuses a tail that is further ahead of the head than the ring is long.
pub(crate) fn within_a_lap(head: u64, tail: u64, size: u64) -> Result<()> {
    if tail.wrapping_sub(head) > size {
        return Err(Error::Corrupt(format!(
            "expected a tail at most {size} ahead of head {head}, found {tail}"
        )));
    }
    Ok(())
}

/// A number as `%#x` of C shows it, which has no prefix for 0.
pub(crate) fn hex(n: u64) -> String {
    if n == 0 {
        "0".into()
    } else {
        format!("{n:#x}")
    }
}

pub(crate) fn payload(bytes: &[u8]) -> String {
    let mut text = String::from(" payload=");
    for b in bytes {
        let _ = write!(text, "{b:02x}");
    }
    text
}
