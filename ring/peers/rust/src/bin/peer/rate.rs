//! peer rate: bare messages, for the speed of it.

use std::ops::Range;
use std::time::Instant;

use annulus::{Consumer, Error, Ring};

use crate::options::Options;
use crate::{in_, open, say, Failed};

pub fn run(what: &str, name: &str, o: &Options) -> Result<(), Failed> {
    let ring = open(name, false)?;
    let mut buf = vec![0; o.size.map_or(8, |s| s.1)];
    let count = o.count.unwrap_or(1);
    if what == "send" {
        send(&ring, o, count, &mut buf)
    } else {
        recv(&ring, o, count, &mut buf)
    }
}

fn send(ring: &Ring, o: &Options, count: u64, buf: &mut [u8]) -> Result<(), Failed> {
    let with = ring.endpoint().strategy(o.wait);
    let mut p = with.producer().map_err(in_("attach"))?;
    if o.announce {
        say("attached")?;
    }
    for seq in 0..o.warm + count {
        buf[..8].copy_from_slice(&seq.to_le_bytes());
        match o.timeout {
            Some(t) => p.send_timeout(buf, t),
            None => p.send(buf),
        }
        .map_err(in_("send"))?;
    }
    p.close().map_err(in_("detach"))?;
    say(&format!("sent {count} ok"))
}

/// Receives messages of these numbers, and checks that they are.
fn receive(
    c: &mut Consumer,
    o: &Options,
    numbers: Range<u64>,
    buf: &mut [u8],
) -> Result<(), Failed> {
    let all = o.warm + o.count.unwrap_or(1);
    for seq in numbers {
        let received = match o.timeout {
            Some(t) => c.recv_timeout(buf, t),
            None => c.recv(buf),
        };
        let n = match received {
            Ok(n) => n,
            Err(Error::End) => {
                return Err(Failed(format!("recv: end of stream after {seq} of {all}")))
            }
            Err(e) => return Err(in_("recv")(e)),
        };
        let mut word = [0; 8];
        word.copy_from_slice(&buf[..8]);
        let found = u64::from_le_bytes(word);
        if n != buf.len() || found != seq {
            let size = buf.len();
            return Err(Failed(format!(
                "recv: ring corrupt: expected message {seq} of {size} bytes, found {found} of {n}"
            )));
        }
    }
    Ok(())
}

fn recv(ring: &Ring, o: &Options, count: u64, buf: &mut [u8]) -> Result<(), Failed> {
    let with = ring.endpoint().strategy(o.wait);
    let mut c = with.consumer().map_err(in_("attach"))?;
    if o.announce {
        say("attached")?;
    }
    receive(&mut c, o, 0..o.warm, buf)?;
    let began = Instant::now();
    receive(&mut c, o, o.warm..o.warm + count, buf)?;
    let ns = began.elapsed().as_nanos();
    c.close().map_err(in_("detach"))?;
    say(&format!("received {count} ns {ns}"))
}
