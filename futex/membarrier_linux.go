package futex

import (
	"os"
	"sync"

	"golang.org/x/sys/unix"
)

const (
	membarrierGlobalExpedited         = 1 << 1
	membarrierRegisterGlobalExpedited = 1 << 2
)

// register asks the kernel, once for this process, to include it in the
// expedited barriers of others. False where kernel or sandbox refuse, or where
// ANNULUS_MEMBARRIER=off asks for the way that does without.
var register = sync.OnceValue(func() bool {
	if os.Getenv("ANNULUS_MEMBARRIER") == "off" {
		return false
	}
	_, _, errno := unix.RawSyscall(unix.SYS_MEMBARRIER, membarrierRegisterGlobalExpedited, 0, 0)
	return errno == 0
})

// barrier makes every running thread of every registered process pass a full
// memory barrier before it returns. False: not to be had.
func barrier() bool {
	_, _, errno := unix.RawSyscall(unix.SYS_MEMBARRIER, membarrierGlobalExpedited, 0, 0)
	return errno == 0
}
