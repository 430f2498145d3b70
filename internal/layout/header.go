package layout

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"sync/atomic"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

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
	for _, area := range []uint64{g.ProducerArea, g.ConsumerArea} {
		SeqAt(mem, area, g.Stride).Seq = 1
		ArmAt(mem, area, g.Stride).Arm = ArmValid
	}
	for line := uint64(0); line < SharedLines; line++ {
		// An empty process-shared sem_t: glibc's private field is 128.
		binary.LittleEndian.PutUint32(mem[g.SharedArea+line*g.Stride+8:], 128)
	}
	h.Checksum = Checksum(mem[:HeaderSize])
	atomic.StoreUint64(&h.Magic, Magic)
}

// Checksum is the CRC-32C of the header's bytes before the checksum, computed
// as if Magic were already there.
func Checksum(header []byte) uint64 {
	var b [HeaderSize - 8]byte
	copy(b[:], header)
	binary.LittleEndian.PutUint64(b[:], Magic)
	return uint64(crc32.Checksum(b[:], castagnoli))
}

// Decode validates the first bytes of a region of size bytes and returns what
// they say. raw must be a private copy of at least min(size, HeaderSize) bytes.
// It never trusts an offset: the geometry is computed again and compared.
func Decode(raw []byte, size uint64) (Geometry, Header, error) {
	var g Geometry
	var h Header
	if size < HeaderSize || len(raw) < HeaderSize {
		return g, h, fmt.Errorf("%w: it has %d bytes, the header alone has %d", ErrShort, min(size, uint64(len(raw))), HeaderSize)
	}
	if n, err := binary.Decode(raw[:HeaderSize], binary.LittleEndian, &h); err != nil || n != HeaderSize {
		return g, h, fmt.Errorf("%w: header of %d bytes: %v", ErrShort, n, err)
	}
	switch h.Magic {
	case Magic:
	case bits.ReverseBytes64(Magic):
		return g, h, fmt.Errorf("%w: the magic word is byte-swapped; rings are little-endian", ErrEndian)
	case 0:
		return g, h, fmt.Errorf("%w: the magic word is still zero; its creator is at work or died", ErrNotReady)
	default:
		return g, h, fmt.Errorf("%w: the first word is %#016x, want %#016x", ErrMagic, h.Magic, Magic)
	}
	if h.Major != Major {
		return g, h, fmt.Errorf("%w: it is %d.%d, this program speaks %d.x", ErrVersion, h.Major, h.Minor, Major)
	}
	if sum := Checksum(raw); h.Checksum != sum {
		return g, h, fmt.Errorf("%w: checksum is %#x, want %#x", ErrChecksum, h.Checksum, sum)
	}
	if unknown := h.Required &^ KnownFeatures; unknown != 0 {
		return g, h, fmt.Errorf("%w: required feature bits %#x; use a newer program", ErrFeature, unknown)
	}
	if h.HeaderSize < HeaderSize {
		return g, h, geometry("header size", uint64(h.HeaderSize), "at least %d", HeaderSize)
	}
	g, err := Compute(Shape{
		Kind: h.Kind, Topology: h.Topology, Capacity: h.Capacity, SlotSize: uint64(h.SlotSize),
		Variable: h.SlotPayload == SlotPayloadLength, Members: h.EndpointCount, Stride: uint64(h.Stride),
	})
	if err != nil {
		return g, h, err
	}
	if err := compare(g, h); err != nil {
		return g, h, err
	}
	if cast := h.Required & (FeatureBlock | FeatureDrop); cast != 0 && (g.Topology != TopologyCast || cast == FeatureBlock|FeatureDrop) {
		return g, h, geometry("required features", h.Required, "at most one of %#x and %#x, and only in a broadcast ring", FeatureBlock, FeatureDrop)
	}
	if g.TotalSize > size {
		return g, h, fmt.Errorf("%w: it has %d bytes, the ring in it has %d", ErrShort, size, g.TotalSize)
	}
	return g, h, nil
}

// compare refuses a header whose offsets differ from the computed ones.
func compare(g Geometry, h Header) error {
	for _, f := range []struct {
		name      string
		got, want uint64
	}{
		{"slot stride", uint64(h.SlotStride), g.SlotStride},
		{"slot payload offset", uint64(h.SlotPayload), g.SlotOffset},
		{"greatest message", uint64(h.MaxMessage), g.MaxMessage},
		{"producer area", h.ProducerArea, g.ProducerArea},
		{"consumer area", h.ConsumerArea, g.ConsumerArea},
		{"shared area", h.SharedArea, g.SharedArea},
		{"endpoint table", h.EndpointTable, g.MemberArea},
		{"endpoint count", h.EndpointCount, g.Members},
		{"data area", h.DataArea, g.DataArea},
		{"data size", h.DataSize, g.DataSize},
		{"total size", h.TotalSize, g.TotalSize},
		{"lock base", h.LockBase, LockBase},
	} {
		if f.got != f.want {
			return geometry(f.name, f.got, "%d", f.want)
		}
	}
	return nil
}
