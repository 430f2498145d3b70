//! The file under a ring or cell: opened with care, mapped, and its lock bytes. The
//! locks belong to the open file description that is mapped, so they last exactly as
//! long as its holder can write. Section 7 of the specification.

use std::fs::{self, File};
use std::io;
use std::os::fd::RawFd;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::layout;
use crate::map::Mapping;
use crate::sys;

const LOCKS: u64 = layout::LOCK_MEMBER + layout::MAX_MEMBERS;

/// A mapped file. It is closed and unmapped when the last endpoint on it is gone.
#[derive(Debug)]
pub(crate) struct Region {
    pub map: Arc<Mapping>,
    pub readonly: bool,
    pub name: String,
    file: File,
    size: u64,
    /// The file had a name when it was opened.
    named: bool,
    /// Bit i: this region holds lock byte i. The kernel does not tell two holders on one
    /// file description apart. It is set before the lock is taken and cleared after.
    held: Vec<AtomicU64>,
}

/// Where POSIX shared memory of that name lies.
pub(crate) fn posix_path(name: &str) -> Result<PathBuf> {
    let ok = !name.contains(['/', '\0']) && name != "." && name != "..";
    if !ok || name.is_empty() || name.len() > 255 {
        return Err(Error::Invalid(format!(
            "expected a name of 1 to 255 bytes without a slash, found {name:.80?}"
        )));
    }
    Ok(Path::new("/dev/shm").join(name))
}

/// The line that names a path in errors.
pub(crate) fn shown(path: &Path) -> String {
    path.display().to_string().chars().take(80).collect()
}

/// Refuses what is not a regular file, by name.
fn regular(meta: &fs::Metadata, name: &str) -> Result<()> {
    let t = meta.file_type();
    let kind = match () {
        () if t.is_file() => return Ok(()),
        () if t.is_dir() => "a directory",
        () if t.is_symlink() => "a symbolic link, which is not followed",
        () if t.is_fifo() => "a FIFO",
        () if t.is_socket() => "a socket",
        () => "a device",
    };
    Err(Error::NotRing(format!(
        "{name} is not a regular file: found {kind}"
    )))
}

fn open(path: &Path, readonly: bool, follow: bool) -> io::Result<File> {
    let nofollow = if follow { 0 } else { libc::O_NOFOLLOW };
    fs::OpenOptions::new()
        .read(true)
        .write(!readonly)
        .custom_flags(libc::O_NONBLOCK | libc::O_NOCTTY | nofollow)
        .open(path)
}

/// Opens a file whose last component is no symbolic link.
pub(crate) fn open_path(path: &Path, readonly: bool) -> Result<File> {
    let failed = |e| Error::system(format!("open {}", shown(path)), e);
    // The type first: opening a FIFO or a device may do something already.
    regular(&fs::symlink_metadata(path).map_err(failed)?, &shown(path))?;
    open(path, readonly, false).map_err(failed)
}

/// Opens an inherited or received file anew, so that its locks are ours.
pub(crate) fn reopen(fd: RawFd, readonly: bool) -> Result<File> {
    let path = PathBuf::from(format!("/proc/self/fd/{fd}"));
    let failed = |e: io::Error| match e.kind() {
        // It is no name that is missing.
        io::ErrorKind::NotFound => Error::System {
            what: format!("expected an open descriptor {fd}, found none"),
            source: io::Error::from_raw_os_error(libc::EBADF),
        },
        _ => Error::system(format!("open {}", shown(&path)), e),
    };
    regular(&fs::metadata(&path).map_err(failed)?, &shown(&path))?;
    open(&path, readonly, true).map_err(failed)
}

impl Region {
    /// Checks an open file and maps it, as far as `decode` says, which is given its first
    /// bytes and its size.
    pub fn adopt<T>(
        file: File,
        name: String,
        readonly: bool,
        decode: impl FnOnce(&[u8], u64) -> Result<(T, u64)>,
    ) -> Result<(Self, T)> {
        let meta = file
            .metadata()
            .map_err(|e| Error::system(format!("look at {name}"), e))?;
        regular(&meta, &name)?;
        let me = sys::effective_user();
        if meta.uid() != me {
            return Err(Error::Permission(format!(
                "{name}: expected a file of uid {me}, found one of uid {}",
                meta.uid()
            )));
        }
        let mut raw = Vec::new();
        let mut chunk = [0; layout::HEADER_SIZE as usize];
        while raw.len() < chunk.len() {
            match file.read_at(&mut chunk, raw.len() as u64) {
                Ok(0) => break,
                Ok(n) => raw.extend_from_slice(&chunk[..n]),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(Error::system(format!("read {name}"), e)),
            }
        }
        let (what, total) = decode(&raw, meta.len())?;
        let region = Self::map(file, name, total, readonly, meta.nlink() > 0)?;
        Ok((region, what))
    }

    /// Maps a file of at least `total` bytes.
    pub fn map(file: File, name: String, total: u64, readonly: bool, named: bool) -> Result<Self> {
        let map = Mapping::new(&file, total, !readonly)
            .map_err(|e| Error::system(format!("map {name}"), e))?;
        Ok(Self {
            map,
            readonly,
            name,
            file,
            size: total,
            named,
            held: (0..LOCKS.div_ceil(64)).map(|_| AtomicU64::new(0)).collect(),
        })
    }

    /// Whether this region itself holds a lock byte.
    fn holds(&self, lock: u64) -> bool {
        self.held[lock as usize / 64].load(Ordering::Acquire) >> (lock % 64) & 1 != 0
    }

    /// Takes a lock byte: false if anybody has it, be it this process.
    pub fn try_lock(&self, lock: u64) -> Result<bool> {
        let (word, bit) = (&self.held[lock as usize / 64], 1 << (lock % 64));
        if word.fetch_or(bit, Ordering::AcqRel) & bit != 0 {
            return Ok(false);
        }
        let taken = sys::try_lock(&self.file, lock);
        if !matches!(taken, Ok(true)) {
            word.fetch_and(!bit, Ordering::AcqRel);
        }
        taken.map_err(|e| Error::system(format!("lock {}", self.name), e))
    }

    /// Gives a lock byte back.
    pub fn unlock(&self, lock: u64) {
        // It fails for no lock byte that was taken; and closing the file would free it.
        let _ = sys::unlock(&self.file, lock);
        self.held[lock as usize / 64].fetch_and(!(1 << (lock % 64)), Ordering::AcqRel);
    }

    /// Whether anybody holds a lock byte: a killed process does not, a stopped one does.
    pub fn is_locked(&self, lock: u64) -> Result<bool> {
        if self.holds(lock) {
            return Ok(true); // our own lock does not show
        }
        sys::is_locked(&self.file, lock)
            .map_err(|e| Error::system(format!("ask who holds {}", self.name), e))
    }

    /// Refuses a file that was cut since it was mapped.
    pub fn check_size(&self) -> Result<fs::Metadata> {
        let meta = self
            .file
            .metadata()
            .map_err(|e| Error::system(format!("look at {}", self.name), e))?;
        if meta.len() < self.size {
            return Err(Error::Lost(format!(
                "{}: expected {} bytes, found {}: the file was cut",
                self.name,
                self.size,
                meta.len()
            )));
        }
        Ok(meta)
    }

    /// Whether the name that the file had is gone: nobody new can come.
    pub fn is_removed(&self) -> Result<bool> {
        Ok(self.check_size()?.nlink() == 0 && self.named)
    }
}
