//! The command line.

use std::time::Duration;

use annulus::{Overrun, Strategy, Topology};

use crate::payload::Stream;

/// What was said, and the defaults of the rest.
pub struct Options {
    /// What is no option: the command and its arguments.
    pub words: Vec<String>,
    pub count: Option<u64>,
    pub start: u64,
    pub size: Option<(usize, usize)>,
    pub seed: u64,
    pub wait: Strategy,
    pub kind: Option<String>,
    pub topology: Topology,
    pub capacity: Option<u64>,
    pub members: Option<u64>,
    pub fixed: bool,
    pub redeliver: bool,
    pub overrun: Overrun,
    pub batch: u64,
    pub timeout: Option<Duration>,
    pub checks: u64,
    pub die_after: u64,
    pub cut: bool,
    pub tag: u64,
    pub resume: bool,
    pub announce: bool,
    pub hold: bool,
    pub any: bool,
    pub per_sender: u64,
    pub backlog: bool,
    pub readonly: bool,
    pub lossy: bool,
    pub until: u64,
    pub warm: u64,
}

fn number<T: std::str::FromStr>(option: &str, value: &str) -> Result<T, String> {
    value
        .parse()
        .map_err(|_| format!("{option}: expected a number, found {value:?}"))
}

impl Options {
    pub fn parse(args: impl Iterator<Item = String>) -> Result<Self, String> {
        let mut o = Self {
            words: Vec::new(),
            count: None,
            start: 0,
            size: None,
            seed: 0,
            wait: Strategy::Futex,
            kind: None,
            topology: Topology::Spsc,
            capacity: None,
            members: None,
            fixed: false,
            redeliver: false,
            overrun: Overrun::Overwrite,
            batch: 1,
            timeout: None,
            checks: 1,
            die_after: 0,
            cut: false,
            tag: 0,
            resume: false,
            announce: false,
            hold: false,
            any: false,
            per_sender: 0,
            backlog: false,
            readonly: false,
            lossy: false,
            until: 0,
            warm: 0,
        };
        let mut args = args;
        while let Some(arg) = args.next() {
            if !arg.starts_with("--") {
                o.words.push(arg);
                continue;
            }
            if o.flag(&arg) {
                continue;
            }
            let value = args
                .next()
                .ok_or_else(|| format!("{arg}: expected a value or a known option, found none"))?;
            o.option(&arg, value)?;
        }
        if o.batch == 0 || o.size.is_some_and(|(min, max)| min > max) {
            return Err("expected a batch of 1 at least, and sizes in order".into());
        }
        Ok(o)
    }

    /// Notes an option without a value: false if it is none.
    fn flag(&mut self, name: &str) -> bool {
        match name {
            "--mpmc" => self.topology = Topology::Mpmc,
            "--fixed" => self.fixed = true,
            "--redeliver" => self.redeliver = true,
            "--cut" => self.cut = true,
            "--resume" => self.resume = true,
            "--announce" => self.announce = true,
            "--hold" => self.hold = true,
            "--any" => self.any = true,
            "--backlog" => self.backlog = true,
            "--readonly" => self.readonly = true,
            "--lossy" => self.lossy = true,
            _ => return false,
        }
        true
    }

    fn option(&mut self, name: &str, value: String) -> Result<(), String> {
        let one_of = |known: &str| Err(format!("{name}: expected {known}, found {value:?}"));
        match name {
            "--count" => self.count = Some(number(name, &value)?),
            "--start" => self.start = number(name, &value)?,
            "--seed" => self.seed = number(name, &value)?,
            "--capacity" => self.capacity = Some(number(name, &value)?),
            "--members" => self.members = Some(number(name, &value)?),
            "--batch" => self.batch = number(name, &value)?,
            "--timeout" => self.timeout = Some(Duration::from_millis(number(name, &value)?)),
            "--checks" => self.checks = number(name, &value)?,
            "--die-after" => self.die_after = number(name, &value)?,
            "--tag" => self.tag = number(name, &value)?,
            "--per-sender" => self.per_sender = number(name, &value)?,
            "--until" => self.until = number(name, &value)?,
            "--warm" => self.warm = number(name, &value)?,
            "--kind" => self.kind = Some(value),
            "--overrun" => {
                self.overrun = match value.as_str() {
                    "overwrite" => Overrun::Overwrite,
                    "block" => Overrun::Block,
                    "drop" => Overrun::Drop,
                    _ => return one_of("overwrite, block or drop"),
                }
            }
            "--size" => {
                let (min, max) = value.split_once(':').unwrap_or((&value, &value));
                self.size = Some((number(name, min)?, number(name, max)?));
            }
            "--wait" => {
                self.wait = match value.as_str() {
                    "spin" => Strategy::Spin,
                    "futex" => Strategy::Futex,
                    "semaphore" => Strategy::Semaphore,
                    _ => return one_of("spin, futex or semaphore"),
                }
            }
            "--topology" => {
                self.topology = match value.as_str() {
                    "spsc" => Topology::Spsc,
                    "mpmc" => Topology::Mpmc,
                    "mpsc" => Topology::Mpsc,
                    "mpsc-ordered" => Topology::MpscOrdered,
                    "broadcast" => Topology::Broadcast,
                    _ => return one_of("spsc, mpmc, mpsc, mpsc-ordered or broadcast"),
                }
            }
            _ => return Err(format!("{name}: expected a known option")),
        }
        Ok(())
    }

    /// The messages, of a ring whose messages all have `exact` bytes, if they do.
    pub fn stream(&self, exact: Option<usize>) -> Stream {
        let (min, max) = self.size.or(exact.map(|n| (n, n))).unwrap_or((12, 1024));
        Stream {
            seed: self.seed,
            min,
            max,
        }
    }
}
