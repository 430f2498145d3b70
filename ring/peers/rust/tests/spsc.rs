//! Rings of one producer and one consumer.

mod common;

use annulus::{Config, Error, Ring, Role, Strategy};
use common::{eventually, Name, Peer, PATIENCE};

fn ring(config: &Config) -> (Ring, Name) {
    let name = Name::new();
    (config.create(&name.0).unwrap(), name)
}

#[test]
fn wraps_and_fills() {
    let (r, _name) = ring(&Config::records().capacity(4096));
    let (mut p, mut c) = (r.producer().unwrap(), r.consumer().unwrap());
    let mut buf = [0; 4096];
    for i in 0..2000usize {
        let message = vec![i as u8; i * 37 % 900];
        let mut sent = 0;
        while p.try_send(&message).is_ok() {
            sent += 1;
            assert!(sent < 4096);
        }
        for _ in 0..sent {
            let n = c.try_recv(&mut buf).unwrap();
            assert_eq!(buf[..n], message);
        }
        assert!(matches!(c.try_recv(&mut buf), Err(Error::Empty)));
    }
}

/// The greatest message fits an empty ring wherever the last one ended.
#[test]
fn greatest_message_always_fits() {
    let (r, _name) = ring(&Config::records().capacity(4096));
    let (mut p, mut c) = (r.producer().unwrap(), r.consumer().unwrap());
    let most = p.info().max_message;
    for n in 0..600 {
        p.try_send(&vec![1; n]).unwrap();
        c.try_peek().unwrap().release();
        p.try_send(&vec![2; most]).unwrap();
        assert_eq!(c.try_peek().unwrap().len(), most);
    }
    let e = p.try_send(&vec![0; most + 1]).unwrap_err();
    assert_eq!(
        e.to_string(),
        "message too large: expected at most 2040 bytes, found 2041"
    );
}

#[test]
fn guards() {
    let (r, _name) = ring(&Config::records());
    let (mut p, mut c) = (r.producer().unwrap(), r.consumer().unwrap());
    // Given up, cut, leaked: only what is committed is seen.
    p.try_reserve(100).unwrap().fill(7);
    let mut room = p.try_reserve(100).unwrap();
    room[..5].copy_from_slice(b"hello");
    room.commit_len(5).unwrap();
    assert!(matches!(
        p.try_reserve(5).unwrap().commit_len(6),
        Err(Error::TooLarge { found: 6, most: 5 })
    ));
    let mut room = p.try_reserve(50).unwrap();
    room.fill(9);
    std::mem::forget(room);
    p.try_send(b"world").unwrap();

    let m = c.try_peek().unwrap();
    assert_eq!(&*m, b"hello");
    m.keep();
    assert_eq!(&*c.try_peek().unwrap(), b"hello"); // and it is released
    assert_eq!(&*c.try_peek().unwrap(), b"world");
    assert!(matches!(c.try_peek(), Err(Error::Empty)));

    // Who panics with a message in hand gets it again.
    p.try_send(b"again").unwrap();
    let panicked = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _message = c.try_peek().unwrap();
        panic!("on purpose");
    }));
    assert!(panicked.is_err());
    assert_eq!(&*c.try_peek().unwrap(), b"again");
}

#[test]
fn batches_are_seen_at_once() {
    for config in [Config::records(), Config::slots(8)] {
        let (r, _name) = ring(&config);
        let (mut p, mut c) = (r.producer().unwrap(), r.consumer().unwrap());
        for i in 0..5u64 {
            let mut room = p.try_reserve(8).unwrap();
            room.copy_from_slice(&i.to_le_bytes());
            room.stage();
            assert!(matches!(c.try_peek(), Err(Error::Empty)));
        }
        assert_eq!(p.staged(), 5);
        p.publish();
        let batch = c.try_peek_batch(3).unwrap();
        let got: Vec<u8> = batch.iter().map(|m| m[0]).collect();
        assert_eq!(got, [0, 1, 2]);
        batch.release();
        assert_eq!(c.try_peek_batch(3).unwrap().len(), 2);
        // What is only staged is given up with its producer.
        p.try_reserve(8).unwrap().stage();
        drop(p);
        assert!(matches!(c.try_peek(), Err(Error::End)));
        assert_eq!(
            r.producer()
                .unwrap()
                .send_batch([b"12345678" as &[u8], b"abcdefgh"])
                .unwrap(),
            2
        );
        let got: Vec<_> = c.messages().map(Result::unwrap).collect();
        assert_eq!(got, [b"12345678", b"abcdefgh"]);
    }
}

#[test]
fn one_holder_of_a_role() {
    let (r, name) = ring(&Config::records());
    let p = r.producer().unwrap();
    assert!(matches!(r.producer(), Err(Error::Attached(_))));
    let again = Ring::open(&name.0).unwrap(); // another description of the same file
    assert!(matches!(again.producer(), Err(Error::Attached(_))));
    assert!(again.is_attached(Role::Producer).unwrap());
    drop(p);
    assert!(!again.is_attached(Role::Producer).unwrap());
    again.producer().unwrap();

    let mut held = Peer::start(&["hold", "consumer", &name.0]);
    assert_eq!(held.line(), "attached");
    assert!(matches!(r.consumer(), Err(Error::Attached(_))));
    held.kill();
    r.consumer().unwrap();
}

