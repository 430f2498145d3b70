//! peer: the other end of a ring, for tests and for trying things out. Its commands,
//! options and lines are those of ring/peers/PROGRAM.md.

mod cell;
mod options;
mod payload;
mod rate;
mod recv;
mod send;

use std::io::{self, Read, Write};
use std::process::ExitCode;
use std::time::Duration;

use annulus::{Begin, Config, Error, Kind, OpenOptions, Ring, Topology};

use options::Options;

/// What went wrong: in what, and how.
pub struct Failed(String);

/// Says in what an error happened.
pub fn in_<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> Failed {
    move |e| Failed(format!("{what}: {e}"))
}

type Outcome = Result<(), Failed>;

/// Prints a line that somebody may wait for.
pub fn say(line: &str) -> Outcome {
    let mut out = io::stdout();
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(in_("write"))
}

pub fn wait_for_end() -> Outcome {
    io::copy(&mut io::stdin().by_ref(), &mut io::sink())
        .map(|_| ())
        .map_err(in_("read"))
}

/// Goes without a word, as if by kill -9.
pub fn die() -> ! {
    // SAFETY: a signal number; no handler can run for it.
    unsafe { libc::raise(libc::SIGKILL) };
    unreachable!("a process goes on after SIGKILL")
}

pub fn open(name: &str, readonly: bool) -> Result<Ring, Failed> {
    let options = OpenOptions::new().read_only(readonly);
    if let Some(fd) = name.strip_prefix("fd:") {
        let fd: i32 = fd.parse().map_err(in_("open"))?;
        return options.inherited(fd).map_err(in_("open"));
    }
    if name.contains('/') {
        options.path(name)
    } else {
        options.name(name)
    }
    .map_err(in_("open"))
}

fn create(name: &str, o: &Options) -> Outcome {
    let many = o.topology == Topology::Mpmc;
    let slots = match o.kind.as_deref() {
        Some("slots") => true,
        Some("bytes") => false,
        None => many,
        Some(other) => {
            return Err(Failed(format!(
                "create: invalid argument: expected kind bytes or slots, found {other:?}"
            )))
        }
    };
    let mut config = if slots {
        Config::slots(o.size.map_or(0, |s| s.1))
    } else {
        Config::records()
    };
    config = config
        .topology(o.topology)
        .fixed(o.fixed)
        .redeliver(o.redeliver)
        .overrun(o.overrun);
    if let Some(n) = o.capacity {
        config = config.capacity(n);
    }
    if let Some(n) = o.members {
        config = config.members(n);
    } else if o.topology == Topology::Mpsc {
        config = config.members(8);
    }
    if name.contains('/') {
        config.create_path(name)
    } else {
        config.create(name)
    }
    .map_err(in_("create"))?;
    say("created")
}

fn hold(role: &str, name: &str, o: &Options) -> Outcome {
    let ring = open(name, false)?;
    let with = ring.endpoint().strategy(o.wait);
    match role {
        "producer" => {
            let p = with.producer().map_err(in_("attach"))?;
            say("attached")?;
            wait_for_end()?;
            p.close().map_err(in_("detach"))
        }
        "consumer" => {
            let c = with.consumer().map_err(in_("attach"))?;
            say("attached")?;
            wait_for_end()?;
            c.close().map_err(in_("detach"))
        }
        other => Err(Failed(format!(
            "attach: invalid argument: expected producer or consumer, found {other:?}"
        ))),
    }
}

fn dump(name: &str) -> Outcome {
    open(name, true)?
        .dump(&mut io::stdout())
        .map_err(in_("dump"))
}

/// Does to a new ring what vectors/README.md tells of mpmc-claims.bin, and leaves its
/// endpoints as they are.
fn vector(name: &str) -> Outcome {
    let ring = open(name, false)?;
    let letters = |i: u8| vec![b'a' + i; 3 * i as usize % 25];
    let make = || -> annulus::Result<()> {
        let (mut p0, mut p1) = (ring.producer()?, ring.producer()?);
        let (mut c0, mut c1) = (ring.consumer()?, ring.consumer()?);
        for i in 0..8 {
            p0.try_send(&letters(i))?;
        }
        for _ in 0..6 {
            c0.try_peek()?.release();
        }
        let mut room = p0.try_reserve(letters(8).len())?;
        room.copy_from_slice(&letters(8));
        room.abort();
        for i in [9, 10] {
            let mut room = p1.try_reserve(letters(i).len())?;
            room.copy_from_slice(&letters(i));
            room.stage();
        }
        p1.publish();
        let mut room = p1.try_reserve(letters(11).len())?;
        room.copy_from_slice(&letters(11));
        std::mem::forget(room);
        p0.try_send(&letters(12))?;
        c1.try_peek_batch(2)?.keep();
        std::mem::forget((p0, p1, c0, c1));
        Ok(())
    };
    make().map_err(in_("vector"))?;
    say("made")
}

