//! Where everything of a ring lies: computed by its creator, and again by everybody
//! who opens it, never read from shared memory. Sections 1, 2, 8, 10, 11 and 12 of
//! the specification.

use crate::error::{Error, Result};
use crate::header::{align, check_stride, compare, power_of_two, within, RINGS};
use crate::layout::{self, Header};

/// What the geometry of a ring follows from.
#[derive(Clone, Debug)]
pub(crate) struct Shape {
    pub kind: u64,
    pub topology: u64,
    pub capacity: u64,
    pub slot_size: u64,
    pub stride: u64,
    /// Entries of the endpoint table.
    pub members: u64,
    /// MPMC: messages of any length up to the slot size.
    pub variable: bool,
}

/// Where everything lies, in bytes from the start of the file.
#[derive(Clone, Debug, Default)]
pub(crate) struct Geometry {
    pub kind: u64,
    pub topology: u64,
    pub stride: u64,
    pub capacity: u64,
    pub slot_size: u64,
    pub slot_stride: u64,
    pub slot_payload: u64,
    pub max_message: u64,
    pub members: u64,
    pub producer_area: u64,
    pub consumer_area: u64,
    pub shared_area: u64,
    pub endpoint_table: u64,
    pub word_table: u64,
    pub lane_producers: u64,
    pub lane_consumers: u64,
    pub lane_stride: u64,
    pub data_area: u64,
    pub data_size: u64,
    pub total_size: u64,
}

impl Shape {
    /// Holds topology, kind and table against each other.
    fn check(&self) -> Result<()> {
        use layout::*;
        within("topology", self.topology, TOPOLOGY_SPSC, TOPOLOGY_CAST)?;
        within("kind", self.kind, KIND_BYTES, KIND_SLOTS)?;
        let kind = match self.topology {
            TOPOLOGY_MPMC => KIND_SLOTS,
            TOPOLOGY_MPSC_ORDERED | TOPOLOGY_CAST => KIND_BYTES,
            _ => self.kind,
        };
        within("kind of a ring of this topology", self.kind, kind, kind)?;
        if self.variable && self.topology != TOPOLOGY_MPMC {
            let payload = if self.kind == KIND_SLOTS {
                SLOT_PAYLOAD
            } else {
                0
            };
            return Err(Error::geometry(
                "slot payload offset",
                payload,
                SLOT_PAYLOAD_LENGTH,
            ));
        }
        if self.topology == TOPOLOGY_SPSC {
            return within("endpoint table", self.members, 0, 0);
        }
        within("endpoint table", self.members, MIN_MEMBERS, MAX_MEMBERS)
    }

    /// Lays the ring out.
    pub fn geometry(&self) -> Result<Geometry> {
        use layout::*;
        self.check()?;
        check_stride(self.stride)?;
        let mut g = Geometry {
            kind: self.kind,
            topology: self.topology,
            stride: self.stride,
            capacity: self.capacity,
            slot_size: self.slot_size,
            members: self.members,
            ..Geometry::default()
        };
        if self.kind == KIND_BYTES {
            within(
                "capacity",
                self.capacity,
                MIN_CAPACITY_BYTES,
                MAX_CAPACITY_BYTES,
            )?;
            power_of_two("capacity", self.capacity)?;
            within("slot size", self.slot_size, 0, 0)?;
            g.data_size = self.capacity;
            g.max_message = match self.topology {
                TOPOLOGY_CAST => (self.capacity / 4 - WORD_SIZE).min(MAX_MESSAGE),
                TOPOLOGY_MPSC_ORDERED => {
                    (self.capacity / 2).min((1 << 19) * GRANULE_SIZE) - WORD_SIZE
                }
                _ => (self.capacity / 2 - WORD_SIZE).min(MAX_MESSAGE),
            };
        } else {
            within("slots", self.capacity, MIN_SLOTS, MAX_SLOTS)?;
            power_of_two("slots", self.capacity)?;
            within("slot size", self.slot_size, 1, MAX_SLOT_SIZE)?;
            g.slot_payload = if self.variable {
                SLOT_PAYLOAD_LENGTH
            } else {
                SLOT_PAYLOAD
            };
            g.slot_stride = g.slot_payload + align(self.slot_size, WORD_SIZE);
            g.max_message = self.slot_size;
            g.data_size = self.capacity * g.slot_stride; // below 2^55
            within("data size", g.data_size, 0, MAX_DATA_SIZE)?;
        }
        g.place()?;
        Ok(g)
    }
}

