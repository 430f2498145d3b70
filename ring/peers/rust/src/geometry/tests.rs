//! Headers that are written and read, and those that are refused.

use super::*;

fn shapes() -> Vec<Shape> {
    use layout::*;
    let shape = |kind, topology, capacity, slot_size, members| Shape {
        kind,
        topology,
        capacity,
        slot_size,
        stride: 128,
        members,
        variable: topology == TOPOLOGY_MPMC,
    };
    vec![
        shape(KIND_BYTES, TOPOLOGY_SPSC, 4096, 0, 0),
        shape(KIND_SLOTS, TOPOLOGY_SPSC, 4, 24, 0),
        shape(KIND_SLOTS, TOPOLOGY_MPMC, 8, 24, 5),
        shape(KIND_BYTES, TOPOLOGY_MPSC, 4096, 0, 3),
        shape(KIND_SLOTS, TOPOLOGY_MPSC, 4, 24, 2),
        shape(KIND_BYTES, TOPOLOGY_MPSC_ORDERED, 8192, 0, 4),
        shape(KIND_BYTES, TOPOLOGY_CAST, 4096, 0, 3),
    ]
}

fn seal(mut b: [u8; 256]) -> [u8; 256] {
    let sum = crate::header::checksum(&b);
    b[248..].copy_from_slice(&sum.to_le_bytes());
    b
}

#[test]
fn a_header_says_what_was_written() {
    for shape in shapes() {
        let g = shape.geometry().unwrap();
        let b = encode(&g, 0, [7; 16], 9);
        let (got, h) = decode(&b, g.total_size, false).unwrap();
        assert_eq!(format!("{got:?}"), format!("{g:?}"));
        assert_eq!((h.boot_id, h.created_ns), ([7; 16], 9));
        let short = decode(&b, g.total_size - 1, false);
        assert!(matches!(short, Err(Error::Short(_))), "{short:?}");
    }
}

/// Each field that follows from others is refused with another value.
#[test]
fn every_field_is_checked() {
    for shape in shapes() {
        let g = shape.geometry().unwrap();
        let sound = encode(&g, 0, [0; 16], 0);
        for at in (20..152).step_by(4) {
            // Features and fingerprints follow from nothing.
            if (32..48).contains(&at) || (80..88).contains(&at) {
                continue;
            }
            for bit in [0, 7, 31] {
                if at == 120 && bit < 31 {
                    continue; // a table of another length may take as many pages
                }
                let mut b = sound;
                b[at + bit / 8] ^= 1 << (bit % 8);
                let got = decode(&seal(b), 1 << 50, false);
                assert!(
                    matches!(got, Err(Error::Geometry(_))),
                    "byte {at} bit {bit}: {got:?}"
                );
            }
        }
    }
}

#[test]
fn what_is_refused_in_order() {
    let g = shapes()[0].geometry().unwrap();
    let sound = encode(&g, 0, [0; 16], 0);
    let with = |at: usize, bytes: &[u8]| {
        let mut b = sound;
        b[at..at + bytes.len()].copy_from_slice(bytes);
        b
    };
    let check = |b: [u8; 256]| decode(&b, g.total_size, false).unwrap_err();
    assert!(matches!(check(with(0, &[0; 8])), Error::NotReady(_)));
    let mut swapped = sound;
    swapped[..8].reverse();
    assert!(matches!(check(swapped), Error::Endian(_)));
    assert!(matches!(check(with(0, b"x")), Error::NotRing(_)));
    assert!(matches!(check(with(8, &[2])), Error::Version(_))); // before the checksum
    assert!(matches!(check(with(168, &[1])), Error::Checksum(_)));
    let features = |bits: u64| seal(with(32, &bits.to_le_bytes()));
    assert!(matches!(check(features(1 << 5)), Error::Feature(_)));
    let eventfd = features(layout::FEATURE_EVENTFD);
    assert!(matches!(check(eventfd), Error::Feature(_)));
    decode(&eventfd, g.total_size, true).unwrap(); // who only looks
    let block = features(layout::FEATURE_BLOCK);
    assert!(matches!(check(block), Error::Geometry(_)));
}
