package layout

import "unsafe"

// Sizes and offsets that other languages rely on, checked by the compiler: a
// difference makes an array length negative or a constant index out of range.
var (
	_ = [1]struct{}{}[unsafe.Sizeof(Header{})-HeaderSize]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.Checksum)-(HeaderSize-8)]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.Required)-32]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.SlotSize)-64]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.ProducerArea)-88]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.DataArea)-128]
	_ = [1]struct{}{}[unsafe.Offsetof(Header{}.BootID)-152]

	_ = [1]struct{}{}[unsafe.Sizeof(Cursor{})-40]
	_ = [1]struct{}{}[unsafe.Sizeof(Seq{})-16]
	_ = [1]struct{}{}[unsafe.Sizeof(Arm{})-24]
	_ = [1]struct{}{}[unsafe.Sizeof(Endpoint{})-64]
	_ = [1]struct{}{}[unsafe.Offsetof(Endpoint{}.Drained)-8]
	_ = [1]struct{}{}[unsafe.Offsetof(Endpoint{}.PID)-16]
	_ = [1]struct{}{}[unsafe.Sizeof(Member{})-64]
	_ = [1]struct{}{}[unsafe.Sizeof(Holder{})-56]

	// What rings and cells have in common is read without knowing which it is.
	_ = [1]struct{}{}[unsafe.Offsetof(CellHeader{}.Major)-unsafe.Offsetof(Header{}.Major)]
	_ = [1]struct{}{}[unsafe.Offsetof(CellHeader{}.Minor)-unsafe.Offsetof(Header{}.Minor)]
	_ = [1]struct{}{}[unsafe.Offsetof(CellHeader{}.HeaderSize)-unsafe.Offsetof(Header{}.HeaderSize)]
	_ = [1]struct{}{}[unsafe.Offsetof(CellHeader{}.Required)-unsafe.Offsetof(Header{}.Required)]

	_ = [1]struct{}{}[unsafe.Sizeof(CellHeader{})-HeaderSize]
	_ = [1]struct{}{}[unsafe.Offsetof(CellHeader{}.Checksum)-(HeaderSize-8)]
	_ = [1]struct{}{}[unsafe.Offsetof(CellHeader{}.Size)-56]
	_ = [1]struct{}{}[unsafe.Offsetof(CellHeader{}.BootID)-112]
	_ = [1]struct{}{}[unsafe.Sizeof(CellState{})-24]
)

// A line struct never exceeds the smallest stride.
const (
	_ = uint(MinStride - unsafe.Sizeof(Cursor{}))
	_ = uint(MinStride - unsafe.Sizeof(Seq{}))
	_ = uint(MinStride - unsafe.Sizeof(Arm{}))
	_ = uint(MinStride - unsafe.Sizeof(Endpoint{}))
	_ = uint(MinStride - unsafe.Sizeof(Member{}))
	_ = uint(MinStride - unsafe.Sizeof(Holder{}))
	_ = uint(MinStride - unsafe.Sizeof(CellState{}))
	_ = uint(MinStride - SemSize)
	_ = uint(PageSize - SideLines*MaxStride)
)

// HeaderAt lays the header over mem, which must have HeaderSize bytes and be
// 8-byte aligned; it is for the creator. Attachers use Decode on a copy.
func HeaderAt(mem []byte) *Header { return at[Header](mem, 0) }

// CursorAt lays line 0 of the side at area over mem.
func CursorAt(mem []byte, area uint64) *Cursor { return at[Cursor](mem, area) }

// LaneCursorAt lays the line of lane i in the area of one side's lines over mem.
func LaneCursorAt(mem []byte, area, stride, i uint64) *Cursor {
	return at[Cursor](mem, area+i*stride)
}

// SeqAt lays line 1 of the side at area over mem.
func SeqAt(mem []byte, area, stride uint64) *Seq { return at[Seq](mem, area+LineSeq*stride) }

// ArmAt lays line 2 of the side at area over mem.
func ArmAt(mem []byte, area, stride uint64) *Arm { return at[Arm](mem, area+LineArm*stride) }

// EndpointAt lays line 3 of the side at area over mem.
func EndpointAt(mem []byte, area, stride uint64) *Endpoint {
	return at[Endpoint](mem, area+LineEndpoint*stride)
}

// MemberAt lays line 0 of entry i of the endpoint table at area over mem.
func MemberAt(mem []byte, area, stride, i uint64) *Member {
	return at[Member](mem, area+(i*MemberLines+LineMember)*stride)
}

// HolderAt lays line 1 of entry i of the endpoint table at area over mem.
func HolderAt(mem []byte, area, stride, i uint64) *Holder {
	return at[Holder](mem, area+(i*MemberLines+LineHolder)*stride)
}

// at panics like a slice expression when T does not lie within mem.
func at[T any](mem []byte, off uint64) *T {
	var zero T
	b := mem[off : off+uint64(unsafe.Sizeof(zero))]
	if uintptr(unsafe.Pointer(&b[0]))&7 != 0 {
		panic("layout: unaligned memory")
	}
	return (*T)(unsafe.Pointer(&b[0]))
}

// WordAt views the 8 bytes at off, for tests and tools that look at raw rings.
func WordAt(mem []byte, off uint64) *uint64 { return at[uint64](mem, off) }
