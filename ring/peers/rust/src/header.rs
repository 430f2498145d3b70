//! What the headers of rings and cells have in common: the order in which an
//! attacher checks them. Sections 1 and 2 of the specification.

use crate::error::{Error, Result};
use crate::layout::{self, Header};

/// The CRC-32C of a header's bytes before its checksum. It is computed once for
/// each open, so a loop over bits will do.
pub(crate) fn checksum(header: &[u8]) -> u64 {
    let mut crc = !0u32;
    for &b in &header[..layout::HEADER_SIZE as usize - 8] {
        crc ^= u32::from(b);
        for _ in 0..8 {
            crc = crc >> 1 ^ if crc & 1 != 0 { 0x82f6_3b78 } else { 0 };
        }
    }
    u64::from(!crc)
}

/// What distinguishes the header of a ring from that of a cell.
pub(crate) struct Family {
    pub thing: &'static str,
    pub magic: u64,
    pub major: u64,
    pub known: u64,
    /// What else may be found here, by its magic word.
    pub other: (u64, &'static str),
}

pub(crate) const RINGS: Family = Family {
    thing: "ring",
    magic: layout::MAGIC,
    major: layout::MAJOR,
    known: layout::KNOWN_FEATURES,
    other: (layout::CELL_MAGIC, "a cell: open it with Cell"),
};

pub(crate) const CELLS: Family = Family {
    thing: "cell",
    magic: layout::CELL_MAGIC,
    major: layout::CELL_MAJOR,
    known: layout::CELL_KNOWN_FEATURES,
    other: (layout::MAGIC, "a ring: open it with Ring"),
};

impl Family {
    /// Checks the first bytes of a file of `size` bytes, up to what rings and cells
    /// have in the same places. `unknown` are feature bits that are refused beside
    /// those that nobody knows.
    pub fn check<'a>(
        &self,
        raw: &'a [u8],
        size: u64,
        unknown: u64,
    ) -> Result<&'a [u8; layout::HEADER_SIZE as usize]> {
        let Some(head) = raw
            .first_chunk::<{ layout::HEADER_SIZE as usize }>()
            .filter(|_| size >= layout::HEADER_SIZE)
        else {
            return Err(Error::Short(format!(
                "expected a header of {} bytes, found {} bytes",
                layout::HEADER_SIZE,
                size.min(raw.len() as u64)
            )));
        };
        // What has the same place in both kinds of header.
        let h = Header::from_bytes(head);
        if h.magic == 0 {
            return Err(Error::NotReady(format!(
                "expected the magic word {:#x}, found 0; its creator is at work or died",
                self.magic
            )));
        }
        if h.magic == self.magic.swap_bytes() {
            return Err(Error::Endian(format!(
                "expected the magic word {:#x}, found it byte-swapped; {}s are little-endian",
                self.magic, self.thing
            )));
        }
        if h.magic == self.other.0 {
            return Err(Error::NotRing(format!(
                "expected a {}, found {}",
                self.thing, self.other.1
            )));
        }
        if h.magic != self.magic {
            return Err(Error::NotRing(format!(
                "the first word is {:#x}, expected {:#x}, that of a {}",
                h.magic, self.magic, self.thing
            )));
        }
        if u64::from(h.major) != self.major {
            return Err(Error::Version(format!(
                "expected {}.x, found {}.{}",
                self.major, h.major, h.minor
            )));
        }
        let sum = checksum(head);
        if h.checksum != sum {
            return Err(Error::Checksum(format!(
                "expected the checksum {:#x}, found {:#x}",
                sum, h.checksum
            )));
        }
        let strange = h.required & (!self.known | unknown);
        if strange != 0 {
            return Err(Error::Feature(format!(
                "expected required feature bits within {:#x}, found {:#x}; use a newer program",
                self.known & !unknown,
                h.required
            )));
        }
        if u64::from(h.header_size) < layout::HEADER_SIZE {
            return Err(Error::geometry(
                "header size",
                format_args!("at least {}", layout::HEADER_SIZE),
                h.header_size.into(),
            ));
        }
        Ok(head)
    }

    /// Refuses a file that is smaller than what its header speaks of.
    pub fn room(&self, total: u64, size: u64) -> Result<()> {
        if total > size {
            return Err(Error::Short(format!(
                "expected {total} bytes for the {} in it, found {size}",
                self.thing
            )));
        }
        Ok(())
    }
}

/// Refuses a header whose fields differ from the computed ones.
pub(crate) fn compare(fields: &[(&str, u64, u64)]) -> Result<()> {
    for &(name, found, expected) in fields {
        if found != expected {
            return Err(Error::geometry(name, expected, found));
        }
    }
    Ok(())
}

/// Rounds `n` up to a multiple of `a`, a power of two.
pub(crate) fn align(n: u64, a: u64) -> u64 {
    (n + a - 1) & !(a - 1)
}

/// Refuses a number out of its range.
pub(crate) fn within(what: &str, found: u64, least: u64, most: u64) -> Result<()> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    if least == most {
        return Err(Error::geometry(what, least, found));
    }
    Err(Error::geometry(
        what,
        format_args!("{least} to {most}"),
        found,
    ))
}

/// Refuses a stride that no layout allows.
pub(crate) fn check_stride(stride: u64) -> Result<()> {
    within("stride", stride, layout::MIN_STRIDE, layout::MAX_STRIDE)?;
    power_of_two("stride", stride)
}

pub(crate) fn power_of_two(what: &str, n: u64) -> Result<()> {
    if n.is_power_of_two() {
        return Ok(());
    }
    Err(Error::geometry(what, "one of the powers of two", n))
}
