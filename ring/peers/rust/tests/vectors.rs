//! The golden vectors: rings whose contents are known byte for byte.

mod common;

use annulus::{Begin, Cell, CellOptions, Error, OpenOptions, Ring};
use common::Scratch;

fn long() -> String {
    "long".repeat(250) + &"er".repeat(50)
}

fn letters(i: usize) -> String {
    char::from(b'a' + i as u8).to_string().repeat(3 * i % 25)
}

/// All that a consumer gets, and why there is no more.
fn all(ring: &Ring) -> (Vec<String>, Error) {
    let mut c = ring.consumer().unwrap();
    let mut got = Vec::new();
    loop {
        match c.try_peek() {
            Ok(m) => got.push(String::from_utf8_lossy(&m).into_owned()),
            Err(e) => return (got, e),
        }
    }
}

#[test]
fn one_producer() {
    let bytes: Vec<u8> = (0..=255).collect();
    let bytes = String::from_utf8_lossy(&bytes).into_owned();
    let slot = |i: usize| format!("slot message number {i:04}");
    for (name, want, end) in [
        ("bytes-fresh", vec![], false),
        ("slots-fresh", vec![], false),
        (
            "bytes-messages",
            vec![String::new(), "x".into(), "12345678".into(), bytes],
            true,
        ),
        (
            "bytes-wrap",
            vec![long(), "batch 1".into(), "batch 2".into()],
            false,
        ),
        ("slots-messages", vec![slot(1), slot(2)], true),
        ("slots-wrap", (7..=10).map(slot).collect(), false),
    ] {
        let file = Scratch::vector(name);
        let (got, why) = all(&Ring::open_path(&file.0).unwrap());
        assert_eq!(got, want, "{name}");
        assert_eq!(matches!(why, Error::End), end, "{name}: {why}");
    }
}

/// A producer that takes over finds the end of what was committed by itself.
#[test]
fn takeover() {
    let file = Scratch::vector("bytes-wrap");
    let ring = Ring::open_path(&file.0).unwrap();
    let mut p = ring.producer().unwrap();
    assert_eq!(p.committed(), 5240);
    p.try_send(b"behind").unwrap();
    drop(p);
    let (got, why) = all(&ring);
    assert_eq!(got, [&long(), "batch 1", "batch 2", "behind"]);
    assert!(matches!(why, Error::End), "{why}");

    let file = Scratch::vector("slots-wrap");
    let ring = Ring::open_path(&file.0).unwrap();
    let mut p = ring.producer().unwrap();
    assert_eq!(p.committed(), 11);
    assert!(matches!(p.try_send(&[0; 24]), Err(Error::Full)));
}

#[test]
fn tickets() {
    let file = Scratch::vector("mpmc-claims");
    let ring = Ring::open_path(&file.0).unwrap();
    let mut c = ring.consumer().unwrap();
    let mut got = Vec::new();
    for _ in 0..5 {
        let m = c.peek_timeout(common::PATIENCE).unwrap();
        got.push((String::from_utf8_lossy(&m).into_owned(), m.redelivered()));
    }
    let want = [(9, 0), (10, 0), (12, 0), (6, 1), (7, 1)].map(|(i, times)| (letters(i), times));
    assert_eq!(got, want);
    assert!(matches!(c.try_peek(), Err(Error::Empty)));
}

#[test]
fn lanes() {
    let file = Scratch::vector("lanes-records");
    let (mut got, why) = all(&Ring::open_path(&file.0).unwrap());
    let second = got.split_off(3);
    assert_eq!(got, [&long(), "batch 1", "batch 2"]);
    assert_eq!(second, ["second lane", "", "x"]);
    assert!(matches!(why, Error::Empty), "{why}");

    let file = Scratch::vector("lanes-slots");
    let (got, why) = all(&Ring::open_path(&file.0).unwrap());
    assert_eq!(got.len(), 4);
    assert!(matches!(why, Error::End), "{why}");

    // The successor with the tag goes on in its lane.
    let file = Scratch::vector("lanes-records");
    let ring = Ring::open_path(&file.0).unwrap();
    let mut p = ring.endpoint().tag(9).producer().unwrap();
    assert_eq!(p.committed(), 5240);
    p.try_send(b"successor").unwrap();
    let (got, _) = all(&ring);
    assert_eq!(got[..4], [&long(), "batch 1", "batch 2", "successor"]);
}

