//! Making cells, and what a cell says, for people. Section 9 of the specification.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::Ordering::Acquire;

use crate::cell::{Cell, CellGeometry};
use crate::create::{boot_id, create, now};
use crate::error::{Error, Result};
use crate::header::checksum;
use crate::layout::{self, CellHeader};
use crate::region::posix_path;

/// What cell to make.
#[derive(Clone, Debug)]
pub struct CellConfig {
    kind: u64,
    size: u64,
    stride: u64,
    mode: u32,
}

impl CellConfig {
    /// A value of `size` bytes.
    pub fn value(size: usize) -> Self {
        Self {
            kind: layout::CELL_KIND_VALUE,
            size: size as u64,
            stride: if cfg!(target_arch = "x86_64") {
                128
            } else {
                64
            },
            mode: 0o600,
        }
    }

    /// Bytes of any length up to `most`.
    pub fn block(most: usize) -> Self {
        Self {
            kind: layout::CELL_KIND_BLOCK,
            ..Self::value(most)
        }
    }

    /// Permission bits of the file; 0600 if not said.
    pub fn mode(mut self, mode: u32) -> Self {
        self.mode = mode;
        self
    }

    /// Makes the cell in POSIX shared memory and opens it. [`Error::Exists`] if the name is
    /// taken.
    pub fn create(&self, name: &str) -> Result<Cell> {
        self.create_path(posix_path(name)?)
    }

    /// Makes the cell in a new file and opens it.
    pub fn create_path(&self, path: impl AsRef<Path>) -> Result<Cell> {
        let path = path.as_ref();
        let g = CellGeometry::compute(self.kind, self.size, self.stride)?;
        create(path, g.total_size, self.mode, |file| format(file, &g))?;
        Cell::open_path(path)
    }
}

/// Writes a new cell into a file of zeros that nobody else sees.
fn format(file: &File, g: &CellGeometry) -> io::Result<()> {
    let mut h = CellHeader::from_bytes(&[0; layout::HEADER_SIZE as usize]);
    h.magic = layout::CELL_MAGIC;
    h.major = layout::CELL_MAJOR as u32;
    h.minor = layout::CELL_MINOR as u32;
    h.header_size = layout::HEADER_SIZE as u32;
    h.kind = g.kind as u32;
    h.stride = g.stride as u32;
    h.total_size = g.total_size;
    h.size = g.size;
    h.copy_stride = g.copy_stride;
    h.reader_area = g.reader_area;
    h.writer_area = g.writer_area;
    h.data_area = g.data_area;
    h.lock_base = layout::LOCK_BASE;
    h.boot_id = boot_id();
    h.created_ns = now();
    h.creator_pid = std::process::id().into();
    h.checksum = checksum(&h.to_bytes());
    let put = |offset, value: u64| file.write_all_at(&value.to_le_bytes(), offset);
    put(g.writer_area + layout::LINE_SEQ * g.stride, 1)?;
    put(
        g.reader_area + layout::LINE_ARM * g.stride,
        layout::ARM_VALID,
    )?;
    file.write_all_at(&h.to_bytes(), 0)
}

impl Cell {
    /// Writes lines about the header, both sides and the value, without touching them.
    pub fn dump(&self, out: &mut impl io::Write) -> Result<()> {
        let mut value = Vec::new();
        let version = self.reader().read(&mut value)?;
        let (h, w) = (&self.inner.header, self.words());
        let (s, e) = (&w.state, &w.endpoint);
        let lines = format!(
            "cell version={}.{} kind={} stride={} size={} copy_stride={} total={} required={} optional={} fingerprint={} element=\"{}\"\n\
             cell reader_area={} writer_area={} data_area={} lock_base={} created_ns={} creator_pid={} checksum={}\n\
             writer state={} length0={} length1={} seq={} wakes={} session={} closed={} attached={} pid={}\n\
             reader arm={} parks={}\n\
             value version={version} length={}{}\n",
            h.major,
            h.minor,
            h.kind,
            h.stride,
            h.size,
            h.copy_stride,
            h.total_size,
            crate::dump::hex(h.required),
            crate::dump::hex(h.optional),
            crate::dump::hex(h.fingerprint),
            String::from_utf8_lossy(&h.element).trim_end_matches('\0'),
            h.reader_area,
            h.writer_area,
            h.data_area,
            h.lock_base,
            h.created_ns,
            h.creator_pid,
            crate::dump::hex(h.checksum),
            s.state.load(Acquire),
            s.length0.load(Acquire),
            s.length1.load(Acquire),
            w.seq.seq.load(Acquire),
            w.seq.wakes.load(Acquire),
            e.session.load(Acquire),
            e.closed.load(Acquire),
            e.state.load(Acquire),
            e.pid.load(Acquire),
            crate::dump::hex(w.arm.arm.load(Acquire)),
            w.arm.parks.load(Acquire),
            value.len(),
            crate::dump::payload(&value),
        );
        out.write_all(lines.as_bytes())
            .map_err(|e| Error::system("write the dump", e))
    }
}
