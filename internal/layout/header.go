package layout

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync/atomic"
)

var rings = family{
	thing: "ring", magic: Magic, major: Major, known: KnownFeatures,
	other: "cell", there: CellMagic, its: "seqlock",
	notThis: ErrMagic, endian: ErrEndian, notReady: ErrNotReady, version: ErrVersion,
	feature: ErrFeature, damaged: ErrChecksum, geometry: ErrGeometry, short: ErrShort,
}

// Identity is the part of a header that does not follow from the geometry.
type Identity struct {
	Required    uint64
	Optional    uint64
	Fingerprint uint64
	BootID      [16]byte
	CreatedNS   uint64
	CreatorPID  uint64
	Element     string // longer names are cut to 64 bytes
}

// Format writes the header, the gates and empty cursors into mem, which must be
// zeroed and at least g.TotalSize long. Nobody else may see mem yet, or must
// wait for Magic, which is stored last.
func Format(mem []byte, g Geometry, id Identity) {
	for _, area := range []uint64{g.ProducerArea, g.ConsumerArea} {
		formatSide(mem, area, g.Stride)
	}
	for line := uint64(0); line < SharedLines; line++ {
		// An empty process-shared sem_t: glibc's private field is 128.
		binary.LittleEndian.PutUint32(mem[g.SharedArea+line*g.Stride+8:], 128)
	}
	formatHeader(mem, g, id)
}

func formatSide(mem []byte, area, stride uint64) {
	SeqAt(mem, area, stride).Seq = 1
	ArmAt(mem, area, stride).Arm = ArmValid
}

// formatHeader comes last: it stores Magic.
func formatHeader(mem []byte, g Geometry, id Identity) {
	h := HeaderAt(mem)
	*h = Header{
		Major: Major, Minor: Minor, HeaderSize: HeaderSize,
		Kind: g.Kind, Topology: g.Topology, Stride: uint32(g.Stride),
		Required: id.Required, Optional: id.Optional,
		TotalSize: g.TotalSize, Capacity: g.Capacity,
		SlotSize: uint32(g.SlotSize), SlotStride: uint32(g.SlotStride), MaxMessage: uint32(g.MaxMessage),
		Fingerprint:  id.Fingerprint,
		ProducerArea: g.ProducerArea, ConsumerArea: g.ConsumerArea, SharedArea: g.SharedArea,
		EndpointTable: g.MemberArea, EndpointCount: g.Members,
		DataArea: g.DataArea, DataSize: g.DataSize, LockBase: LockBase,
		BootID: id.BootID, CreatedNS: id.CreatedNS, CreatorPID: id.CreatorPID,
	}
	h.SlotPayload = uint32(g.SlotOffset)
	copy(h.Element[:], id.Element)
	h.Checksum = Checksum(mem[:HeaderSize])
	atomic.StoreUint64(&h.Magic, Magic)
}

// Checksum is the CRC-32C of the header's bytes before the checksum, computed
// as if Magic were already there.
func Checksum(header []byte) uint64 { return rings.checksum(header) }

// Decode validates the first bytes of a region of size bytes and returns what
// they say. raw must be a private copy of at least min(size, HeaderSize) bytes.
// It never trusts an offset: the geometry is computed again and compared.
func Decode(raw []byte, size uint64) (Geometry, Header, error) {
	g, h, err := decodeRing(&rings, raw, size)
	switch {
	case err == nil:
		err = rings.room(g.TotalSize, size)
	case errors.Is(err, ErrFeature) && h.Required&FeatureApart != 0:
		err = fmt.Errorf("%w: it is one of the two memories of a ring between processes that do not trust each other; only those that made it take part", ErrFeature)
	}
	return g, h, err
}

// decodeRing is Decode but for the comparison of sizes.
func decodeRing(f *family, raw []byte, size uint64) (Geometry, Header, error) {
	var h Header
	if err := f.decode(raw, size, &h); err != nil {
		return Geometry{}, h, err
	}
	g, err := Compute(Shape{
		Kind: h.Kind, Topology: h.Topology, Capacity: h.Capacity, SlotSize: uint64(h.SlotSize),
		Variable: h.SlotPayload == SlotPayloadLength, Members: h.EndpointCount, Stride: uint64(h.Stride),
	})
	if err != nil {
		return g, h, err
	}
	if err := rings.compare(
		field{"slot stride", uint64(h.SlotStride), g.SlotStride},
		field{"slot payload offset", uint64(h.SlotPayload), g.SlotOffset},
		field{"greatest message", uint64(h.MaxMessage), g.MaxMessage},
		field{"producer area", h.ProducerArea, g.ProducerArea},
		field{"consumer area", h.ConsumerArea, g.ConsumerArea},
		field{"shared area", h.SharedArea, g.SharedArea},
		field{"endpoint table", h.EndpointTable, g.MemberArea},
		field{"endpoint count", h.EndpointCount, g.Members},
		field{"data area", h.DataArea, g.DataArea},
		field{"data size", h.DataSize, g.DataSize},
		field{"total size", h.TotalSize, g.TotalSize},
		field{"lock base", h.LockBase, LockBase},
	); err != nil {
		return g, h, err
	}
	if cast := h.Required & (FeatureBlock | FeatureDrop); cast != 0 && (g.Topology != TopologyCast || cast == FeatureBlock|FeatureDrop) {
		return g, h, geometry("required features", h.Required, "at most one of %#x and %#x, and only in a broadcast ring", FeatureBlock, FeatureDrop)
	}
	return g, h, nil
}
