//! Granules: the tickets of a ring of many producers in one order. A record takes whole
//! ones, in one piece; a table of words says what is there. Section 11 of the
//! specification.

use std::sync::atomic::Ordering;

use crate::data::Data;
use crate::error::{Error, Result};
use crate::layout::{self, GRANULE_COMMITTED, GRANULE_PAD, GRANULE_SIZE, GRANULE_SKIP, WORD_SIZE};
use crate::ring::{Ring, Role};
use crate::side::Entry;
use crate::tickets::Tickets;

/// How many granules a record of `n` bytes takes.
pub(crate) fn granules(n: u64) -> u64 {
    (WORD_SIZE + n).div_ceil(GRANULE_SIZE)
}

/// The word of position `p` in a ring of `size` granules.
pub(crate) fn granule_word(p: u64, size: u64, state: u64) -> u64 {
    p & !(size - 1) | state
}

/// Whether `w`, the word of position `p`, says nothing of its lap yet. Laps are compared by
/// their distance, so that positions may run over.
pub(crate) fn says_nothing(w: u64, p: u64, size: u64) -> bool {
    let (state, lap) = (w & (size - 1), !(size - 1));
    if state == 0 || state > GRANULE_PAD {
        return w == 0;
    }
    ((w & lap).wrapping_sub(p & lap) as i64) < 0
}

/// The records themselves, at positions that count granules.
pub(crate) fn records(ring: &Ring) -> Data {
    let g = &ring.inner.geometry;
    Data::pieces(
        &ring.inner.region.map,
        g.data_area,
        g.capacity / GRANULE_SIZE,
        GRANULE_SIZE,
        WORD_SIZE,
    )
}

/// What stands at a position.
pub(crate) enum Granule {
    /// A record of so many granules and bytes.
    Record { span: u64, len: u64 },
    /// So many granules that hold nothing.
    Skip(u64),
    /// Nothing yet.
    Nothing,
}

/// What stands at position `p`, whose word is `w`. `max` is the greatest message.
pub(crate) fn read(records: &Data, p: u64, w: u64, size: u64, max: u64) -> Result<Granule> {
    let rest = size - (p & (size - 1));
    let state = w.wrapping_sub(granule_word(p, size, 0));
    if state == GRANULE_COMMITTED {
        let first = records.word(p).load(Ordering::Acquire); // behind the load of w, [P1]
        let (span, len) = (
            first >> layout::SPAN_SHIFT,
            first & layout::SPAN_LENGTH_MASK,
        );
        if len <= max && granules(len) <= span && span <= rest {
            return Ok(Granule::Record { span, len });
        }
        return Err(Error::Corrupt(format!(
            "expected a record of at most {max} bytes in {rest} granules at position {p}, found {len} in {span}"
        )));
    }
    if state == GRANULE_SKIP {
        return Ok(Granule::Skip(1));
    }
    if state == GRANULE_PAD && rest != size {
        return Ok(Granule::Skip(rest)); // at granule 0 a record would fit
    }
    if says_nothing(w, p, size) {
        return Ok(Granule::Nothing);
    }
    Err(Error::Corrupt(format!(
        "expected the word of a granule at position {p}, found {w:#x}"
    )))
}

/// How many granules are settled by one look at the intents.
const RUN: usize = 64;

impl Tickets {
    /// Settles the granules from `p` on, where a record would start, that belong to dead
    /// producers, up to the first that does not, and returns how many. A compare-and-swap
    /// that comes too late may hit a granule inside of a record: in that lap nobody looks
    /// there.
    pub fn repair_granules(&self, p: u64, own: Option<&Entry>) -> Result<u64> {
        let tail = self.counter(Role::Producer);
        let mut done = 0;
        loop {
            let t = p.wrapping_add(done);
            // Before the look at the intents.
            let words: Vec<u64> = (0..RUN as u64)
                .map(|k| (t.wrapping_add(k), self.load(t.wrapping_add(k))))
                .take_while(|(t, w)| self.is_unsettled(Role::Producer, *w, *t, tail))
                .map(|(_, w)| w)
                .collect();
            let n = self.orphans(Role::Producer, t, words.len() as u64, own)?;
            let mut settled = 0;
            for w in words.iter().take(n as usize) {
                if !self.settle(Role::Producer, t.wrapping_add(settled), *w) {
                    break;
                }
                settled += 1;
            }
            if settled > 0 {
                self.rouse();
            }
            done += settled;
            if settled < RUN as u64 {
                return Ok(done);
            }
        }
    }

    /// Walks from head to the first claim of a live producer, or to tail, and settles what is
    /// dead on the way. Each place is looked at twice at most, free and settled.
    pub fn recover_granules(&self, own: Option<&Entry>) -> Result<u64> {
        let records = records(&self.ring);
        let max = self.ring.inner.geometry.max_message;
        let tail = self.counter(Role::Producer);
        let mut p = self.counter(Role::Consumer);
        let mut done = 0;
        for _ in 0..2 * self.size + 2 {
            let left = tail.wrapping_sub(p);
            if left == 0 || left > self.size {
                return Ok(done);
            }
            let w = self.load(p); // [P1]
            let there = read(&records, p, w, self.size, max);
            let head = self.counter(Role::Consumer);
            if head.wrapping_sub(p) as i64 > 0 {
                p = head; // what was read may have been overwritten
                continue;
            }
            p = p.wrapping_add(match there? {
                Granule::Record { span, .. } => span,
                Granule::Skip(n) => n,
                Granule::Nothing => {
                    let n = self.repair_granules(p, own)?;
                    if n == 0 && self.load(p) == w {
                        return Ok(done); // a live claim
                    }
                    done += n;
                    n
                }
            });
        }
        Err(Error::Corrupt(
            "expected the words of granules to stay for a look, found them changing faster".into(),
        ))
    }
}
