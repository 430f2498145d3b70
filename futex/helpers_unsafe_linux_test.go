package futex

import (
	"math"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
)

// wordAt is the 32-bit word at an offset of a mapping.
func wordAt(mem []byte, off int) *atomic.Uint32 {
	return (*atomic.Uint32)(unsafe.Pointer(&mem[off]))
}

// sleepers counts those who are asleep in the kernel on the word, in whatever
// process: it moves all of them from the word's queue to the same queue, wakes
// none, and the kernel says how many that were.
func sleepers(addr *atomic.Uint32) int {
	const opRequeue = 3
	n, _, errno := unix.RawSyscall6(unix.SYS_FUTEX, uintptr(unsafe.Pointer(addr)), opRequeue, 0, math.MaxInt32,
		uintptr(unsafe.Pointer(addr)), 0)
	if errno != 0 {
		return -1
	}
	return int(n)
}