#[test]
fn one_order() {
    let file = Scratch::vector("ordered-claims");
    let ring = Ring::open_path(&file.0).unwrap();
    let mut c = ring.consumer().unwrap();
    let mut got = Vec::new();
    for _ in 0..5 {
        let m = c.peek_timeout(common::PATIENCE).unwrap();
        got.push(String::from_utf8_lossy(&m).into_owned());
    }
    let want = [&long(), "behind the skip", "batch 1", "batch 2", "short"];
    assert_eq!(got, want);
    assert!(matches!(c.try_peek(), Err(Error::Empty)));

    let file = Scratch::vector("ordered-claims");
    let ring = Ring::open_path(&file.0).unwrap();
    let mut p = ring.endpoint().tag(5).producer().unwrap();
    assert_eq!(p.committed(), 1);
    p.send(b"successor").unwrap();
    assert_eq!(p.committed(), 2);
}

/// All that a broadcast consumer gets, with numbers, and why there is no more.
fn heard(name: &str, readonly: bool, begin: Begin) -> (Vec<(u64, String)>, Error) {
    let file = Scratch::vector(name);
    let ring = OpenOptions::new()
        .read_only(readonly)
        .path(&file.0)
        .unwrap();
    let mut c = ring.endpoint().subscriber(begin).unwrap();
    let (mut got, mut buf) = (Vec::new(), Vec::new());
    loop {
        let number = c.number();
        match c.try_recv(&mut buf) {
            Ok(()) => got.push((number, String::from_utf8_lossy(&buf).into_owned())),
            Err(e) => return (got, e),
        }
    }
}

#[test]
fn broadcast() {
    let fifth = "long".repeat(249) + "lon!";
    for readonly in [false, true] {
        for (name, begin, want, end) in [
            ("broadcast-fresh", Begin::Backlog, vec![], false),
            (
                "broadcast-wrap",
                Begin::Backlog,
                vec![(4, fifth.as_str()), (5, "batch #1"), (6, "batch #2")],
                true,
            ),
            ("broadcast-wrap", Begin::Latest, vec![(6, "batch #2")], true),
            ("broadcast-wrap", Begin::Behind, vec![], false),
            (
                "broadcast-overrun",
                Begin::Backlog,
                vec![(10, "the last")],
                false,
            ),
            ("broadcast-latest", Begin::Backlog, vec![], false),
            ("broadcast-block", Begin::Backlog, vec![(3, "")], false),
        ] {
            let (got, why) = heard(name, readonly, begin);
            let got: Vec<_> = got
                .iter()
                .map(|(n, s)| (*n, s.trim_matches('\0')))
                .collect();
            let got: Vec<_> = got
                .iter()
                .map(|(n, s)| {
                    (
                        *n,
                        if s.starts_with("the last") {
                            "the last"
                        } else {
                            s
                        },
                    )
                })
                .collect();
            assert_eq!(got, want, "{name} {begin:?} readonly {readonly}");
            assert_eq!(matches!(why, Error::End), end, "{name}: {why}");
        }
    }
}

#[test]
fn cells() {
    let text = |v| format!("cell value, version {v:04}");
    for (name, version, want, end) in [
        ("cell-fresh", 0, String::new(), false),
        ("cell-value", 5, text(5), false),
        ("cell-closed", 2, text(2), true),
        (
            "cell-block",
            3,
            "the third version of the block".to_string(),
            false,
        ),
    ] {
        for readonly in [false, true] {
            let file = Scratch::vector(name);
            let cell = CellOptions::new()
                .read_only(readonly)
                .path(&file.0)
                .unwrap();
            let (mut r, mut buf) = (cell.reader(), Vec::new());
            assert_eq!(r.read(&mut buf).unwrap(), version, "{name}");
            assert_eq!(String::from_utf8_lossy(&buf), want, "{name}");
            match r.wait_timeout(version, std::time::Duration::from_millis(2)) {
                Err(Error::End) => assert!(end, "{name}"),
                Err(Error::Timeout) => assert!(!end, "{name}"),
                other => panic!("{name}: {other:?}"),
            }
        }
    }
}

/// A writer goes on where its predecessor died.
#[test]
fn cell_takeover() {
    let file = Scratch::vector("cell-block");
    let cell = Cell::open_path(&file.0).unwrap();
    let mut w = cell.writer().unwrap();
    assert!(matches!(cell.writer(), Err(Error::Attached(_))));
    assert_eq!(w.write(b"fourth").unwrap(), 4);
    assert!(matches!(w.write(&[0; 101]), Err(Error::TooLarge { .. })));
    let mut buf = Vec::new();
    assert_eq!(cell.reader().read(&mut buf).unwrap(), 4);
    assert_eq!(buf, b"fourth");
}

/// Who opens the one as the other is told so.
#[test]
fn a_ring_is_no_cell() {
    let file = Scratch::vector("cell-value");
    let e = Ring::open_path(&file.0).unwrap_err();
    assert!(e.to_string().contains("a cell"), "{e}");
    let file = Scratch::vector("bytes-fresh");
    let e = Cell::open_path(&file.0).unwrap_err();
    assert!(e.to_string().contains("a ring"), "{e}");
}
