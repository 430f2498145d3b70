//! Messages that a receiver can check, as PROGRAM.md says they are made.

/// A sequence of messages.
#[derive(Clone, Copy)]
pub struct Stream {
    pub seed: u64,
    pub min: usize,
    pub max: usize,
}

/// Where the rest of a message begins, behind its number and checksum.
pub const REST: usize = 12;

pub fn mix(z: u64) -> u64 {
    let z = z.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

fn checksum(rest: &[u8]) -> u32 {
    let mut h = 0xcbf2_9ce4_8422_2325u64;
    for chunk in rest.chunks(8) {
        let mut word = [0; 8];
        word[..chunk.len()].copy_from_slice(chunk);
        h = (h ^ u64::from_le_bytes(word)).wrapping_mul(0x100_0000_01b3);
    }
    (h ^ h >> 32) as u32
}

fn head(seq: u64, message: &[u8]) -> [u8; REST] {
    let mut head = [0; REST];
    head[..8].copy_from_slice(&seq.to_le_bytes());
    head[8..].copy_from_slice(&checksum(message.get(REST..).unwrap_or_default()).to_le_bytes());
    head
}

impl Stream {
    pub fn length(&self, seq: u64) -> usize {
        let r = mix(self.seed.wrapping_add(seq));
        self.min + (r % (self.max - self.min + 1) as u64) as usize
    }

    /// Fills `b`, which has its length, with message `seq`.
    pub fn fill(&self, seq: u64, b: &mut [u8]) {
        let mut x = mix(self.seed.wrapping_add(seq)) | 1;
        for chunk in b.get_mut(REST..).unwrap_or_default().chunks_mut(8) {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            chunk.copy_from_slice(&x.to_le_bytes()[..chunk.len()]);
        }
        let head = head(seq, b);
        let n = b.len().min(REST);
        b[..n].copy_from_slice(&head[..n]);
    }

    /// Says what is wrong with `b` as message `seq`.
    pub fn check(&self, seq: u64, b: &[u8]) -> Result<(), String> {
        let n = self.length(seq);
        if b.len() != n {
            return Err(format!(
                "message {seq}: expected {n} bytes, found {}",
                b.len()
            ));
        }
        let (head, n) = (head(seq, b), n.min(REST));
        if b[..n] != head[..n] {
            return Err(format!(
                "message {seq} of {} bytes: expected it to begin with {:02x?}, found {:02x?}",
                b.len(),
                &head[..n],
                &b[..n]
            ));
        }
        Ok(())
    }
}

/// The number that a message says it has.
pub fn number(message: &[u8]) -> Option<u64> {
    message
        .get(..8)
        .and_then(|b| b.try_into().ok())
        .map(u64::from_le_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of PROGRAM.md.
    #[test]
    fn examples() {
        for (seed, min, max, seq, want) in [
            (0, 12, 24, 0, "0000000000000000eb47b7def47dc58c0e2661660f"),
            (0, 12, 24, 1, "010000000000000064f7c51b38486fcb8b65"),
            (1, 0, 40, 7, "070000000000000096ed66299b"),
            (3, 0, 11, 2, "0200"),
            (
                u64::MAX,
                30,
                30,
                1 << 40,
                "00000000000100001c9a40af243c9d52d1f51a685c8f4beeda7fb60a424f",
            ),
        ] {
            let stream = Stream { seed, min, max };
            let mut b = vec![0; stream.length(seq)];
            stream.fill(seq, &mut b);
            let got: String = b.iter().map(|b| format!("{b:02x}")).collect();
            assert_eq!(got, want, "message {seq} of seed {seed}");
            assert_eq!(stream.check(seq, &b), Ok(()));
            if let Some(last) = b.last_mut() {
                *last ^= 1;
            }
            assert!(stream.check(seq, &b).is_err());
        }
    }
}
