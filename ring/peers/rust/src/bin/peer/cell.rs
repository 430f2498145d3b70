//! peer cell.

use annulus::{Cell, CellConfig, CellOptions, Error};

use crate::options::Options;
use crate::payload::Stream;
use crate::{die, hex, in_, say, Failed};

pub fn run(command: &str, name: &str, o: &Options) -> Result<(), Failed> {
    match command {
        "create" => create(name, o),
        "write" => write(&open(name, false)?, o),
        "read" => read(&open(name, o.readonly)?, o),
        "check" => open(name, false).and_then(|_| say("ok")),
        "dump" => open(name, true)?
            .dump(&mut std::io::stdout())
            .map_err(in_("cell")),
        "cat" => cat(&open(name, o.readonly)?),
        other => Err(Failed(format!(
            "cell: invalid argument: expected create, write, read, cat, check or dump, found {other:?}"
        ))),
    }
}

fn open(name: &str, readonly: bool) -> Result<Cell, Failed> {
    let options = CellOptions::new().read_only(readonly);
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

fn create(name: &str, o: &Options) -> Result<(), Failed> {
    let size = o.size.map_or(0, |s| s.1);
    let config = match o.kind.as_deref() {
        None | Some("value") => CellConfig::value(size),
        Some("block") => CellConfig::block(size),
        Some(other) => {
            return Err(Failed(format!(
                "create: invalid argument: expected kind value or block, found {other:?}"
            )))
        }
    };
    if name.contains('/') {
        config.create_path(name)
    } else {
        config.create(name)
    }
    .map_err(in_("create"))?;
    say("created")
}

/// Version v is message number v of this stream.
fn stream(cell: &Cell, o: &Options) -> Stream {
    o.stream((!cell.is_block()).then_some(cell.size()))
}

fn write(cell: &Cell, o: &Options) -> Result<(), Failed> {
    let stream = stream(cell, o);
    let mut w = cell.writer().map_err(in_("attach"))?;
    if o.announce {
        say("attached")?;
    }
    let mut buf = vec![0; stream.max];
    let count = o.count.unwrap_or(1);
    for i in 1..=count {
        let next = w.version() + 1;
        let n = stream.length(next);
        stream.fill(next, &mut buf[..n]);
        w.write(&buf[..n]).map_err(in_("cell"))?;
        if i == o.die_after {
            if o.cut {
                w.begin_only();
            }
            die();
        }
    }
    let last = w.version();
    w.close();
    say(&format!("wrote {count} ok last {last}"))
}

fn read(cell: &Cell, o: &Options) -> Result<(), Failed> {
    let stream = stream(cell, o);
    let mut r = cell.reader_with(o.wait);
    if o.announce {
        say("attached")?;
    }
    let (mut last, mut done, mut buf) = (0, 0u64, Vec::new());
    let end = loop {
        let version = r.read(&mut buf).map_err(in_("cell"))?;
        if version < last {
            return Err(Failed(format!(
                "cell: ring corrupt: expected version {last} or a later one, found {version}"
            )));
        }
        if version > last {
            for _ in 0..o.checks {
                stream.check(version, &buf).map_err(in_("cell"))?;
            }
            done += 1;
            last = version;
        }
        if last >= o.until {
            break "";
        }
        let waited = match o.timeout {
            Some(t) => r.wait_timeout(last, t),
            None => r.wait(last),
        };
        match waited {
            Ok(_) => {}
            Err(Error::End) => break " end",
            Err(e) => return Err(in_("cell")(e)),
        }
    };
    say(&format!("read {done} ok last {last}{end}"))
}

fn cat(cell: &Cell) -> Result<(), Failed> {
    let mut value = Vec::new();
    let version = cell.reader().read(&mut value).map_err(in_("cell"))?;
    say(&format!(
        "value version={version} length={} payload={}",
        value.len(),
        hex(&value)
    ))
}
