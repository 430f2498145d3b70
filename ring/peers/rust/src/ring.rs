//! A handle on the memory of one ring.

use std::fmt;
use std::fs::File;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use crate::error::{Error, Result};
use crate::geometry::{decode, Geometry};
use crate::layout::{self, Header};
use crate::region::{self, posix_path, shown, Region};
use crate::side::Side;

/// One side of a ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Sends.
    Producer,
    /// Receives.
    Consumer,
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Role::Producer => "producer",
            Role::Consumer => "consumer",
        })
    }
}

/// What messages of a ring are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Records of any length.
    Records,
    /// Slots of one size.
    Slots,
}

/// How many producers and consumers a ring has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Topology {
    /// One producer, one consumer.
    Spsc,
    /// Any number of producers and of consumers, each message to one of them; slots.
    Mpmc,
    /// Any number of producers, each with a lane of its own, and one consumer.
    Mpsc,
    /// Any number of producers in one order, and one consumer; records.
    MpscOrdered,
    /// One producer, each message to every consumer; records.
    Broadcast,
}

/// What a ring is, as its header says.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// Records or slots.
    pub kind: Kind,
    /// Who may be there.
    pub topology: Topology,
    /// Bytes (records) or slots; in MPSC rings of each lane.
    pub capacity: u64,
    /// Slots: bytes of a message, or the most if they vary; else 0.
    pub slot_size: usize,
    /// The most bytes of a message.
    pub max_message: usize,
    /// Every message has [`max_message`](Info::max_message) bytes.
    pub exact: bool,
    /// Places for endpoints; 0 in SPSC rings.
    pub members: usize,
    /// Bytes that keep two writers apart.
    pub stride: usize,
    /// MPMC: what a dead consumer had in its hands goes to another.
    pub redeliver: bool,
    /// Of the type of its elements; 0: none.
    pub fingerprint: u64,
}

/// A handle on one ring. It may be cloned and sent to other threads; endpoints that
/// were made from it keep the memory as long as they need it.
#[derive(Clone)]
pub struct Ring {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub region: Region,
    pub geometry: Geometry,
    pub header: Header,
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ring")
            .field("name", &self.inner.region.name)
            .field("info", &self.info())
            .finish()
    }
}

/// How to open a ring that is there.
#[derive(Clone, Debug, Default)]
pub struct OpenOptions {
    readonly: bool,
}

impl OpenOptions {
    /// To send or to receive.
    pub fn new() -> Self {
        Self::default()
    }

    /// Maps the ring so that nothing can be stored to it: it can be looked at, and a
    /// broadcast ring can be [received](Ring::subscriber) from.
    pub fn read_only(mut self, yes: bool) -> Self {
        self.readonly = yes;
        self
    }

    /// Opens the ring of that name in POSIX shared memory.
    pub fn name(&self, name: &str) -> Result<Ring> {
        self.path(posix_path(name)?)
    }

    /// Opens the ring in a file of this user's. A symbolic link is not followed.
    pub fn path(&self, path: impl AsRef<Path>) -> Result<Ring> {
        let path = path.as_ref();
        self.adopt(region::open_path(path, self.readonly)?, shown(path))
    }

    /// Opens the ring in an inherited or received file, as a memfd. The caller keeps
    /// `fd`: the file is opened anew, for locks of its own.
    pub fn fd(&self, fd: impl AsFd) -> Result<Ring> {
        self.inherited(fd.as_fd().as_raw_fd())
    }

    /// [`fd`](OpenOptions::fd) by the number that this process was told. It is looked up
    /// in /proc/self/fd only.
    pub fn inherited(&self, fd: RawFd) -> Result<Ring> {
        let name = format!("descriptor {fd}");
        self.adopt(region::reopen(fd, self.readonly)?, name)
    }

    fn adopt(&self, file: File, name: String) -> Result<Ring> {
        let (region, (geometry, header)) =
            Region::adopt(file, name, self.readonly, |raw, size| {
                let (g, h) = decode(raw, size, self.readonly)?;
                let total = g.total_size;
                Ok(((g, h), total))
            })?;
        let ring = Ring {
            inner: Arc::new(Inner {
                region,
                geometry,
                header,
            }),
        };
        ring.check_gates()?;
        Ok(ring)
    }
}

impl Ring {
    /// Opens the ring of that name in POSIX shared memory: what `shm_open("/NAME")`
    /// opens. [`Error::NotFound`] if there is none.
    pub fn open(name: &str) -> Result<Self> {
        OpenOptions::new().name(name)
    }

    /// Opens the ring in a file: see [`OpenOptions::path`].
    pub fn open_path(path: impl AsRef<Path>) -> Result<Self> {
        OpenOptions::new().path(path)
    }

    /// Opens the ring in an inherited or received file: see [`OpenOptions::fd`].
    pub fn open_fd(fd: impl AsFd) -> Result<Self> {
        OpenOptions::new().fd(fd)
    }

    /// Takes the name of a ring in POSIX shared memory away. Who has it open goes on.
    pub fn remove(name: &str) -> Result<()> {
        let path = posix_path(name)?;
        std::fs::remove_file(&path)
            .map_err(|e| Error::system(format!("remove {}", shown(&path)), e))
    }

    /// What the ring is.
    pub fn info(&self) -> Info {
        let g = &self.inner.geometry;
        Info {
            kind: if g.kind == layout::KIND_SLOTS {
                Kind::Slots
            } else {
                Kind::Records
            },
            topology: match g.topology {
                layout::TOPOLOGY_SPSC => Topology::Spsc,
                layout::TOPOLOGY_MPMC => Topology::Mpmc,
                layout::TOPOLOGY_MPSC => Topology::Mpsc,
                layout::TOPOLOGY_MPSC_ORDERED => Topology::MpscOrdered,
                _ => Topology::Broadcast,
            },
            capacity: g.capacity,
            slot_size: g.slot_size as usize,
            max_message: g.max_message as usize,
            exact: g.exact(),
            members: g.members as usize,
            stride: g.stride as usize,
            redeliver: g.topology == layout::TOPOLOGY_MPMC
                && self.requires(layout::FEATURE_REDELIVER),
            fingerprint: self.inner.header.fingerprint,
        }
    }

    /// Whether a required feature bit is set.
    pub(crate) fn requires(&self, feature: u64) -> bool {
        self.inner.header.required & feature != 0
    }

    /// Refuses what is no ring's: arm words that never were, semaphores of another kind.
    fn check_gates(&self) -> Result<()> {
        for role in [Role::Producer, Role::Consumer] {
            let side = Side::of(self, role);
            let arm = side.arm.arm.load(Ordering::Acquire);
            if arm & layout::ARM_VALID == 0 {
                return Err(Error::Corrupt(format!(
                    "{role}: expected an arm word with its valid bit, found {arm:#x}"
                )));
            }
            // What glibc keeps there for semaphores that processes share.
            let shared = side.semaphore.0[2].load(Ordering::Acquire);
            if shared != SEMAPHORE_SHARED {
                return Err(Error::Corrupt(format!(
                    "{role}: expected a semaphore that processes share, found {shared}"
                )));
            }
        }
        Ok(())
    }
}

/// The int at byte 8 of a `sem_t` that processes share.
pub(crate) const SEMAPHORE_SHARED: u32 = 128;
