//go:build !linux

package shm

import "golang.org/x/sys/unix"

// adviseNoFork: Go programs here do not fork without exec.
func adviseNoFork([]byte) error { return nil }

func mlock(mem []byte) error { return unix.Mlock(mem) }

func prefault(mem []byte, _ bool) error {
	touch(mem)
	return nil
}

func (r *Region) hugePages() string { return "not on this platform" }

func mapAligned(int, int, bool) ([]byte, func() error, bool) { return nil, nil, false }

func fitsMemory(int64, string) error { return nil }

func mapGuarded(int, int, bool) ([]byte, func() error, error) {
	return nil, nil, unsupported("sealed memfd")
}