/// Receives `count` messages and prints them, and what is behind.
fn cat(name: &str, o: &Options) -> Outcome {
    const PATIENCE: Duration = Duration::from_secs(10);
    let ring = open(name, o.readonly)?;
    let count = o.count.unwrap_or(0);
    if ring.info().topology == Topology::Broadcast {
        let begin = if o.backlog {
            Begin::Backlog
        } else {
            Begin::Behind
        };
        let mut c = ring.endpoint().subscriber(begin).map_err(in_("attach"))?;
        let mut message = Vec::new();
        for _ in 0..count {
            match c.recv_timeout(&mut message, PATIENCE) {
                Ok(()) => say(&shown(&message, 0))?,
                Err(Error::Overrun { lost }) => say(&format!("lost {lost}"))?,
                Err(e) => return Err(in_("cat")(e)),
            }
        }
        return say_behind(c.try_recv(&mut message).err());
    }
    let mut c = ring.consumer().map_err(in_("attach"))?;
    for _ in 0..count {
        let message = c.peek_timeout(PATIENCE).map_err(in_("cat"))?;
        say(&shown(&message, message.redelivered()))?;
    }
    let behind = match c.try_peek() {
        Ok(message) => {
            message.keep();
            None
        }
        Err(e) => Some(e),
    };
    say_behind(behind)?;
    c.close().map_err(in_("detach"))
}

fn shown(message: &[u8], redelivered: u32) -> String {
    let mut line = format!("message length={} payload={}", message.len(), hex(message));
    if redelivered > 0 {
        line += &format!(" redelivered={redelivered}");
    }
    line
}

/// Says what is behind the last message, which is why there is none, or none of these.
fn say_behind(why: Option<Error>) -> Outcome {
    match why {
        None => say("more"),
        Some(Error::Empty) => say("empty"),
        Some(Error::End) => say("end"),
        Some(e) => Err(in_("cat")(e)),
    }
}

pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

/// Refuses a ring of another kind than the options say.
pub fn check_kind(ring: &Ring, o: &Options) -> Outcome {
    let kind = match ring.info().kind {
        Kind::Records => "bytes",
        Kind::Slots => "slots",
    };
    match &o.kind {
        Some(expected) if expected != kind => Err(Failed(format!(
            "open: invalid argument: expected a ring of kind {expected}, found {kind}"
        ))),
        _ => Ok(()),
    }
}

const USAGE: &str =
    "usage: peer create|send|recv|check|dump|cat|vector NAME [options] | peer hold producer|consumer NAME | peer rate send|recv NAME --size N [options] | peer cell create|write|read|cat|check|dump NAME [options]";

fn main() -> ExitCode {
    let o = match Options::parse(std::env::args().skip(1)) {
        Ok(o) => o,
        Err(e) => {
            eprintln!("{e}; {USAGE}");
            return ExitCode::from(2);
        }
    };
    let words: Vec<&str> = o.words.iter().map(String::as_str).collect();
    let done = match words[..] {
        ["create", name] => create(name, &o),
        ["send", name] => send::run(name, &o),
        ["recv", name] => recv::run(name, &o),
        ["hold", role, name] => hold(role, name, &o),
        ["rate", what @ ("send" | "recv"), name] if o.size.is_some_and(|s| s.1 >= 8) => {
            rate::run(what, name, &o)
        }
        ["check", name] => open(name, false).and_then(|_| say("ok")),
        ["dump", name] => dump(name),
        ["cat", name] => cat(name, &o),
        ["vector", name] => vector(name),
        ["cell", command, name] => cell::run(command, name, &o),
        _ => {
            eprintln!("{USAGE}");
            return ExitCode::from(2);
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(Failed(line)) => {
            eprintln!("{line}");
            ExitCode::from(1)
        }
    }
}
