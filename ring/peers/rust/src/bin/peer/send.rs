//! peer send.

use std::ops::Range;

use annulus::{Producer, Ring, Topology};

use crate::options::Options;
use crate::payload::Stream;
use crate::{check_kind, die, in_, open, say, Failed};

pub fn run(name: &str, o: &Options) -> Result<(), Failed> {
    let ring = open(name, false)?;
    check_kind(&ring, o)?;
    let info = ring.info();
    let stream = o.stream(info.exact.then_some(info.max_message));
    let mut p = ring
        .endpoint()
        .strategy(o.wait)
        .tag(o.tag)
        .producer()
        .map_err(in_("attach"))?;
    if o.announce {
        say("attached")?;
    }
    if o.tag != 0 {
        say(&format!("committed {}", p.committed()))?;
    }
    let done = if o.resume { p.committed() } else { 0 };
    let start = o.start.wrapping_add(done);
    let count = o.count.unwrap_or(1);
    let sent = send(
        &mut p,
        &ring,
        &stream,
        o,
        start..start.saturating_add(count),
    );
    let closed = p.close();
    sent?;
    closed.map_err(in_("detach"))?;
    say(&format!("sent {count} ok"))
}

fn send(
    p: &mut Producer,
    ring: &Ring,
    stream: &Stream,
    o: &Options,
    messages: Range<u64>,
) -> Result<(), Failed> {
    let mut buf = vec![0; stream.max];
    for seq in messages.clone() {
        let n = stream.length(seq);
        if o.batch == 1 {
            stream.fill(seq, &mut buf[..n]);
            match o.timeout {
                Some(t) => p.send_timeout(&buf[..n], t),
                None => p.send(&buf[..n]),
            }
            .map_err(in_("send"))?;
        } else {
            let mut room = match o.timeout {
                Some(t) => p.reserve_timeout(n, t),
                None => p.reserve(n),
            }
            .map_err(in_("send"))?;
            stream.fill(seq, &mut room);
            room.stage();
        }
        let sent = seq + 1 - messages.start;
        if sent % o.batch == 0 || seq + 1 == messages.end || sent == o.die_after {
            p.publish();
        }
        if sent == o.die_after {
            if o.cut {
                leave_a_mess(p, ring, stream.min, o.batch)?;
            }
            die();
        }
    }
    Ok(())
}

/// Stages and reserves, and publishes nothing of it.
fn leave_a_mess(p: &mut Producer, ring: &Ring, n: usize, batch: u64) -> Result<(), Failed> {
    // A full ring would not take the claims.
    let claims = matches!(ring.info().topology, Topology::Mpmc | Topology::MpscOrdered);
    while claims && ring.backlog() > 0 {
        std::thread::yield_now();
    }
    for i in 1..=batch {
        let Ok(mut room) = p.try_reserve(n) else {
            break;
        };
        room.fill(0xee);
        if i < batch {
            room.stage();
        } else {
            std::mem::forget(room);
        }
    }
    Ok(())
}
