package layout

import (
	"encoding/binary"
	"fmt"
	"hash/crc32"
	"math/bits"
	"unsafe"
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// family is what distinguishes the header of a ring from that of a cell where both have
// the same fields: in the first 40 bytes, but for Kind, and in the checksum.
type family struct {
	thing string // what it is called in errors
	magic uint64
	major uint32
	known uint64 // required features

	other string // what else may be found here
	there uint64 // by this magic word
	its   string // package

	notThis, endian, notReady, version, feature, damaged, geometry, short error
}

// HasMagic tells whether memory begins with a magic word, in any byte order: what Decode
// and DecodeCell find out more about.
func HasMagic(b []byte, magic uint64) bool {
	if len(b) < 8 {
		return false
	}
	w := binary.LittleEndian.Uint64(b)
	return w == magic || w == bits.ReverseBytes64(magic)
}

// checksum is the CRC-32C of the header's bytes before the checksum, computed as if
// the magic word were already there.
func (f *family) checksum(header []byte) uint64 {
	var b [HeaderSize - 8]byte
	copy(b[:], header)
	binary.LittleEndian.PutUint64(b[:], f.magic)
	return uint64(crc32.Checksum(b[:], castagnoli))
}

// decode reads raw, the private copy of the first bytes of a region of size bytes,
// into the header h, and says what is wrong: none, damaged, or not for this program.
func (f *family) decode(raw []byte, size uint64, h any) error {
	if size < HeaderSize || len(raw) < HeaderSize {
		return fmt.Errorf("%w: it has %d bytes, the header alone has %d", f.short, min(size, uint64(len(raw))), HeaderSize)
	}
	raw = raw[:HeaderSize]
	if _, err := binary.Decode(raw, binary.LittleEndian, h); err != nil {
		return fmt.Errorf("%w: header of %d bytes: %v", f.short, len(raw), err)
	}
	word := func(off uintptr) uint64 { return binary.LittleEndian.Uint64(raw[off:]) }
	half := func(off uintptr) uint32 { return binary.LittleEndian.Uint32(raw[off:]) }
	switch magic := word(0); magic {
	case f.magic:
	case bits.ReverseBytes64(f.magic):
		return fmt.Errorf("%w: the magic word is byte-swapped; %ss are little-endian", f.endian, f.thing)
	case f.there:
		return fmt.Errorf("%w: it is a %s; open it with package %s", f.notThis, f.other, f.its)
	case 0:
		return fmt.Errorf("%w: the magic word is still zero; its creator is at work or died", f.notReady)
	default:
		return fmt.Errorf("%w: the first word is %#016x, want %#016x", f.notThis, magic, f.magic)
	}
	major, minor := half(unsafe.Offsetof(Header{}.Major)), half(unsafe.Offsetof(Header{}.Minor))
	if major != f.major {
		return fmt.Errorf("%w: it is %d.%d, this program speaks %d.x", f.version, major, minor, f.major)
	}
	if found, sum := word(unsafe.Offsetof(Header{}.Checksum)), f.checksum(raw); found != sum {
		return fmt.Errorf("%w: checksum is %#x, want %#x", f.damaged, found, sum)
	}
	if unknown := word(unsafe.Offsetof(Header{}.Required)) &^ f.known; unknown != 0 {
		return fmt.Errorf("%w: required feature bits %#x; use a newer program", f.feature, unknown)
	}
	if n := half(unsafe.Offsetof(Header{}.HeaderSize)); n < HeaderSize {
		return f.impossible("header size", uint64(n), "at least %d", HeaderSize)
	}
	return nil
}

// impossible refuses a field.
func (f *family) impossible(field string, got uint64, want string, args ...any) error {
	return fmt.Errorf("%w: %s is %d, want %s", f.geometry, field, got, fmt.Sprintf(want, args...))
}

// field is a field of a header that follows from others.
type field struct {
	name      string
	got, want uint64
}

// compare refuses a header whose fields differ from the computed ones.
func (f *family) compare(fields ...field) error {
	for _, x := range fields {
		if x.got != x.want {
			return f.impossible(x.name, x.got, "%d", x.want)
		}
	}
	return nil
}

// room refuses a region that is smaller than what its header speaks of.
func (f *family) room(total, size uint64) error {
	if total > size {
		return fmt.Errorf("%w: it has %d bytes, the %s in it has %d", f.short, size, f.thing, total)
	}
	return nil
}
