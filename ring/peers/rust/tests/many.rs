//! Rings of many: tickets and lanes.

mod common;

use std::collections::HashSet;

use annulus::{Config, Error, Ring, Strategy};
use common::{eventually, Name, Peer, PATIENCE};

fn ring(config: &Config) -> (Ring, Name) {
    let name = Name::new();
    (config.create(&name.0).unwrap(), name)
}

fn number(message: &[u8]) -> u64 {
    u64::from_le_bytes(message[..8].try_into().unwrap())
}

/// Producers and consumers in threads: each message arrives once, and each producer's in
/// order where one consumer gets them.
#[test]
fn mpmc_together() {
    for strategy in [Strategy::Spin, Strategy::Futex] {
        let (r, _name) = ring(&Config::slots(24).mpmc().capacity(8).members(8));
        let mut consumers = Vec::new();
        let open = r.producer().unwrap(); // else the first to be ready might be the last
        for _ in 0..2 {
            let mut c = r.endpoint().strategy(strategy).consumer().unwrap();
            consumers.push(std::thread::spawn(move || {
                let mut got = Vec::new();
                loop {
                    match c.peek_batch_timeout(3, PATIENCE) {
                        Ok(batch) => got.extend(batch.iter().map(number)),
                        Err(Error::End) => return got,
                        Err(e) => panic!("{e}"),
                    }
                }
            }));
        }
        const EACH: u64 = 5000;
        let producers: Vec<_> = (0..3)
            .map(|k| {
                let mut p = r.endpoint().strategy(strategy).producer().unwrap();
                std::thread::spawn(move || {
                    for i in 0..EACH {
                        let message = (k << 32 | i).to_le_bytes();
                        p.send_timeout(&message, PATIENCE).unwrap();
                    }
                })
            })
            .collect();
        for p in producers {
            p.join().unwrap();
        }
        open.close().unwrap();
        let mut all = HashSet::new();
        for c in consumers {
            let mut last = [None; 3];
            for n in c.join().unwrap() {
                assert!(all.insert(n), "{n:#x} twice");
                let k = (n >> 32) as usize;
                assert!(last[k] < Some(n), "{n:#x} behind {:?}", last[k]);
                last[k] = Some(n);
            }
        }
        assert_eq!(all.len() as u64, 3 * EACH);
    }
}

/// What a killed consumer had in its hands goes to another, or is dropped.
#[test]
fn mpmc_killed_consumer() {
    for redeliver in [false, true] {
        let (r, name) = ring(&Config::slots(64).mpmc().capacity(8).redeliver(redeliver));
        let mut p = r.producer().unwrap();
        for i in 0..2u64 {
            let mut m = [0; 16];
            m[..8].copy_from_slice(&i.to_le_bytes());
            p.try_send(&m).unwrap();
        }
        // Its contents are not the stream's: it holds them without a look.
        let mut held = Peer::start(&["recv", &name.0, "--hold", "--checks", "0"]);
        assert_eq!(held.line(), "held 0");
        held.kill();
        let mut c = r.consumer().unwrap();
        p.close().unwrap();
        let mut got = Vec::new();
        let why = loop {
            match c.peek_timeout(PATIENCE) {
                Ok(m) => got.push((number(&m), m.redelivered())),
                Err(e) => break e,
            }
        };
        assert!(matches!(why, Error::End), "{why}");
        got.sort();
        if redeliver {
            assert_eq!(got, [(0, 1), (1, 0)]);
        } else {
            assert_eq!(got, [(1, 0)]);
        }
    }
}

/// A killed producer's claims are stepped over, and its successor learns what was
/// committed.
#[test]
fn mpmc_killed_producer() {
    let (r, name) = ring(&Config::slots(64).mpmc().capacity(16));
    let mut c = r.consumer().unwrap();
    let mut dies = Peer::start(&[
        "send",
        &name.0,
        "--count",
        "1000",
        "--size",
        "12:64",
        "--die-after",
        "100",
        "--cut",
        "--batch",
        "5",
        "--tag",
        "7",
    ]);
    for _ in 0..100 {
        c.peek_timeout(PATIENCE).unwrap().release();
    }
    dies.end();
    let p = r.endpoint().tag(7).producer().unwrap();
    assert_eq!(p.committed(), 100);
    let mut other = r.producer().unwrap();
    other.try_send(b"behind").unwrap();
    assert_eq!(&*c.peek_timeout(PATIENCE).unwrap(), b"behind");
}

