package shm

import (
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// fitsMemory refuses what the machine cannot hold now. The kernel would not say
// no but begin to kill processes, and not this one first.
func fitsMemory(size int64, where string) error {
	have, ok := availableMemory()
	if !ok || uint64(size) <= have {
		return nil
	}
	return fmt.Errorf("%w: %d bytes of memory were asked for in %s, the machine has %d available with swap; ask for less: %w",
		ErrNoSpace, size, where, have, unix.ENOMEM)
}

// availableMemory returns what the kernel thinks can still be handed out.
func availableMemory() (uint64, bool) {
	b, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, false
	}
	sum := uint64(0)
	for _, key := range []string{"MemAvailable:", "SwapFree:"} {
		_, rest, ok := strings.Cut("\n"+string(b), "\n"+key)
		n := uint64(0)
		if _, err := fmt.Sscan(rest, &n); !ok || err != nil {
			return 0, false
		}
		sum += n << 10
	}
	return sum, true
}

// isMemory reports whether the pages of a file are memory and nothing else.
func isMemory(fd int) bool {
	typ, err := statfsType(fd)
	return err == nil && typ == unix.TMPFS_MAGIC
}
