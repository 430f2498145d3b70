//! Cells and blocks: the latest value of something, by one writer for any number of
//! readers. Section 9 of the specification.

use std::fmt;
use std::fs::File;
use std::os::fd::RawFd;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::Arc;

use crate::data::Data;
use crate::error::{Error, Result};
use crate::header::{align, check_stride, compare, within, CELLS};
use crate::layout::{self, Arm, CellHeader, CellState, Endpoint, Seq};
use crate::map::Shared;
use crate::region::{self, posix_path, shown, Region};

/// Where everything of a cell lies.
#[derive(Clone, Debug)]
pub(crate) struct CellGeometry {
    pub kind: u64,
    pub stride: u64,
    pub size: u64,
    pub copy_stride: u64,
    pub reader_area: u64,
    pub writer_area: u64,
    pub data_area: u64,
    pub total_size: u64,
}

impl CellGeometry {
    pub fn compute(kind: u64, size: u64, stride: u64) -> Result<Self> {
        use layout::*;
        within("kind", kind, CELL_KIND_VALUE, CELL_KIND_BLOCK)?;
        check_stride(stride)?;
        within("size", size, 1, CELL_MAX_SIZE)?;
        let reader_area = PAGE_SIZE;
        let writer_area = reader_area + align(4 * stride, PAGE_SIZE);
        let data_area = writer_area + 4 * stride;
        let copy_stride = align(size, stride);
        Ok(Self {
            kind,
            stride,
            size,
            copy_stride,
            reader_area,
            writer_area,
            data_area,
            total_size: align(data_area + 2 * copy_stride, PAGE_SIZE),
        })
    }

    /// Validates the first bytes of a file of `size` bytes.
    fn decode(raw: &[u8], size: u64) -> Result<(Self, CellHeader)> {
        let h = CellHeader::from_bytes(CELLS.check(raw, size, 0)?);
        let g = Self::compute(h.kind.into(), h.size, h.stride.into())?;
        compare(&[
            ("copy stride", h.copy_stride, g.copy_stride),
            ("reader area", h.reader_area, g.reader_area),
            ("writer area", h.writer_area, g.writer_area),
            ("data area", h.data_area, g.data_area),
            ("total size", h.total_size, g.total_size),
            ("lock base", h.lock_base, layout::LOCK_BASE),
        ])?;
        CELLS.room(g.total_size, size)?;
        Ok((g, h))
    }
}

/// A handle on a cell, which holds the latest value of a fixed size, or on a block, which
/// holds the latest bytes of any length up to a maximum. It may be cloned and sent to
/// other threads.
#[derive(Clone)]
pub struct Cell {
    pub(crate) inner: Arc<CellInner>,
}

pub(crate) struct CellInner {
    pub region: Region,
    pub geometry: CellGeometry,
    pub header: CellHeader,
}

/// How to open a cell that is there.
#[derive(Clone, Debug, Default)]
pub struct CellOptions {
    readonly: bool,
}

impl CellOptions {
    /// To read, to wait and to write.
    pub fn new() -> Self {
        Self::default()
    }

    /// Maps the cell so that nothing can be stored to it: readers that wait poll.
    pub fn read_only(mut self, yes: bool) -> Self {
        self.readonly = yes;
        self
    }

    /// Opens the cell of that name in POSIX shared memory.
    pub fn name(&self, name: &str) -> Result<Cell> {
        self.path(posix_path(name)?)
    }

    /// Opens the cell in a file of this user's. A symbolic link is not followed.
    pub fn path(&self, path: impl AsRef<Path>) -> Result<Cell> {
        let path = path.as_ref();
        self.adopt(region::open_path(path, self.readonly)?, shown(path))
    }

    /// Opens the cell in an inherited file, by the number that this process was told.
    pub fn inherited(&self, fd: RawFd) -> Result<Cell> {
        let name = format!("descriptor {fd}");
        self.adopt(region::reopen(fd, self.readonly)?, name)
    }

    fn adopt(&self, file: File, name: String) -> Result<Cell> {
        let (region, (geometry, header)) =
            Region::adopt(file, name, self.readonly, |raw, size| {
                let (g, h) = CellGeometry::decode(raw, size)?;
                let total = g.total_size;
                Ok(((g, h), total))
            })?;
        let cell = Cell {
            inner: Arc::new(CellInner {
                region,
                geometry,
                header,
            }),
        };
        let arm = cell.words().arm.arm.load(Ordering::Acquire);
        if arm & layout::ARM_VALID == 0 {
            return Err(Error::Corrupt(format!(
                "expected an arm word with its valid bit, found {arm:#x}"
            )));
        }
        Ok(cell)
    }
}

/// The control words of a cell and its copies.
pub(crate) struct CellWords {
    pub state: Shared<CellState>,
    pub seq: Shared<Seq>,
    pub arm: Shared<Arm>,
    pub endpoint: Shared<Endpoint>,
    pub copies: Data,
}

impl Cell {
    /// Opens the cell of that name in POSIX shared memory.
    pub fn open(name: &str) -> Result<Self> {
        CellOptions::new().name(name)
    }

    /// Opens the cell in a file.
    pub fn open_path(path: impl AsRef<Path>) -> Result<Self> {
        CellOptions::new().path(path)
    }

    /// Whether it holds bytes of any length, rather than a value of one size.
    pub fn is_block(&self) -> bool {
        self.inner.geometry.kind == layout::CELL_KIND_BLOCK
    }

    /// Bytes of the value, or the most of a block.
    pub fn size(&self) -> usize {
        self.inner.geometry.size as usize
    }

    /// Whether a live writer is attached: a killed process is not, a stopped one is.
    pub fn is_written(&self) -> Result<bool> {
        self.inner.region.is_locked(layout::CELL_LOCK_WRITER)
    }

    pub(crate) fn words(&self) -> CellWords {
        let (g, map) = (&self.inner.geometry, &self.inner.region.map);
        let line = |k| g.writer_area + k * g.stride;
        CellWords {
            state: map.line(line(layout::CELL_LINE_STATE)),
            seq: map.line(line(layout::LINE_SEQ)),
            arm: map.line(g.reader_area + layout::LINE_ARM * g.stride),
            endpoint: map.line(line(layout::LINE_ENDPOINT)),
            copies: Data::copies(map, g.data_area, g.copy_stride),
        }
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cell")
            .field("name", &self.inner.region.name)
            .field("block", &self.is_block())
            .field("size", &self.size())
            .finish()
    }
}
