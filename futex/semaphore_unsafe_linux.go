//go:build linux && (amd64 || arm64 || loong64 || ppc64le || riscv64)

package futex

import (
	"sync/atomic"
	"unsafe"
)

const semaphoreSupported = true

func aligned8(mem []byte) bool { return uintptr(unsafe.Pointer(unsafe.SliceData(mem)))%8 == 0 }

// overlaySemaphore lays the words over memory that checkSemaphore has accepted.
func overlaySemaphore(mem []byte) *Semaphore {
	p := unsafe.Pointer(unsafe.SliceData(mem))
	return &Semaphore{
		data: (*atomic.Uint64)(p),
		word: (*atomic.Uint32)(p), // little-endian: the low half comes first
	}
}