#[test]
fn closes_and_ends() {
    let (r, _name) = ring(&Config::records());
    let mut c = r.consumer().unwrap();
    let mut p = r.producer().unwrap();
    p.try_send(b"last").unwrap();
    p.close().unwrap();
    assert_eq!(&*c.try_peek().unwrap(), b"last");
    assert!(matches!(c.try_peek(), Err(Error::End)));
    assert!(matches!(c.try_peek(), Err(Error::End)));
    c.close().unwrap();
    // The end was delivered: the next consumer does not get it again.
    let mut c = r.consumer().unwrap();
    assert!(matches!(c.try_peek(), Err(Error::Empty)));
    let mut p = r.producer().unwrap();
    p.try_send(b"first").unwrap();
    c.close().unwrap();
    assert!(matches!(p.try_send(b"x"), Err(Error::Closed)));
    assert!(matches!(p.send(b"x"), Err(Error::Closed)));
}

#[test]
fn waits_end() {
    for strategy in [Strategy::Spin, Strategy::Futex, Strategy::Semaphore] {
        let (r, _name) = ring(&Config::records().capacity(4096));
        let mut c = r.endpoint().strategy(strategy).consumer().unwrap();
        let short = std::time::Duration::from_millis(3);
        assert!(matches!(c.peek_timeout(short), Err(Error::Timeout)));
        let mut p = r.endpoint().strategy(strategy).producer().unwrap();
        let canceller = p.canceller();
        let waits = std::thread::spawn(move || loop {
            if let Err(e) = p.send(&[0; 1000]) {
                return e;
            }
        });
        eventually("the ring is full", || r.backlog() >= 2000);
        canceller.cancel();
        assert!(matches!(waits.join().unwrap(), Error::Cancelled));
    }
}

/// A stream between threads, in each way to wait.
#[test]
fn streams() {
    for strategy in [Strategy::Spin, Strategy::Futex, Strategy::Semaphore] {
        for config in [
            Config::records().capacity(4096),
            Config::slots(8).capacity(4),
        ] {
            let (r, _name) = ring(&config);
            let mut p = r.endpoint().strategy(strategy).producer().unwrap();
            let mut c = r.endpoint().strategy(strategy).consumer().unwrap();
            let sender = std::thread::spawn(move || {
                for i in 0..20_000u64 {
                    p.send_timeout(&i.to_le_bytes(), PATIENCE).unwrap();
                }
            });
            let mut buf = [0; 8];
            for i in 0..20_000u64 {
                assert_eq!(c.recv_timeout(&mut buf, PATIENCE).unwrap(), 8);
                assert_eq!(u64::from_le_bytes(buf), i);
            }
            sender.join().unwrap();
            assert!(matches!(c.recv(&mut buf), Err(Error::End)));
        }
    }
}

/// A producer is killed wherever it happens to be: all that it committed is there, whole,
/// and the next one goes on behind it.
#[test]
fn killed_producer() {
    for _ in 0..5 {
        let (r, name) = ring(&Config::records().capacity(4096));
        let mut c = r.consumer().unwrap();
        let count = u64::MAX.to_string();
        let mut sender = Peer::start(&["send", &name.0, "--count", &count, "--size", "12:300"]);
        let mut next = 0u64;
        let mut take = |m: &[u8]| {
            assert_eq!(u64::from_le_bytes(m[..8].try_into().unwrap()), next);
            next += 1;
        };
        for _ in 0..500 {
            take(&c.peek_timeout(PATIENCE).unwrap());
        }
        sender.kill();
        loop {
            match c.try_peek() {
                Ok(m) => take(&m),
                Err(Error::Empty) => break,
                Err(e) => panic!("{e}"),
            }
        }
        let mut p = r.producer().unwrap();
        p.try_send(b"behind").unwrap();
        assert_eq!(&*c.try_peek().unwrap(), b"behind");
    }
}

#[test]
fn removed_ring_ends_a_wait() {
    let (r, name) = ring(&Config::records());
    let mut c = r.consumer().unwrap();
    Ring::remove(&name.0).unwrap();
    assert!(matches!(c.peek_timeout(PATIENCE), Err(Error::Removed)));
}

#[test]
fn bad_configurations() {
    for (config, want) in [
        (
            Config::records().capacity(5000),
            "capacity: expected one of the powers of two, found 5000",
        ),
        (
            Config::records().capacity(2048),
            "capacity: expected 4096 to 4294967296, found 2048",
        ),
        (
            Config::slots(0),
            "slot size: expected 1 to 16777216, found 0",
        ),
        (
            Config::slots(8).capacity(1),
            "slots: expected 2 to 1073741824, found 1",
        ),
        (
            Config::records().mpmc(),
            "kind of a ring of this topology: expected 2, found 1",
        ),
        (Config::records().redeliver(true), "expected an MPMC ring"),
    ] {
        let name = Name::new();
        let e = config.create(&name.0).unwrap_err().to_string();
        assert!(e.contains(want), "{e}");
        assert!(matches!(Ring::open(&name.0), Err(Error::NotFound(_))));
    }
    for name in ["", ".", "..", "a/b"] {
        assert!(matches!(Ring::open(name), Err(Error::Invalid(_))), "{name}");
    }
}
