//! Writing a cell. Section 9 of the specification; [S1] to [S4] of
//! docs/spec/memory-order.md.

use std::sync::atomic::{fence, Ordering};

use crate::cell::{Cell, CellWords};
use crate::create::now;
use crate::endpoint::start_time;
use crate::error::{Error, Result};
use crate::gate::{published, Gate};
use crate::layout;
use crate::sys;

/// The writer of a cell or block. Dropping it closes it in order, as
/// [`close`](CellWriter::close) does: readers that wait get the end.
pub struct CellWriter {
    cell: Cell,
    words: CellWords,
    gate: Gate,
    /// There is no membarrier here: fence after each publish.
    fenced: bool,
    detached: bool,
}

impl Cell {
    /// Takes the writer's role: [`Error::Attached`] while another writer lives. After its
    /// death the new one goes on with the version that was due.
    pub fn writer(&self) -> Result<CellWriter> {
        let region = &self.inner.region;
        if region.readonly {
            return Err(Error::Permission(format!(
                "{}: expected a cell that is open for writing, found one opened read-only",
                region.name
            )));
        }
        let words = self.words();
        if !region.try_lock(layout::CELL_LOCK_WRITER)? {
            return Err(Error::Attached(format!(
                "expected no writer, found a live one (pid {})",
                words.endpoint.pid.load(Ordering::Acquire)
            )));
        }
        let e = &words.endpoint;
        let now = now();
        e.pid.store(std::process::id().into(), Ordering::Release);
        e.start_time.store(start_time(), Ordering::Release);
        e.attached.store(now, Ordering::Release);
        e.state.store(1, Ordering::Release);
        e.session.fetch_add(1, Ordering::SeqCst);
        Ok(CellWriter {
            gate: Gate::of_cell(words.seq.clone(), words.arm.clone()),
            fenced: !sys::register_for_barriers(),
            words,
            cell: self.clone(),
            detached: false,
        })
    }
}

impl CellWriter {
    /// The version that was written last, by whomever.
    pub fn version(&self) -> u64 {
        self.words.state.state.load(Ordering::Relaxed) >> 1
    }

    /// Writes the next version and returns its number. [`Error::WrongSize`], or of a block
    /// [`Error::TooLarge`], if it does not fit.
    pub fn write(&mut self, value: &[u8]) -> Result<u64> {
        let (found, size) = (value.len(), self.cell.size());
        if self.cell.is_block() && found > size {
            return Err(Error::TooLarge { found, most: size });
        }
        if !self.cell.is_block() && found != size {
            return Err(Error::WrongSize {
                found,
                expected: size,
            });
        }
        let next = self.begin();
        self.words.copies.store_torn(next, value);
        let length = if next & 1 == 0 {
            &self.words.state.length0
        } else {
            &self.words.state.length1
        };
        if self.cell.is_block() {
            length.store(found as u64, Ordering::Relaxed);
        }
        self.publish(next);
        Ok(next)
    }

    /// Announces the version that follows, before its copy is touched.
    fn begin(&mut self) -> u64 {
        let n = self.version();
        let state = &self.words.state.state;
        state.store(n.wrapping_mul(2).wrapping_add(1), Ordering::Relaxed); // [S1] pairs with the load in CellReader::judge
        fence(Ordering::SeqCst); // before every store to the copy
        n.wrapping_add(1)
    }

    fn publish(&mut self, version: u64) {
        let state = &self.words.state.state;
        state.store(version.wrapping_mul(2), Ordering::Release); // [S2] pairs with the load in CellReader::state
        published();
        let word = &self.words.arm.arm;
        let mut arm = word.load(Ordering::Acquire); // [G1] pairs with the store in Gate::prepare
        if self.fenced || arm & layout::ARM_FENCE != 0 {
            fence(Ordering::SeqCst);
            arm = word.load(Ordering::Acquire); // [G1] likewise
        }
        if arm & layout::ARM_VALID != 0 {
            self.gate.wake(arm);
        }
    }

    /// Begins to write the next version and leaves it at that: what a death leaves behind,
    /// for tests of readers and successors. The next write goes on from there.
    #[doc(hidden)]
    pub fn begin_only(&mut self) {
        let next = self.begin();
        let half = vec![0xee; self.cell.size() / 2];
        self.words.copies.store_torn(next, &half);
    }

    /// Ends this writer in order. The last value stays.
    pub fn close(mut self) {
        self.detach();
    }

    fn detach(&mut self) {
        if std::mem::replace(&mut self.detached, true) {
            return;
        }
        let e = &self.words.endpoint;
        let session = e.session.load(Ordering::Acquire);
        e.closed.store(session, Ordering::SeqCst); // [S4] pairs with the load in CellReader::beyond
        self.gate.interrupt();
        e.state.store(0, Ordering::Release);
        self.cell.inner.region.unlock(layout::CELL_LOCK_WRITER);
    }
}

impl Drop for CellWriter {
    fn drop(&mut self) {
        self.detach();
    }
}

impl std::fmt::Debug for CellWriter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CellWriter")
            .field("cell", &self.cell)
            .field("version", &self.version())
            .finish()
    }
}
