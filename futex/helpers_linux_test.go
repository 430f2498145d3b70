package futex

import (
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"
)

const pageSize = 64 << 10 // a multiple of every page size

// mapFile maps the first pageSize bytes of a file, shared.
func mapFile(path string) ([]byte, error) {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return unix.Mmap(int(f.Fd()), 0, pageSize, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
}

// sharedFile is a new file of zeros, mapped until the end of the test.
func sharedFile(t *testing.T) (path string, mem []byte) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "shared")
	if err := os.WriteFile(path, make([]byte, pageSize), 0o600); err != nil {
		t.Fatal(err)
	}
	mem, err := mapFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Munmap(mem) })
	return path, mem
}

func asleep(t *testing.T, addr *atomic.Uint32, n int) {
	t.Helper()
	eventually(t, "sleepers on the word", func() bool { return sleepers(addr) == n })
}
