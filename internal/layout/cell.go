package layout

import (
	"errors"
	"structs"
	"sync/atomic"
)

// CellMagic opens every cell and block: the bytes "ANNCELL" and 0x1A.
const CellMagic uint64 = 0x1A_4C_4C_45_43_4E_4E_41

// Version of the layout of cells. The rules are those of rings.
const (
	CellMajor = 1
	CellMinor = 0
)

// Kinds of cell.
const (
	CellKindValue = 1 // one value of a fixed size
	CellKindBlock = 2 // bytes of any length up to a maximum
)

// Bounds and numbers of cells.
const (
	CellMaxSize    = 1 << 30
	CellLockWriter = 0 // lock byte held while a writer is attached
	CellLineState  = 0 // writer area: see CellState; its other lines are a ring side's
	CellKnown      = 0 // required features of version 1.0
)

// CellHeader is the first HeaderSize bytes of a cell or block.
type CellHeader struct {
	_           structs.HostLayout
	Magic       uint64 `doc:"the bytes 'ANNCELL', 0x1A"`
	Major       uint32 `doc:"layout version; another major is refused"`
	Minor       uint32 `doc:"additions that may be ignored"`
	HeaderSize  uint32 `doc:"256"`
	Kind        uint32 `doc:"1 value, 2 block"`
	Stride      uint32 `doc:"bytes of a line: a power of two, 64 to 1024"`
	_           uint32
	Required    uint64   `doc:"feature bits an attacher must know"`
	Optional    uint64   `doc:"feature bits an attacher may ignore"`
	TotalSize   uint64   `doc:"bytes of the region that are used"`
	Size        uint64   `doc:"bytes of a value; of a block: the most there can be"`
	CopyStride  uint64   `doc:"bytes from copy 0 to copy 1"`
	Fingerprint uint64   `doc:"of the element type; 0: untyped"`
	ReaderArea  uint64   `doc:"offset of the readers' side"`
	WriterArea  uint64   `doc:"offset of the writer's side"`
	DataArea    uint64   `doc:"offset of copy 0"`
	LockBase    uint64   `doc:"file offset of lock byte 0"`
	BootID      [16]byte `doc:"kernel boot id at creation; zero: unknown"`
	CreatedNS   uint64   `doc:"creation, ns since 1970; for people"`
	CreatorPID  uint64   `doc:"for people"`
	_           [40]byte
	Element     [64]byte `doc:"name of the element type, zero padded; for people"`
	Checksum    uint64   `doc:"CRC-32C of bytes 0 to 247, in the low half"`
}

// CellState is line 0 of a cell's writer side.
//
//	state = 2n      version n is complete, in copy n&1; 0: never written
//	state = 2n+1    the same, and version n+1 is being written to the other copy
type CellState struct {
	_       structs.HostLayout
	State   uint64 `doc:"2n: version n is there; 2n+1: and n+1 is being written"`
	Length0 uint64 `doc:"block: bytes in copy 0"`
	Length1 uint64 `doc:"block: bytes in copy 1"`
}

var cells = family{
	thing: "cell", magic: CellMagic, major: CellMajor, known: CellKnown,
	other: "ring", there: Magic, its: "ring",
	notThis: ErrCellMagic, endian: ErrCellEndian, notReady: ErrCellNotReady, version: ErrCellVersion,
	feature: ErrCellFeature, damaged: ErrCellChecksum, geometry: ErrCellGeometry, short: ErrCellShort,
}

// Reasons to refuse the header of a cell, as those for rings.
var (
	ErrCellMagic    = errors.New("not a cell or block")
	ErrCellEndian   = errors.New("cell of the other byte order")
	ErrCellNotReady = errors.New("cell not initialised yet")
	ErrCellVersion  = errors.New("cell of another layout version")
	ErrCellFeature  = errors.New("cell needs a feature unknown here")
	ErrCellChecksum = errors.New("cell header damaged")
	ErrCellGeometry = errors.New("impossible cell geometry")
	ErrCellShort    = errors.New("file shorter than the cell in it")
)

