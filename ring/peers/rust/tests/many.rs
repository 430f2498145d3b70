//! Rings of many: tickets and lanes.

mod common;

use std::collections::HashSet;

use annulus::{Config, Error, OpenOptions, Overrun, Ring, Strategy, Topology};
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

/// One order for all: what one thread has sent before another began comes before.
#[test]
fn one_order_together() {
    for strategy in [Strategy::Spin, Strategy::Futex] {
        let config = Config::records().topology(Topology::MpscOrdered);
        let (r, _name) = ring(&config.capacity(4096).members(8));
        let mut c = r.endpoint().strategy(strategy).consumer().unwrap();
        assert!(matches!(r.consumer(), Err(Error::Attached(_))));
        let open = r.producer().unwrap();
        const EACH: u64 = 4000;
        let producers: Vec<_> = (0..3u64)
            .map(|k| {
                let mut p = r.endpoint().strategy(strategy).producer().unwrap();
                std::thread::spawn(move || {
                    for i in 0..EACH {
                        let mut m = vec![k as u8; 9 + (i * 37 % 600) as usize];
                        m[..8].copy_from_slice(&i.to_le_bytes());
                        if i % 5 == 0 {
                            let mut room = p.reserve_timeout(m.len() + 100, PATIENCE).unwrap();
                            room[..m.len()].copy_from_slice(&m);
                            room.commit_len(m.len()).unwrap(); // it keeps the granules
                        } else if i % 7 == 0 {
                            p.reserve_timeout(300, PATIENCE).unwrap().abort();
                            p.send_timeout(&m, PATIENCE).unwrap();
                        } else {
                            p.send_timeout(&m, PATIENCE).unwrap();
                        }
                    }
                })
            })
            .collect();
        let mut next = [0; 3];
        while next.iter().sum::<u64>() < 3 * EACH {
            for m in c.peek_batch_timeout(5, PATIENCE).unwrap().iter() {
                let k = m[8] as usize;
                assert_eq!(number(m), next[k]);
                assert_eq!(m.len(), 9 + (next[k] * 37 % 600) as usize);
                assert!(m[8..].iter().all(|b| *b == k as u8));
                next[k] += 1;
            }
        }
        for p in producers {
            p.join().unwrap();
        }
        open.close().unwrap();
        assert!(matches!(c.peek_timeout(PATIENCE), Err(Error::End)));
        assert_eq!(r.backlog(), 0);
    }
}

/// A killed producer's claim is stepped over, and its successor told what was committed.
#[test]
fn one_order_killed_producer() {
    let config = Config::records().topology(Topology::MpscOrdered);
    let (r, name) = ring(&config.capacity(8192));
    let mut c = r.consumer().unwrap();
    let mut dies = Peer::start(&[
        "send",
        &name.0,
        "--count",
        "1000",
        "--size",
        "12:900",
        "--die-after",
        "100",
        "--cut",
        "--batch",
        "5",
        "--tag",
        "7",
    ]);
    for i in 0..100 {
        assert_eq!(number(&c.peek_timeout(PATIENCE).unwrap()), i);
    }
    dies.end();
    let mut other = r.producer().unwrap();
    other.try_send(b"behind").unwrap();
    assert_eq!(&*c.peek_timeout(PATIENCE).unwrap(), b"behind");
    let p = r.endpoint().tag(7).producer().unwrap();
    assert_eq!(p.committed(), 100);
    assert_eq!(r.recover().unwrap(), 0);
}

