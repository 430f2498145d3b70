//! peer recv.

use std::collections::HashMap;

use annulus::{Begin, Consumer, Error, Subscriber, Topology};

use crate::options::Options;
use crate::payload::{mix, number, Stream};
use crate::{check_kind, die, in_, open, say, wait_for_end, Failed};

/// What was received, and what is expected next.
struct Tally<'a> {
    o: &'a Options,
    stream: Stream,
    done: u64,
    /// The sum over the mixes of the messages' numbers, and how many were in dead hands.
    mix: u64,
    redelivered: u64,
    lost: u64,
    /// What each sender's next message is at least.
    senders: HashMap<u64, u64>,
}

impl Tally<'_> {
    /// Checks one message and counts it. Its number is returned.
    fn take(&mut self, message: &[u8], redelivered: u32) -> Result<u64, Failed> {
        let mut seq = self.o.start.wrapping_add(self.done).wrapping_add(self.lost);
        if self.o.any {
            seq = number(message).ok_or_else(|| {
                let n = message.len();
                Failed(format!("recv: message of {n} bytes, expected 12 at least"))
            })?;
            self.mix = self.mix.wrapping_add(mix(seq));
            self.redelivered += u64::from(redelivered > 0);
        }
        for _ in 0..self.o.checks {
            self.stream.check(seq, message).map_err(in_("recv"))?;
        }
        if let Some(sender) = seq.checked_div(self.o.per_sender) {
            let next = self.senders.entry(sender).or_default();
            if seq < *next {
                return Err(Failed(format!("recv: message {seq}: out of order")));
            }
            *next = seq + 1;
        }
        self.done += 1;
        if self.done == self.o.die_after {
            die();
        }
        Ok(seq)
    }

    /// The end of the stream: too early, if there is a count.
    fn ended(&self, count: Option<u64>) -> Result<(), Failed> {
        match count {
            None => Ok(()),
            Some(n) => Err(Failed(format!(
                "recv: end of stream after {} of {n}",
                self.done
            ))),
        }
    }
}

pub fn run(name: &str, o: &Options) -> Result<(), Failed> {
    let ring = open(name, o.readonly)?;
    check_kind(&ring, o)?;
    let info = ring.info();
    let mut tally = Tally {
        o,
        stream: o.stream(info.exact.then_some(info.max_message)),
        done: 0,
        mix: 0,
        redelivered: 0,
        lost: 0,
        senders: HashMap::new(),
    };
    let with = ring.endpoint().strategy(o.wait);
    if info.topology == Topology::Broadcast {
        let begin = if o.backlog {
            Begin::Backlog
        } else {
            Begin::Behind
        };
        let mut c = with.subscriber(begin).map_err(in_("attach"))?;
        if o.announce {
            say("attached")?;
        }
        subscribe(&mut c, &mut tally)?;
        c.close();
    } else {
        let mut c = with.consumer().map_err(in_("attach"))?;
        if o.announce {
            say("attached")?;
        }
        let received = receive(&mut c, &mut tally);
        let closed = c.close();
        received?;
        closed.map_err(in_("detach"))?;
    }
    let mut line = format!("received {} ok", tally.done);
    if o.any {
        line += &format!(" mix {} redelivered {}", tally.mix, tally.redelivered);
    }
    if o.lossy {
        line += &format!(" lost {}", tally.lost);
    }
    say(&line)
}

/// Receives from a broadcast ring up to the count, or to the end of the stream.
fn subscribe(c: &mut Subscriber, tally: &mut Tally<'_>) -> Result<(), Failed> {
    let o = tally.o;
    let mut buf = Vec::new();
    let count = if o.hold { Some(1) } else { o.count };
    while count.map_or(true, |n| tally.done < n) {
        let done = match o.timeout {
            Some(t) => c.recv_timeout(&mut buf, t),
            None => c.recv(&mut buf),
        };
        match done {
            Ok(()) => {
                let seq = tally.take(&buf, 0)?;
                if o.hold {
                    say(&format!("held {seq}"))?;
                    wait_for_end()?;
                }
            }
            Err(Error::Overrun { lost }) if o.lossy => tally.lost += lost,
            Err(Error::End) => return tally.ended(count),
            Err(e) => return Err(in_("recv")(e)),
        }
    }
    Ok(())
}

/// Receives up to the count, or to the end of the stream.
fn receive(c: &mut Consumer, tally: &mut Tally<'_>) -> Result<(), Failed> {
    let o = tally.o;
    let mut buf = vec![0; tally.stream.max];
    let copied = o.batch == 1 && o.die_after == 0 && !o.hold;
    let count = if o.hold { Some(1) } else { o.count };
    while count.map_or(true, |n| tally.done < n) {
        let done = if copied {
            copy(c, tally, &mut buf)
        } else {
            let mut most = count.map_or(o.batch, |n| o.batch.min(n - tally.done));
            if o.die_after > tally.done {
                most = most.min(o.die_after - tally.done); // it dies with no more in its hands
            }
            peek(c, tally, most as usize)
        };
        match done {
            Ok(done) => done?,
            Err(Error::End) => return tally.ended(count),
            Err(e) => return Err(in_("recv")(e)),
        }
    }
    Ok(())
}

fn copy(
    c: &mut Consumer,
    tally: &mut Tally<'_>,
    buf: &mut [u8],
) -> annulus::Result<Result<(), Failed>> {
    let n = match tally.o.timeout {
        Some(t) => c.recv_timeout(buf, t)?,
        None => c.recv(buf)?,
    };
    let redelivered = c.redelivered();
    Ok(tally.take(&buf[..n], redelivered).map(|_| ()))
}

fn peek(
    c: &mut Consumer,
    tally: &mut Tally<'_>,
    most: usize,
) -> annulus::Result<Result<(), Failed>> {
    let batch = match tally.o.timeout {
        Some(t) => c.peek_batch_timeout(most, t)?,
        None => c.peek_batch(most)?,
    };
    let redelivered = batch.redelivered();
    for message in batch.iter() {
        let taken = tally.take(message, redelivered).and_then(|seq| {
            if tally.o.hold {
                say(&format!("held {seq}"))?;
                wait_for_end()?;
            }
            Ok(())
        });
        if taken.is_err() {
            return Ok(taken);
        }
    }
    Ok(Ok(()))
}
