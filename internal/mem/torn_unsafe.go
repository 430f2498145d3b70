//go:build !race

package mem

import "unsafe"

// The copies of a seqlock: others may write what is read, or read what is
// written, and whoever reads finds out by Recheck and throws the copy away. To
// Go's memory model that is a race; TestCellCode holds the compiler to the order.

// ReadTorn copies the T at off to v. A struct around T says that nothing
// overlaps, which spares arrays a call.
func ReadTorn[T any](v *T, b Ptr, off uint64) {
	if src := unsafe.Add(b.p, uintptr(off)); unsafe.Sizeof(*v) < great {
		*(*struct{ v T })(unsafe.Pointer(v)) = *(*struct{ v T })(src)
	} else {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)), unsafe.Slice((*byte)(src), unsafe.Sizeof(*v)))
	}
}

// WriteTorn copies v to off.
func WriteTorn[T any](b Ptr, off uint64, v *T) {
	if unsafe.Sizeof(*v) < great {
		*(*struct{ v T })(unsafe.Add(b.p, uintptr(off))) = *(*struct{ v T })(unsafe.Pointer(v))
		return
	}
	writeGreat(b, off, unsafe.Pointer(v), unsafe.Sizeof(*v))
}

func writeGreat(b Ptr, off uint64, v unsafe.Pointer, n uintptr) {
	WriteTornBytes(b, off, unsafe.Slice((*byte)(v), n))
}

// ReadTornBytes copies from off to dst.
func ReadTornBytes(dst []byte, b Ptr, off uint64) { copy(dst, b.Bytes(off, uint64(len(dst)))) }

// chunk is below the MiB from which memmove writes around the caches on amd64:
// such stores are not ordered behind an Announce.
const chunk = 512 << 10

// WriteTornBytes copies src to off.
func WriteTornBytes(b Ptr, off uint64, src []byte) {
	for len(src) > chunk {
		copy(b.Bytes(off, chunk), src)
		src, off = src[chunk:], off+chunk
	}
	copy(b.Bytes(off, uint64(len(src))), src)
}
