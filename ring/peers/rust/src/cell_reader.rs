//! Reading a cell. Section 9 of the specification; [S1] to [S4] of
//! docs/spec/memory-order.md.

use std::sync::atomic::{fence, AtomicU64, Ordering};
use std::time::Duration;

use crate::cell::{Cell, CellWords};
use crate::error::{Error, Result};
use crate::gate::Gate;
use crate::layout;
use crate::wait::{Canceller, Paused, Sleeper, Strategy, Wait};

/// Reads a cell or block: never a torn value, and nobody waits for anybody's death.
///
/// A thread has one of its own; any number may read.
pub struct CellReader {
    cell: Cell,
    words: CellWords,
    sleeper: Sleeper,
    /// Why it is of no more use.
    failed: Option<Failure>,
}

#[derive(Clone)]
enum Failure {
    Corrupt(String),
    Lost(String),
}

/// A version is that of the memory that it was read from.
enum Judged {
    Whole,
    Torn,
}

impl Cell {
    /// A reader that sleeps on a futex where it waits, or polls where the cell was opened
    /// read-only.
    pub fn reader(&self) -> CellReader {
        self.reader_with(Strategy::Futex)
    }

    /// A reader that waits as said. [`Strategy::Semaphore`] is taken for `Futex`: cells
    /// have none.
    pub fn reader_with(&self, strategy: Strategy) -> CellReader {
        let words = self.words();
        let gate = Gate::of_cell(words.seq.clone(), words.arm.clone());
        let strategy = match strategy {
            Strategy::Semaphore => Strategy::Futex,
            other => other,
        };
        CellReader {
            sleeper: Sleeper::new((!self.inner.region.readonly).then_some(gate), strategy),
            words,
            cell: self.clone(),
            failed: None,
        }
    }
}

impl CellReader {
    /// The version that can be read now; 0: nothing was written yet.
    pub fn version(&self) -> u64 {
        self.state() >> 1
    }

    fn state(&self) -> u64 {
        self.words.state.state.load(Ordering::Acquire) // [S2] pairs with the store in CellWriter::publish
    }

    /// Ends waits of this reader from outside.
    pub fn canceller(&self) -> Canceller {
        self.sleeper.canceller()
    }

    /// Copies the latest value to `buf`, in place of what is there, and returns its version.
    /// Version 0 is no value, and leaves `buf` empty.
    pub fn read(&mut self, buf: &mut Vec<u8>) -> Result<u64> {
        for try_ in 1u64.. {
            if let Some(failure) = &self.failed {
                return Err(failure.error());
            }
            let state = self.state();
            let version = state >> 1;
            buf.clear();
            if version == 0 {
                return Ok(0);
            }
            let found = if self.cell.is_block() {
                self.length(version).load(Ordering::Relaxed)
            } else {
                self.cell.inner.geometry.size
            };
            // A length is bounded before it is used, and refused only if it was whole.
            let most = self.cell.inner.geometry.size;
            if found <= most {
                buf.resize(found as usize, 0);
                self.words.copies.copy_torn(version, buf);
            }
            match self.judge(version)? {
                Judged::Torn => {
                    if try_ % 64 == 0 {
                        std::thread::yield_now(); // to whoever shares this processor
                    }
                }
                Judged::Whole if found > most => {
                    return Err(self.fail(Failure::Corrupt(format!(
                        "expected a block of at most {most} bytes, found {found} in version {version}"
                    ))));
                }
                Judged::Whole => return Ok(version),
            }
        }
        unreachable!("2^64 tries")
    }

    fn length(&self, version: u64) -> &AtomicU64 {
        if version & 1 == 0 {
            &self.words.state.length0
        } else {
            &self.words.state.length1
        }
    }

    /// Says what a copy of version `n` is worth, that was made before this call.
    fn judge(&mut self, n: u64) -> Result<Judged> {
        fence(Ordering::Acquire); // the loads of the copy come before the one that follows
        let state = self.words.state.state.load(Ordering::Relaxed); // [S3] pairs with the store in CellWriter::begin
        let since = state.wrapping_sub(2 * n);
        if since <= 2 {
            return Ok(Judged::Whole);
        }
        if (since as i64) < 0 {
            let what = format!("expected a state from {} on, found {state}", 2 * n);
            return Err(self.fail(Failure::Lost(what)));
        }
        Ok(Judged::Torn)
    }

    fn fail(&mut self, failure: Failure) -> Error {
        self.failed.insert(failure).error()
    }

    /// Waits until there is a version beyond `version`, and returns it; [`Error::End`] once
    /// the writer has closed and there is none.
    pub fn wait(&mut self, version: u64) -> Result<u64> {
        self.wait_within(version, None)
    }

    /// [`wait`](CellReader::wait) for `timeout` at the most.
    pub fn wait_timeout(&mut self, version: u64, timeout: Duration) -> Result<u64> {
        self.wait_within(version, Some(timeout))
    }

    fn wait_within(&mut self, version: u64, timeout: Option<Duration>) -> Result<u64> {
        let mut wait = Wait::new(timeout);
        let done = loop {
            match self.beyond(version) {
                Err(Error::Empty) => {}
                done => break done,
            }
            let state = &self.words.state.state;
            let seen = state.load(Ordering::Acquire);
            if seen >> 1 > version {
                continue;
            }
            let changed = || state.load(Ordering::Acquire) != seen;
            match wait.pause(&mut self.sleeper, changed) {
                Ok(Paused::Again) => {}
                Ok(Paused::InVain) => {
                    if let Err(e) = self.forlorn() {
                        break Err(e);
                    }
                }
                Err(e) => break Err(e),
            }
        };
        wait.done(&mut self.sleeper);
        done
    }

    /// The version, if it is beyond `version`.
    fn beyond(&self, version: u64) -> Result<u64> {
        let arm = self.words.arm.arm.load(Ordering::Acquire);
        if arm & layout::ARM_VALID == 0 {
            return Err(Error::Lost(format!(
                "expected the arm word with its valid bit, found {arm:#x}"
            )));
        }
        if self.version() > version {
            return Ok(self.version());
        }
        let closed = self.words.endpoint.closed.load(Ordering::Acquire); // [S4] pairs with the store in CellWriter::detach
        let session = self.words.endpoint.session.load(Ordering::Acquire);
        // What was written before the close is visible now: look once more.
        let now = self.version();
        if now > version {
            return Ok(now);
        }
        Err(if closed != 0 && closed == session {
            Error::End
        } else {
            Error::Empty
        })
    }

    /// Finds out, after sleeps in vain, whether anybody can still write.
    fn forlorn(&self) -> Result<()> {
        if self.cell.inner.region.is_removed()? && !self.cell.is_written()? {
            return Err(Error::Removed);
        }
        Ok(())
    }
}

impl Failure {
    fn error(&self) -> Error {
        match self {
            Failure::Corrupt(what) => Error::Corrupt(what.clone()),
            Failure::Lost(what) => Error::Lost(what.clone()),
        }
    }
}

impl std::fmt::Debug for CellReader {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CellReader")
            .field("cell", &self.cell)
            .field("version", &self.version())
            .finish()
    }
}