/// Every subscriber gets every message, where the producer waits; and who is overrun knows
/// by how much.
#[test]
fn broadcast_together() {
    for overrun in [Overrun::Block, Overrun::Overwrite] {
        let config = Config::records().topology(Topology::Broadcast);
        let (r, name) = ring(&config.capacity(4096).members(4).overrun(overrun));
        let looks = OpenOptions::new().read_only(true).name(&name.0).unwrap();
        let mut subscribers = vec![r.subscriber().unwrap(), r.subscriber().unwrap()];
        // Nobody waits for one that only looks.
        subscribers.push(looks.subscriber().unwrap());
        let listeners: Vec<_> = subscribers
            .into_iter()
            .map(|mut c| {
                std::thread::spawn(move || {
                    let (mut buf, mut got) = (Vec::new(), 0u64);
                    loop {
                        match c.recv_timeout(&mut buf, PATIENCE) {
                            Ok(()) => {
                                assert_eq!(number(&buf) + 1, c.number());
                                let fill = number(&buf) as u8;
                                assert!(buf[8..].iter().all(|b| *b == fill), "torn");
                                got += 1;
                            }
                            Err(Error::Overrun { .. }) => {}
                            Err(Error::End) => return (got, c.lost()),
                            Err(e) => panic!("{e}"),
                        }
                    }
                })
            })
            .collect();
        let mut p = r.producer().unwrap();
        const COUNT: u64 = 10_000;
        for i in 0..COUNT {
            let mut m = vec![i as u8; 8 + (i * 37 % 500) as usize];
            m[..8].copy_from_slice(&i.to_le_bytes());
            if i % 3 == 0 {
                let mut room = p.reserve_timeout(m.len(), PATIENCE).unwrap();
                room.copy_from_slice(&m);
                room.stage(); // visible with the next
            } else {
                p.send_timeout(&m, PATIENCE).unwrap();
            }
        }
        p.publish();
        p.close().unwrap();
        for (i, l) in listeners.into_iter().enumerate() {
            let (got, lost) = l.join().unwrap();
            assert_eq!(got + lost, COUNT);
            assert!(lost == 0 || overrun == Overrun::Overwrite || i == 2);
        }
    }
}

/// Who is not waited for does without a place where all are taken, and sleeps all the same.
#[test]
fn broadcast_without_a_place() {
    let config = Config::records().topology(Topology::Broadcast);
    let (r, _name) = ring(&config.clone().capacity(4096).members(2));
    let _others = [r.subscriber().unwrap(), r.subscriber().unwrap()];
    let mut third = r.subscriber().unwrap();
    let listener = std::thread::spawn(move || {
        let mut buf = Vec::new();
        third.recv_timeout(&mut buf, PATIENCE).map(|()| buf)
    });
    r.producer().unwrap().send(b"to all").unwrap();
    assert_eq!(listener.join().unwrap().unwrap(), b"to all");

    let config = config.capacity(4096).members(2).overrun(Overrun::Block);
    let (r, _name) = ring(&config);
    let _others = [r.subscriber().unwrap(), r.subscriber().unwrap()];
    assert!(matches!(r.subscriber(), Err(Error::Attached(_))));
}

/// Where it would have to wait, it drops, and counts that; a dead subscriber is not waited
/// for.
#[test]
fn broadcast_drops_and_buries() {
    let config = Config::records().topology(Topology::Broadcast);
    let (r, _name) = ring(&config.clone().capacity(4096).overrun(Overrun::Drop));
    let mut c = r.subscriber().unwrap();
    let mut p = r.producer().unwrap();
    for _ in 0..20 {
        p.try_send(&[1; 1000]).unwrap();
    }
    assert_eq!(p.dropped(), 20 - 4);
    let mut buf = Vec::new();
    for _ in 0..4 {
        c.try_recv(&mut buf).unwrap();
    }
    assert!(matches!(c.try_recv(&mut buf), Err(Error::Empty)));

    let (r, name) = ring(&config.capacity(4096).overrun(Overrun::Block));
    let mut dies = Peer::start(&["recv", &name.0, "--announce"]);
    assert_eq!(dies.line(), "attached");
    dies.kill();
    let mut p = r.producer().unwrap();
    for _ in 0..20 {
        p.send_timeout(&[1; 1000], PATIENCE).unwrap();
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

/// Readers find whole versions only, whatever happens to writers.
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
