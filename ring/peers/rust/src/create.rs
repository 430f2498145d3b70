//! Files that have their name only once they are complete. Section 2 of the
//! specification.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};
use crate::region::shown;
use crate::sys;

/// Makes a file of `size` bytes and lets `format` fill it. Nobody sees it before, and a
/// creator that dies leaves nothing.
pub(crate) fn create(
    path: &Path,
    size: u64,
    mode: u32,
    format: impl FnOnce(&File) -> io::Result<()>,
) -> Result<()> {
    let dir = match path.parent() {
        Some(p) if p.as_os_str().is_empty() => Path::new("."),
        Some(p) if path.file_name().is_some() => p,
        _ => {
            return Err(Error::Invalid(format!(
                "expected the path of a file, found {:?}",
                shown(path)
            )))
        }
    };
    let failed = |what: &str| {
        let text = format!("{what} {}", shown(path));
        move |e| Error::system(text, e)
    };
    let file = fs::OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(libc::O_TMPFILE)
        .mode(0o600)
        .open(dir)
        .map_err(|e| match e.raw_os_error() {
            Some(libc::EISDIR | libc::EINVAL) => Error::Unsupported(format!(
                "expected a file system with unnamed files (O_TMPFILE) at {}, found none: {e}",
                shown(dir)
            )),
            _ => failed("create an unnamed file beside")(e),
        })?;
    sys::allocate(&file, size).map_err(failed("allocate"))?;
    format(&file).map_err(failed("fill"))?;
    file.set_permissions(fs::Permissions::from_mode(mode & 0o666))
        .map_err(failed("chmod"))?;
    sys::link(&file, path).map_err(failed("name"))
}

/// ns since 1970, for people.
pub(crate) fn now() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |d| d.as_nanos() as u64)
}

/// Which boot of which machine this is; zero: unknown.
pub(crate) fn boot_id() -> [u8; 16] {
    let text = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits: Vec<u8> = text
        .chars()
        .filter_map(|c| c.to_digit(16).map(|d| d as u8))
        .collect();
    std::array::from_fn(|i| match digits.get(2 * i..2 * i + 2) {
        Some(pair) => pair[0] << 4 | pair[1],
        None => 0,
    })
}
