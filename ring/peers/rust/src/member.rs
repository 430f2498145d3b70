//! A place in the endpoint table, from attach to detach. Sections 8 and 10 of the
//! specification.

use std::sync::atomic::Ordering;

use crate::endpoint::End;
use crate::error::{Error, Result};
use crate::layout;
use crate::ring::{Ring, Role};
use crate::side::Entry;
use crate::stream::Stream;
use crate::tickets::Tickets;

/// Takes an entry of the table: the one that has the tag, if it is not 0, else a free one
/// that has none. Those in `refused` are not taken, and in a ring of lanes one whose
/// messages are not received yet only if there is no other.
pub(crate) fn join(ring: &Ring, tag: u64, refused: &[u64]) -> Result<Entry> {
    let entries = Entry::all(ring);
    if tag != 0 {
        let own = |e: &&Entry| e.holder.tag.load(Ordering::Acquire) == tag;
        if let Some(e) = entries.iter().find(own) {
            return occupy(ring, e, tag);
        }
    }
    let lanes = ring.inner.geometry.topology == layout::TOPOLOGY_MPSC;
    for fuller in [false, true] {
        if fuller && !lanes {
            break;
        }
        for e in &entries {
            let kept = e.holder.tag.load(Ordering::Acquire) != 0;
            if kept || refused.contains(&e.index) || lanes && is_drained(ring, e) == fuller {
                continue;
            }
            match occupy(ring, e, tag) {
                Err(Error::Attached(_)) => {}
                done => return done,
            }
        }
    }
    let tagged = entries
        .iter()
        .filter(|e| e.holder.tag.load(Ordering::Acquire) != 0)
        .count();
    Err(Error::Attached(format!(
        "all {} entries of the endpoint table are held ({tagged} by tags): expected a free one, found none",
        entries.len()
    )))
}

/// Takes an entry if it is free. What its last holder may have claimed is settled first.
fn occupy(ring: &Ring, e: &Entry, tag: u64) -> Result<Entry> {
    let region = &ring.inner.region;
    if !region.try_lock(e.lock())? {
        return Err(Error::Attached(format!(
            "expected the tag {tag} to be free, found it held by a live endpoint (pid {})",
            e.holder.pid.load(Ordering::Acquire)
        )));
    }
    let has = e.holder.tag.load(Ordering::Acquire);
    if has != 0 && has != tag {
        // Somebody was here since the caller looked, and died.
        region.unlock(e.lock());
        return Err(Error::Attached(format!(
            "expected a free entry, found it kept for the tag {has}"
        )));
    }
    e.holder.state.store(0, Ordering::Release);
    if ring.claims() {
        if let Err(failed) = Tickets::of(ring).inherit(e) {
            region.unlock(e.lock());
            return Err(failed);
        }
    }
    // The tag pairs with the loads here and in join.
    e.member.skipped.store(0, Ordering::Release);
    e.holder.tag.store(tag, Ordering::Release);
    Ok(Entry {
        named: tag != has,
        ..e.clone()
    })
}

/// Whether all that was committed in the lane of an entry is released, or was a moment
/// ago. It is a hint.
fn is_drained(ring: &Ring, e: &Entry) -> bool {
    let s = Stream::of(ring, Some(e.index));
    let head = s.consumer.position.load(Ordering::Acquire);
    let w = s.data.word(head).load(Ordering::Acquire);
    if s.slots {
        w != s.slot_word(head)
    } else {
        w == 0
    }
}

/// Takes an old close of the consumer away, when a producer attaches. A close speaks to
/// whoever was attached then: without a consumer, its flag is history. So it is while one
/// has the lock and its state is 0: it is still attaching.
pub(crate) fn unclose(end: &End) -> Result<()> {
    if end.ring.inner.geometry.topology == layout::TOPOLOGY_CAST {
        return Ok(()); // no consumer's close stops a producer there
    }
    let alive = end
        .ring
        .is_alive(Role::Consumer, None, |state| state != 0)?;
    let attaching =
        !end.ring.many(Role::Consumer) && end.peer.endpoint.state.load(Ordering::Acquire) == 0;
    if !alive || attaching {
        let arm = &end.peer.arm.arm;
        arm.fetch_and(!layout::ARM_CLOSED, Ordering::SeqCst);
    }
    Ok(())
}

/// Closes the session of the producers, if this was the last of them.
pub(crate) fn end_producers(end: &End) -> Result<()> {
    let p = &end.mine.endpoint;
    let session = p.session.load(Ordering::Acquire); // before the look at the others
    let last = end.is_last();
    if let Ok(true) = last {
        // Another may have come, and closed a later session, since.
        // [P2] pairs with the load in the ended of consumers.
        let _ = p
            .closed
            .fetch_update(Ordering::SeqCst, Ordering::Acquire, |old| {
                (session.wrapping_sub(old) as i32 > 0).then_some(session)
            });
    }
    last.map(|_| ())
}

/// Makes sends fail if this was the last consumer. One that has come meanwhile takes the
/// flag away, or has it taken away here: then this was not the last.
pub(crate) fn end_consumers(end: &End) -> Result<()> {
    let p = &end.mine.endpoint;
    let session = p.session.load(Ordering::Acquire); // before the look at the others
    if !end.is_last()? {
        return Ok(());
    }
    let arm = &end.mine.arm.arm;
    arm.fetch_or(layout::ARM_CLOSED, Ordering::SeqCst);
    if end.entry.is_some() && !matches!(end.others(), Ok(false)) {
        arm.fetch_and(!layout::ARM_CLOSED, Ordering::SeqCst);
        return Ok(());
    }
    p.closed.store(session, Ordering::Release); // for people
    Ok(())
}