// CellGeometry says where everything of a cell lies; see Geometry.
type CellGeometry struct {
	Kind       uint32
	Stride     uint64
	Size       uint64 // bytes of a value, or the most of a block
	CopyStride uint64

	ReaderArea, WriterArea, DataArea uint64
	TotalSize                        uint64
}

// ComputeCell lays out a cell or block. The error wraps ErrCellGeometry.
func ComputeCell(kind uint32, size, stride uint64) (CellGeometry, error) {
	g := CellGeometry{Kind: kind, Stride: stride, Size: size}
	if kind != CellKindValue && kind != CellKindBlock {
		return g, cellGeometry("kind", uint64(kind), "%d (value) or %d (block)", CellKindValue, CellKindBlock)
	}
	if !powerOfTwo(stride) || stride < MinStride || stride > MaxStride {
		return g, cellGeometry("stride", stride, "a power of two from %d to %d bytes", MinStride, MaxStride)
	}
	if size < 1 || size > CellMaxSize {
		return g, cellGeometry("size", size, "from 1 to %d bytes", CellMaxSize)
	}
	g.CopyStride = Align(size, stride)
	g.ReaderArea = PageSize
	g.WriterArea = g.ReaderArea + Align(SideLines*stride, PageSize)
	g.DataArea = g.WriterArea + SideLines*stride
	g.TotalSize = Align(g.DataArea+2*g.CopyStride, PageSize)
	return g, nil
}

// FormatCell writes the header and the gate into mem, as Format does for a ring.
func FormatCell(mem []byte, g CellGeometry, id Identity) {
	h := at[CellHeader](mem, 0)
	*h = CellHeader{
		Major: CellMajor, Minor: CellMinor, HeaderSize: HeaderSize,
		Kind: g.Kind, Stride: uint32(g.Stride), Required: id.Required, Optional: id.Optional,
		TotalSize: g.TotalSize, Size: g.Size, CopyStride: g.CopyStride, Fingerprint: id.Fingerprint,
		ReaderArea: g.ReaderArea, WriterArea: g.WriterArea, DataArea: g.DataArea, LockBase: LockBase,
		BootID: id.BootID, CreatedNS: id.CreatedNS, CreatorPID: id.CreatorPID,
	}
	copy(h.Element[:], id.Element)
	SeqAt(mem, g.WriterArea, g.Stride).Seq = 1
	ArmAt(mem, g.ReaderArea, g.Stride).Arm = ArmValid
	h.Checksum = CellChecksum(mem[:HeaderSize])
	atomic.StoreUint64(&h.Magic, CellMagic)
}

// CellChecksum is Checksum for the header of a cell.
func CellChecksum(header []byte) uint64 { return cells.checksum(header) }

// DecodeCell is Decode for a cell or block.
func DecodeCell(raw []byte, size uint64) (CellGeometry, CellHeader, error) {
	var h CellHeader
	if err := cells.decode(raw, size, &h); err != nil {
		return CellGeometry{}, h, err
	}
	g, err := ComputeCell(h.Kind, h.Size, uint64(h.Stride))
	if err != nil {
		return g, h, err
	}
	if err := cells.compare(
		field{"copy stride", h.CopyStride, g.CopyStride},
		field{"reader area", h.ReaderArea, g.ReaderArea},
		field{"writer area", h.WriterArea, g.WriterArea},
		field{"data area", h.DataArea, g.DataArea},
		field{"total size", h.TotalSize, g.TotalSize},
		field{"lock base", h.LockBase, LockBase},
	); err != nil {
		return g, h, err
	}
	return g, h, cells.room(g.TotalSize, size)
}

// CellStateAt lays line 0 of the writer side at area over mem.
func CellStateAt(mem []byte, area uint64) *CellState { return at[CellState](mem, area) }

func cellGeometry(field string, got uint64, want string, args ...any) error {
	return cells.impossible(field, got, want, args...)
}
