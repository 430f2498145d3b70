//! Words that no correct peer writes: endpoints refuse them, or live with them, but never
//! panic, run away or reach beyond the ring.

mod common;

use std::time::Duration;

use annulus::{Begin, Cell, Error, Ring, Topology};
use common::Scratch;

/// splitmix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// A value that might slip through where `old` is.
    fn odd(&mut self, old: u64) -> u64 {
        match self.below(8) {
            0 => 0,
            1 => u64::MAX,
            2 => self.next(),
            3 => old.wrapping_add(1),
            4 => old.wrapping_sub(1),
            5 => old ^ 1 << self.below(64),
            6 => old.wrapping_mul(2),
            _ => 1 << self.below(64),
        }
    }
}

/// Spoils some words behind the header, most of them such as are not zero.
fn spoil(bytes: &mut [u8], random: &mut Random) {
    for _ in 0..=random.below(3) {
        let mut at = 0;
        for _ in 0..400 {
            at = 4096 + 8 * random.below((bytes.len() - 4096) / 8);
            if bytes[at..at + 8] != [0; 8] {
                break;
            }
        }
        let word: [u8; 8] = bytes[at..at + 8].try_into().unwrap();
        let new = random.odd(u64::from_le_bytes(word));
        bytes[at..at + 8].copy_from_slice(&new.to_le_bytes());
    }
}

const MOMENT: Duration = Duration::from_millis(1);

/// Does what there is to do with a ring.
fn use_ring(ring: &Ring) -> Result<(), Error> {
    let info = ring.info();
    let _ = ring.dump(&mut Vec::new());
    let _ = ring.recover();
    if info.topology == Topology::Broadcast {
        for begin in [Begin::Behind, Begin::Latest, Begin::Backlog] {
            let mut c = ring.endpoint().subscriber(begin)?;
            let mut buf = Vec::new();
            for _ in 0..10 {
                match c.try_recv(&mut buf) {
                    Err(Error::Overrun { .. }) | Ok(()) => {}
                    Err(_) => break,
                }
            }
        }
    } else if let Ok(mut c) = ring.consumer() {
        for _ in 0..10 {
            match c.try_peek_batch(3) {
                Ok(batch) => {
                    assert!(batch.iter().all(|m| m.len() <= info.max_message))
                }
                Err(Error::Empty) => break,
                Err(e) => return Err(e),
            }
        }
        let _ = c.peek_timeout(MOMENT);
    }
    let mut p = ring.producer()?;
    let message = vec![7; info.max_message];
    for n in [info.max_message, 0, 1, info.max_message / 2] {
        let n = if info.exact { info.max_message } else { n };
        p.send_timeout(&message[..n], MOMENT)?;
        p.try_reserve(n)?.abort();
    }
    p.close()
}

#[test]
fn rings() {
    let mut random = Random(0x5eed);
    let mut told = 0;
    for name in [
        "bytes-messages",
        "bytes-wrap",
        "slots-messages",
        "slots-wrap",
        "mpmc-claims",
        "lanes-records",
        "lanes-slots",
        "ordered-claims",
        "broadcast-wrap",
        "broadcast-overrun",
        "broadcast-latest",
        "broadcast-block",
    ] {
        let sound = std::fs::read(&Scratch::vector(name).0).unwrap();
        for round in 0..150 {
            let mut bytes = sound.clone();
            spoil(&mut bytes, &mut random);
            let file = Scratch::of(&bytes);
            let ring = match Ring::open_path(&file.0) {
                Ok(ring) => ring,
                Err(Error::Corrupt(_)) => continue, // gates that are none
                Err(e) => panic!("{name}, round {round}: {e}"),
            };
            match use_ring(&ring) {
                Err(Error::Corrupt(what) | Error::Lost(what)) => {
                    assert!(what.contains("expected"), "{what}");
                    told += 1;
                }
                Ok(()) | Err(Error::Full | Error::Timeout | Error::Closed | Error::End) => {}
                Err(e) => panic!("{name}, round {round}: {e}"),
            }
        }
    }
    assert!(told > 100, "only {told} times something was found");
}

#[test]
fn cells() {
    let mut random = Random(0xce11);
    for name in ["cell-value", "cell-block", "cell-closed"] {
        let sound = std::fs::read(&Scratch::vector(name).0).unwrap();
        for round in 0..100 {
            let mut bytes = sound.clone();
            spoil(&mut bytes, &mut random);
            let file = Scratch::of(&bytes);
            let Ok(cell) = Cell::open_path(&file.0) else {
                continue;
            };
            let (mut r, mut buf) = (cell.reader(), Vec::new());
            match r.read(&mut buf) {
                Ok(_) => assert!(buf.len() <= cell.size()),
                Err(Error::Corrupt(_)) => {}
                Err(e) => panic!("{name}, round {round}: {e}"),
            }
            let _ = r.wait_timeout(r.version(), MOMENT);
            let mut w = cell.writer().unwrap();
            w.write(&vec![1; cell.size()]).unwrap();
        }
    }
}