impl Geometry {
    /// Finds a place for everything.
    fn place(&mut self) -> Result<()> {
        use layout::*;
        let area = align(4 * self.stride, PAGE_SIZE);
        self.producer_area = PAGE_SIZE;
        self.consumer_area = self.producer_area + area;
        self.shared_area = self.consumer_area + area;
        self.data_area = self.shared_area + align(2 * self.stride, PAGE_SIZE);
        if self.members > 0 {
            self.endpoint_table = self.data_area;
            self.data_area += align(self.members * MEMBER_LINES * self.stride, PAGE_SIZE);
        }
        match self.topology {
            TOPOLOGY_MPSC => {
                let lines = align(self.members * self.stride, PAGE_SIZE);
                self.lane_producers = self.data_area;
                self.lane_consumers = self.lane_producers + lines;
                self.data_area = self.lane_consumers + lines;
                self.lane_stride = align(self.data_size, PAGE_SIZE);
                within(
                    "data size of all lanes",
                    self.members * self.lane_stride,
                    0,
                    MAX_DATA_SIZE,
                )?;
                self.total_size = self.data_area + self.members * self.lane_stride;
                return Ok(());
            }
            TOPOLOGY_MPSC_ORDERED => {
                self.word_table = self.data_area;
                self.data_area += align(self.capacity / GRANULE_SIZE * WORD_SIZE, PAGE_SIZE);
            }
            _ => {}
        }
        self.total_size = align(self.data_area + self.data_size, PAGE_SIZE);
        Ok(())
    }

    /// Whether every message has the same size.
    pub fn exact(&self) -> bool {
        self.kind == layout::KIND_SLOTS && self.slot_payload == layout::SLOT_PAYLOAD
    }

    /// Whether slots hold a length.
    pub fn variable(&self) -> bool {
        self.slot_payload == layout::SLOT_PAYLOAD_LENGTH
    }
}

/// Validates the first bytes of a file of `size` bytes. No offset is trusted: all are
/// computed again and compared. Who only looks needs no eventfds.
pub(crate) fn decode(raw: &[u8], size: u64, readonly: bool) -> Result<(Geometry, Header)> {
    use layout::*;
    let unknown = if readonly { 0 } else { FEATURE_EVENTFD };
    let h = Header::from_bytes(RINGS.check(raw, size, unknown)?);
    let shape = Shape {
        kind: h.kind.into(),
        topology: h.topology.into(),
        capacity: h.capacity,
        slot_size: h.slot_size.into(),
        stride: h.stride.into(),
        members: h.endpoint_count,
        variable: u64::from(h.slot_payload) == SLOT_PAYLOAD_LENGTH,
    };
    let g = shape.geometry()?;
    compare(&[
        ("slot stride", h.slot_stride.into(), g.slot_stride),
        ("slot payload offset", h.slot_payload.into(), g.slot_payload),
        ("greatest message", h.max_message.into(), g.max_message),
        ("producer area", h.producer_area, g.producer_area),
        ("consumer area", h.consumer_area, g.consumer_area),
        ("shared area", h.shared_area, g.shared_area),
        ("endpoint table", h.endpoint_table, g.endpoint_table),
        ("endpoint count", h.endpoint_count, g.members),
        ("data area", h.data_area, g.data_area),
        ("data size", h.data_size, g.data_size),
        ("total size", h.total_size, g.total_size),
        ("lock base", h.lock_base, LOCK_BASE),
    ])?;
    let waits = h.required & (FEATURE_BLOCK | FEATURE_DROP);
    if waits != 0 && (g.topology != TOPOLOGY_CAST || waits == FEATURE_BLOCK | FEATURE_DROP) {
        return Err(Error::geometry(
            "required features",
            format_args!(
                "at most one of {FEATURE_BLOCK} and {FEATURE_DROP}, in a broadcast ring only"
            ),
            h.required,
        ));
    }
    RINGS.room(g.total_size, size)?;
    Ok((g, h))
}

/// The header of a new ring.
pub(crate) fn encode(g: &Geometry, required: u64, boot_id: [u8; 16], created_ns: u64) -> [u8; 256] {
    let mut h = Header::from_bytes(&[0; 256]);
    h.magic = layout::MAGIC;
    h.major = layout::MAJOR as u32;
    h.minor = layout::MINOR as u32;
    h.header_size = layout::HEADER_SIZE as u32;
    h.kind = g.kind as u32;
    h.topology = g.topology as u32;
    h.stride = g.stride as u32;
    h.required = required;
    h.total_size = g.total_size;
    h.capacity = g.capacity;
    h.slot_size = g.slot_size as u32;
    h.slot_stride = g.slot_stride as u32;
    h.slot_payload = g.slot_payload as u32;
    h.max_message = g.max_message as u32;
    h.producer_area = g.producer_area;
    h.consumer_area = g.consumer_area;
    h.shared_area = g.shared_area;
    h.endpoint_table = g.endpoint_table;
    h.endpoint_count = g.members;
    h.data_area = g.data_area;
    h.data_size = g.data_size;
    h.lock_base = layout::LOCK_BASE;
    h.boot_id = boot_id;
    h.created_ns = created_ns;
    h.creator_pid = std::process::id().into();
    h.checksum = crate::header::checksum(&h.to_bytes());
    h.to_bytes()
}

#[cfg(test)]
mod tests;
