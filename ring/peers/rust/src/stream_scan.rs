//! What a producer finds of its predecessor in a stream. Section 7 of the specification.

use std::sync::atomic::Ordering;

use crate::error::{Error, Result};
use crate::layout::{RECORD_COMMITTED, RECORD_LENGTH_MASK, RECORD_PAD, WORD_SIZE};
use crate::stream::{fits, Stream};

/// Steps from a position over what is committed, to `limit` at the most.
pub(crate) fn walk(s: &Stream, mut pos: u64, limit: u64) -> Result<u64> {
    if s.slots {
        // [P1] pairs with the store in publish, of a predecessor.
        while pos != limit && s.data.word(pos).load(Ordering::Acquire) == s.slot_word(pos) {
            pos = pos.wrapping_add(1);
        }
        return Ok(pos);
    }
    while !fits(limit, pos) {
        let w = s.data.word(pos).load(Ordering::Acquire); // [P1] likewise
        if w == 0 {
            break;
        }
        let (need, rest) = (s.need(w & RECORD_LENGTH_MASK), s.rest(pos));
        let pad = w & RECORD_PAD != 0;
        if w & !(RECORD_LENGTH_MASK | RECORD_PAD) != RECORD_COMMITTED
            || need > rest
            || pad && (need != rest || rest == s.size)
            || need > limit.wrapping_sub(pos) - WORD_SIZE
        {
            return Err(Error::Corrupt(format!(
                "expected the header of a record, found {w:#x} at position {pos}"
            )));
        }
        pos = pos.wrapping_add(need);
    }
    Ok(pos)
}

/// Frees the slots that a dead producer staged behind its position and did not publish:
/// they would count as committed once that position is. From the last to the first.
pub(crate) fn wipe(s: &Stream, pos: u64, limit: u64) {
    if pos == limit {
        return;
    }
    let mut last = pos;
    loop {
        let next = last.wrapping_add(1);
        if next == limit || s.data.word(next).load(Ordering::Acquire) != s.slot_word(next) {
            break;
        }
        last = next;
    }
    while last != pos {
        s.data.word(last).store(0, Ordering::Release); // before [P1] of what is sent next
        last = last.wrapping_sub(1);
    }
}
