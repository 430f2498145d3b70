//! Making rings: complete before they have a name. Section 2 of the specification.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use crate::create::{boot_id, create, now};
use crate::error::{Error, Result};
use crate::geometry::{encode, Geometry, Shape};
use crate::layout;
use crate::region::posix_path;
use crate::ring::{Ring, Topology, SEMAPHORE_SHARED};

/// What ring to make. What is not said is a default that suits most.
///
/// ```no_run
/// # fn main() -> annulus::Result<()> {
/// let ring = annulus::Config::records().capacity(1 << 16).create("greetings")?;
/// let many = annulus::Config::slots(64).mpmc().redeliver(true).create("work")?;
/// # Ok(()) }
/// ```
#[derive(Clone, Debug)]
pub struct Config {
    kind: u64,
    topology: u64,
    capacity: Option<u64>,
    slot_size: u64,
    stride: Option<u64>,
    members: Option<u64>,
    fixed: bool,
    redeliver: bool,
    overrun: Overrun,
    mode: u32,
}

/// What the producer of a broadcast ring does where a consumer has not received yet what
/// lies a ring back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overrun {
    /// Overwrites it: that consumer gets [`Error::Overrun`].
    #[default]
    Overwrite,
    /// Waits for it, as long as it lives.
    Block,
    /// Drops the new message, and counts it.
    Drop,
}

impl Default for Config {
    fn default() -> Self {
        Self::records()
    }
}

impl Config {
    /// Records of any length, in 1 MiB; one producer, one consumer.
    pub fn records() -> Self {
        Self {
            kind: layout::KIND_BYTES,
            topology: layout::TOPOLOGY_SPSC,
            capacity: None,
            slot_size: 0,
            stride: None,
            members: None,
            fixed: false,
            redeliver: false,
            overrun: Overrun::Overwrite,
            mode: 0o600,
        }
    }

    /// 4096 slots of messages of `size` bytes, in MPMC rings of up to `size` bytes.
    pub fn slots(size: usize) -> Self {
        Self {
            kind: layout::KIND_SLOTS,
            slot_size: size as u64,
            ..Self::records()
        }
    }

    /// Bytes, or slots; in MPSC rings of each lane. A power of two.
    pub fn capacity(mut self, capacity: u64) -> Self {
        self.capacity = Some(capacity);
        self
    }

    /// For any number of producers and consumers; slots.
    pub fn mpmc(self) -> Self {
        self.topology(Topology::Mpmc)
    }

    /// For any number of producers, each with a lane, and one consumer.
    pub fn mpsc(self) -> Self {
        self.topology(Topology::Mpsc)
    }

    /// How many producers and consumers there can be.
    pub fn topology(mut self, topology: Topology) -> Self {
        self.topology = match topology {
            Topology::Spsc => layout::TOPOLOGY_SPSC,
            Topology::Mpmc => layout::TOPOLOGY_MPMC,
            Topology::Mpsc => layout::TOPOLOGY_MPSC,
            Topology::MpscOrdered => layout::TOPOLOGY_MPSC_ORDERED,
            Topology::Broadcast => layout::TOPOLOGY_CAST,
        };
        self
    }

    /// Places for endpoints in rings of many; 64 if not said.
    pub fn members(mut self, members: u64) -> Self {
        self.members = Some(members);
        self
    }

    /// MPMC: every message has the slot size.
    pub fn fixed(mut self, yes: bool) -> Self {
        self.fixed = yes;
        self
    }

    /// MPMC: what a dead consumer had in its hands goes to another, else it is dropped.
    pub fn redeliver(mut self, yes: bool) -> Self {
        self.redeliver = yes;
        self
    }

    /// Broadcast: what happens to consumers that are too slow.
    pub fn overrun(mut self, overrun: Overrun) -> Self {
        self.overrun = overrun;
        self
    }

    /// Bytes that keep two writers apart: a power of two, 64 to 1024.
    pub fn stride(mut self, stride: u64) -> Self {
        self.stride = Some(stride);
        self
    }

    /// Permission bits of the file; 0600 if not said.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Makes the ring in POSIX shared memory and opens it. [`Error::Exists`] if the name
    /// is taken.
    pub fn create(&self, name: &str) -> Result<Ring> {
        self.create_path(posix_path(name)?)
    }

    /// Makes the ring in a new file and opens it.
    pub fn create_path(&self, path: impl AsRef<Path>) -> Result<Ring> {
        let path = path.as_ref();
        let g = self.geometry()?;
        create(path, g.total_size, self.mode, |file| self.format(file, &g))?;
        Ring::open_path(path)
    }

    /// Opens the ring of that name, or makes it: for peers of which any may come first.
    /// A ring that is there is taken as it is.
    pub fn open_or_create(&self, name: &str) -> Result<Ring> {
        // Each round lost means that another has made or removed it in between.
        for _ in 0..100 {
            match Ring::open(name) {
                Err(Error::NotFound(_)) => {}
                done => return done,
            }
            match self.create(name) {
                Err(Error::Exists(_)) => {}
                done => return done,
            }
        }
        Err(Error::NotReady(format!(
            "expected {name} to stay, found it made and removed over and over"
        )))
    }

    fn geometry(&self) -> Result<Geometry> {
        let spsc = self.topology == layout::TOPOLOGY_SPSC;
        let mpmc = self.topology == layout::TOPOLOGY_MPMC;
        if self.redeliver && !mpmc {
            return Err(Error::Invalid(
                "expected an MPMC ring for redelivery, found another topology".into(),
            ));
        }
        if self.overrun != Overrun::Overwrite && self.topology != layout::TOPOLOGY_CAST {
            return Err(Error::Invalid(
                "expected a broadcast ring for what happens in overruns, found another topology"
                    .into(),
            ));
        }
        let slots = self.kind == layout::KIND_SLOTS;
        Shape {
            kind: self.kind,
            topology: self.topology,
            capacity: self.capacity.unwrap_or(if slots { 4096 } else { 1 << 20 }),
            slot_size: self.slot_size,
            // Its prefetcher fetches lines in pairs.
            stride: self.stride.unwrap_or(if cfg!(target_arch = "x86_64") {
                128
            } else {
                64
            }),
            members: self.members.unwrap_or(if spsc { 0 } else { 64 }),
            variable: mpmc && !self.fixed,
        }
        .geometry()
    }

    /// Writes a new ring into a file of zeros that nobody else sees.
    fn format(&self, file: &File, g: &Geometry) -> std::io::Result<()> {
        let mut required = match self.overrun {
            Overrun::Overwrite => 0,
            Overrun::Block => layout::FEATURE_BLOCK,
            Overrun::Drop => layout::FEATURE_DROP,
        };
        if self.redeliver {
            required |= layout::FEATURE_REDELIVER;
        }
        for area in [g.producer_area, g.consumer_area] {
            let put =
                |line, value: u64| file.write_all_at(&value.to_le_bytes(), area + line * g.stride);
            put(layout::LINE_SEQ, 1)?;
            put(layout::LINE_ARM, layout::ARM_VALID)?;
        }
        for line in [layout::LINE_SEM_DATA, layout::LINE_SEM_SPACE] {
            let at = g.shared_area + line * g.stride + 8;
            file.write_all_at(&SEMAPHORE_SHARED.to_le_bytes(), at)?;
        }
        file.write_all_at(&encode(g, required, boot_id(), now()), 0)
    }
}
