//! What can go wrong, and what is an ordinary answer.

use std::fmt;
use std::io;

/// The result of everything here that may fail.
pub type Result<T> = std::result::Result<T, Error>;

/// Every answer that is not a success. The first group is no mistake: a ring that
/// is full or empty now, the end of a stream, a wait that was bounded.
///
/// The text of each is one line: what it is, what was expected, what was found.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The message does not fit now.
    Full,
    /// There is nothing to receive now.
    Empty,
    /// The producers have closed and all is received.
    End,
    /// The time allowed for waiting is over.
    Timeout,
    /// [`Canceller::cancel`](crate::Canceller::cancel) was called.
    Cancelled,
    /// Broadcast, cells: the next messages were overwritten before they were read.
    Overrun {
        /// How many messages are lost.
        lost: u64,
    },

    /// The message is longer than the ring's greatest.
    TooLarge {
        /// Bytes of the message.
        found: usize,
        /// The most there may be.
        most: usize,
    },
    /// The buffer is too small for the message, which stays.
    TooSmall {
        /// Bytes of the buffer.
        found: usize,
        /// Bytes of the message.
        expected: usize,
    },
    /// All messages of this ring have one size, and this is another.
    WrongSize {
        /// Bytes of the message.
        found: usize,
        /// Bytes of every message.
        expected: usize,
    },
    /// An argument makes no sense.
    Invalid(String),

    /// The consumer wants no more.
    Closed,
    /// The role, or every place in the ring, is held by live endpoints.
    Attached(String),
    /// The ring has no name any more and no peer: nobody can come.
    Removed,
    /// The memory holds what no correct peer writes. The endpoint is of no more use.
    Corrupt(String),
    /// The file under the ring was cut. The endpoint is of no more use.
    Lost(String),

    /// The file is shorter than the ring in it.
    Short(String),
    /// Other bytes than a ring's, or no regular file.
    NotRing(String),
    /// A ring of the other byte order.
    Endian(String),
    /// Its creator is at work, or died.
    NotReady(String),
    /// Another major version of the layout.
    Version(String),
    /// A damaged header.
    Checksum(String),
    /// It needs what is not known here.
    Feature(String),
    /// Impossible sizes or offsets.
    Geometry(String),

    /// The name is taken.
    Exists(String),
    /// There is none of that name.
    NotFound(String),
    /// Not allowed, or a file of another user.
    Permission(String),
    /// The file system is full.
    NoSpace(String),
    /// Not to be had here, or not in a ring of this topology.
    Unsupported(String),
    /// Another system call failed.
    System {
        /// What was tried.
        what: String,
        /// What the system says.
        source: io::Error,
    },
}

impl Error {
    /// The error of a system call that was to do `what`.
    pub(crate) fn system(what: impl Into<String>, source: io::Error) -> Self {
        let what = what.into();
        let text = format!("{what}: {source}");
        match source.raw_os_error() {
            Some(libc::ENOENT) => Error::NotFound(text),
            Some(libc::EEXIST) => Error::Exists(text),
            Some(libc::EACCES | libc::EPERM | libc::EROFS) => Error::Permission(text),
            Some(libc::ENOSPC | libc::EDQUOT) => Error::NoSpace(text),
            Some(libc::EOPNOTSUPP) => Error::Unsupported(text),
            _ => Error::System { what, source },
        }
    }

    /// `what` is not as it must be.
    pub(crate) fn geometry(what: &str, expected: impl fmt::Display, found: u64) -> Self {
        Error::Geometry(format!("{what}: expected {expected}, found {found}"))
    }

    /// Whether the same call may succeed later, without anything being mended:
    /// [`Full`](Error::Full), [`Empty`](Error::Empty), [`Timeout`](Error::Timeout).
    pub fn is_transient(&self) -> bool {
        matches!(self, Error::Full | Error::Empty | Error::Timeout)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (what, detail) = match self {
            Error::Full => return f.write_str("ring full"),
            Error::Empty => return f.write_str("ring empty"),
            Error::End => return f.write_str("end of stream"),
            Error::Timeout => return f.write_str("timed out"),
            Error::Cancelled => return f.write_str("cancelled"),
            Error::Closed => return f.write_str("closed by the consumer"),
            Error::Removed => {
                return f.write_str("ring removed: its name is gone and no peer is attached")
            }
            Error::Overrun { lost } => return write!(f, "overrun: {lost} messages are lost"),
            Error::TooLarge { found, most } => {
                return write!(
                    f,
                    "message too large: expected at most {most} bytes, found {found}"
                )
            }
            Error::TooSmall { found, expected } => {
                return write!(
                    f,
                    "buffer too small: expected at least {expected} bytes, found {found}"
                )
            }
            Error::WrongSize { found, expected } => {
                return write!(
                    f,
                    "message of the wrong size: expected {expected} bytes, found {found}"
                )
            }
            Error::System { what, source } => {
                return write!(f, "system call failed: {what}: {source}")
            }
            Error::Invalid(d) => ("invalid argument", d),
            Error::Attached(d) => ("role already taken", d),
            Error::Corrupt(d) => ("ring corrupt", d),
            Error::Lost(d) => ("memory lost", d),
            Error::Short(d) => ("file shorter than the ring in it", d),
            Error::NotRing(d) => ("not a ring", d),
            Error::Endian(d) => ("ring of the other byte order", d),
            Error::NotReady(d) => ("ring not initialised yet", d),
            Error::Version(d) => ("ring of another layout version", d),
            Error::Checksum(d) => ("ring header damaged", d),
            Error::Feature(d) => ("ring needs a feature unknown here", d),
            Error::Geometry(d) => ("impossible ring geometry", d),
            Error::Exists(d) => ("name is taken", d),
            Error::NotFound(d) => ("no such ring", d),
            Error::Permission(d) => ("permission denied", d),
            Error::NoSpace(d) => ("no space left", d),
            Error::Unsupported(d) => ("not supported here", d),
        };
        write!(f, "{what}: {detail}")
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Error::System { source, .. } => Some(source),
            _ => None,
        }
    }
}
