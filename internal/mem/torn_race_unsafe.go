//go:build race

package mem

import (
	"encoding/binary"
	"sync/atomic"
	"unsafe"
)

// The copies of a seqlock, word by word: no race to the detector, and slow. The
// shared side is 8-byte aligned and rounded up to whole words.

// ReadTorn copies the T at off to v.
func ReadTorn[T any](v *T, b Ptr, off uint64) { ReadTornBytes(bytesOf(v), b, off) }

// WriteTorn copies v to off.
func WriteTorn[T any](b Ptr, off uint64, v *T) { WriteTornBytes(b, off, bytesOf(v)) }

func bytesOf[T any](v *T) []byte {
	return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v))
}

// ReadTornBytes copies from off to dst.
func ReadTornBytes(dst []byte, b Ptr, off uint64) {
	var word [8]byte
	for ; len(dst) > 0; off += 8 {
		binary.NativeEndian.PutUint64(word[:], atomic.LoadUint64(b.Word(off)))
		dst = dst[copy(dst, word[:]):]
	}
}

// WriteTornBytes copies src to off.
func WriteTornBytes(b Ptr, off uint64, src []byte) {
	for ; len(src) > 0; off += 8 {
		var word [8]byte
		src = src[copy(word[:], src):]
		atomic.StoreUint64(b.Word(off), binary.NativeEndian.Uint64(word[:]))
	}
}