#[test]
fn mpmc_recover() {
    let (r, name) = ring(&Config::slots(64).mpmc().capacity(16));
    let mut dies = Peer::start(&[
        "send",
        &name.0,
        "--count",
        "1000",
        "--size",
        "12:64",
        "--die-after",
        "1",
        "--cut",
        "--batch",
        "3",
    ]);
    let mut c = r.consumer().unwrap();
    c.peek_timeout(PATIENCE).unwrap().release();
    dies.end();
    assert_eq!(r.recover().unwrap(), 3);
    assert_eq!(r.recover().unwrap(), 0);
    // Steps over what was skipped, all of it within one call.
    assert!(matches!(c.try_peek(), Err(Error::Empty)));
    assert_eq!(r.backlog(), 0);
}

/// Each producer's messages come in order, from a lane of its own.
#[test]
fn lanes_together() {
    for config in [
        Config::records().capacity(4096),
        Config::slots(16).capacity(16),
    ] {
        for strategy in [Strategy::Spin, Strategy::Futex] {
            let (r, name) = ring(&config.clone().mpsc().members(4));
            let mut c = r.endpoint().strategy(strategy).consumer().unwrap();
            let open = r.producer().unwrap();
            const EACH: u64 = 4000;
            let producers: Vec<_> = (0..2u64)
                .map(|k| {
                    let mut p = r.endpoint().strategy(strategy).producer().unwrap();
                    std::thread::spawn(move || {
                        for i in 0..EACH {
                            let mut m = [k as u8; 16];
                            m[..8].copy_from_slice(&i.to_le_bytes());
                            p.send_timeout(&m, PATIENCE).unwrap();
                        }
                    })
                })
                .collect();
            let mut next = [0; 2];
            while next.iter().sum::<u64>() < 2 * EACH {
                for m in c.peek_batch_timeout(7, PATIENCE).unwrap().iter() {
                    let k = m[8] as usize;
                    assert_eq!(number(m), next[k], "of {}", name.0);
                    next[k] += 1;
                }
            }
            for p in producers {
                p.join().unwrap();
            }
            assert!(matches!(c.try_peek(), Err(Error::Empty)));
            open.close().unwrap();
            assert!(matches!(c.peek_timeout(PATIENCE), Err(Error::End)));
        }
    }
}

/// A killed producer leaves its lane to the next one, with all that it committed.
#[test]
fn lanes_killed_producer() {
    let (r, name) = ring(&Config::records().capacity(4096).mpsc().members(2));
    let mut c = r.consumer().unwrap();
    let mut p = r.producer().unwrap();
    let count = u64::MAX.to_string();
    let mut dies = Peer::start(&["send", &name.0, "--count", &count, "--size", "12:200"]);
    let mut next = 0;
    while next < 300 {
        let m = c.peek_timeout(PATIENCE).unwrap();
        assert_eq!(number(&m), next);
        next += 1;
    }
    dies.kill();
    let full = r.producer().unwrap();
    assert!(matches!(r.producer(), Err(Error::Attached(_))));
    p.try_send(&[0xff; 12]).unwrap();
    let mut other = 0;
    while let Ok(m) = c.try_peek() {
        if m[8..12] == [0xff; 4] {
            other += 1;
        } else {
            assert_eq!(number(&m), next);
            next += 1;
        }
    }
    assert_eq!(other, 1);
    full.close().unwrap();
}

/// A subscriber in another process than the producer of Go's tests is in ring/peers; here
/// is what cells promise.
#[test]
fn cells() {
    let name = Name::new();
    let cell = annulus::CellConfig::value(256).create(&name.0).unwrap();
    let mut readers: Vec<_> = (0..2)
        .map(|_| Peer::start(&["cell", "read", &name.0, "--until", "20000", "--checks", "1"]))
        .collect();
    let mut writer = Peer::start(&[
        "cell",
        "write",
        &name.0,
        "--count",
        "30000",
        "--die-after",
        "5000",
        "--cut",
    ]);
    writer.end();
    assert_eq!(cell.reader().version(), 5000);
    assert!(!cell.is_written().unwrap());
    let mut writer = Peer::start(&["cell", "write", &name.0, "--count", "15000"]);
    assert_eq!(writer.done(), "wrote 15000 ok last 20000");
    for r in &mut readers {
        let said = r.done();
        assert!(said.ends_with("ok last 20000"), "{said}");
    }
    eventually("the writer is gone", || !cell.is_written().unwrap());
    let e = cell.reader().wait(20000).unwrap_err();
    assert!(matches!(e, Error::End), "{e}");
}
