package mem

import (
	"sync/atomic"
	"unsafe"
)

// Ptr is the base of a stretch of shared memory. The zero Ptr points nowhere.
// It does not keep a mapping alive: whoever holds one also holds its region.
type Ptr struct{ p unsafe.Pointer }

// Of returns the base of b, which must not be empty.
func Of(b []byte) Ptr { return Ptr{unsafe.Pointer(unsafe.SliceData(b))} }

// At returns the base off bytes further on.
func (b Ptr) At(off uint64) Ptr { return Ptr{unsafe.Add(b.p, uintptr(off))} }

// PrefetchSize is how many bytes Prefetch asks for.
const PrefetchSize = 256

// Prefetch asks for the cache lines of the PrefetchSize bytes at off, which may
// lie beyond the end. It changes nothing but time.
func (b Ptr) Prefetch(off uint64) { prefetch(unsafe.Add(b.p, uintptr(off))) }

// Claim is Prefetch for lines that will be written: other processors lose them.
func (b Ptr) Claim(off uint64) { claim(unsafe.Add(b.p, uintptr(off))) }

// Word returns the word at off, a multiple of 8.
func (b Ptr) Word(off uint64) *uint64 { return (*uint64)(unsafe.Add(b.p, uintptr(off))) }

// Bytes returns n bytes from off, with no room to grow.
func (b Ptr) Bytes(off, n uint64) []byte {
	return unsafe.Slice((*byte)(unsafe.Add(b.p, uintptr(off))), int(n))
}

// Load is an acquire load: nothing after it is done before it.
func Load(w *uint64) uint64 { return atomic.LoadUint64(w) }

// As views the bytes at off as a T, which must hold no pointers and fit there.
func As[T any](b Ptr, off uint64) *T { return (*T)(unsafe.Add(b.p, uintptr(off))) }

// View returns the bytes of *v, which must hold no pointers.
func View[T any](v *T) []byte { return unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)) }

// great is the size in bytes from which memmove copies faster than the moves
// that the compiler emits for an assignment.
const great = 128

// Read copies the T at off to v: a plain copy, ordered by the acquire load
// before it.
func Read[T any](v *T, b Ptr, off uint64) {
	if src := unsafe.Add(b.p, uintptr(off)); unsafe.Sizeof(*v) < great {
		*v = *(*T)(src)
	} else {
		copy(unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)), unsafe.Slice((*byte)(src), unsafe.Sizeof(*v)))
	}
}

// Write copies v to off: a plain copy, ordered by the Publish after it.
func Write[T any](b Ptr, off uint64, v *T) {
	if dst := unsafe.Add(b.p, uintptr(off)); unsafe.Sizeof(*v) < great {
		*(*T)(dst) = *v
	} else {
		copy(unsafe.Slice((*byte)(dst), unsafe.Sizeof(*v)), unsafe.Slice((*byte)(unsafe.Pointer(v)), unsafe.Sizeof(*v)))
	}
}

// Atomic32 views a shared word as an atomic.
func Atomic32(w *uint32) *atomic.Uint32 { return (*atomic.Uint32)(unsafe.Pointer(w)) }

// Atomic64 views a shared word, 8-byte aligned, as an atomic.
func Atomic64(w *uint64) *atomic.Uint64 { return (*atomic.Uint64)(unsafe.Pointer(w)) }

// CopyWord writes the 8 bytes of src at off, which saves the commonest messages
// a call.
func CopyWord(b Ptr, off uint64, src []byte) {
	*(*uint64)(unsafe.Add(b.p, uintptr(off))) = *(*uint64)(unsafe.Pointer(unsafe.SliceData(src)))
}

// AppendWord appends the 8 bytes at off to dst, which must have room for them.
func AppendWord(dst []byte, b Ptr, off uint64) []byte {
	n := len(dst)
	dst = dst[:n+8]
	*(*uint64)(unsafe.Pointer(&dst[n])) = *(*uint64)(unsafe.Add(b.p, uintptr(off)))
	return dst
}
