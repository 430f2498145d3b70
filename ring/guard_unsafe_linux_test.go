package ring_test

import (
	"testing"
	"unsafe"

	"golang.org/x/sys/unix"

	"annulus/ring"
)

// guarded makes a ring in a memfd with a page that nobody may touch before and behind
// it: whoever reads or writes outside of it dies.
func guarded(t testing.TB, config ring.Config) *ring.Ring {
	t.Helper()
	for range 1000 { // each try fills a hole that was in the way
		// The kernel maps downwards: the ring comes to lie right below this page, or where
		// the place above it is free.
		page := unix.Getpagesize()
		above, err := unix.MmapPtr(-1, 0, nil, uintptr(page), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS)
		must(t, err)
		t.Cleanup(func() { must(t, unix.MunmapPtr(above, uintptr(page))) })
		r, err := ring.CreateMemfd("annulus-test", config)
		must(t, err)
		closing(t, r)
		b := r.Region().Bytes()
		end := (len(b) + page - 1) / page * page
		first, behind := unsafe.Pointer(&b[0]), unsafe.Add(unsafe.Pointer(&b[0]), end)
		if (behind == above || guard(t, behind, page)) && guard(t, unsafe.Add(first, -page), page) {
			return r
		}
	}
	t.Fatal("no place for guard pages")
	return nil
}

func guard(t testing.TB, at unsafe.Pointer, n int) bool {
	t.Helper()
	const fixedNoReplace = 0x100000
	got, err := unix.MmapPtr(-1, 0, at, uintptr(n), unix.PROT_NONE, unix.MAP_PRIVATE|unix.MAP_ANONYMOUS|fixedNoReplace)
	if err == nil {
		t.Cleanup(func() { must(t, unix.MunmapPtr(got, uintptr(n))) })
		if got != at {
			t.Fatal("this kernel does not know MAP_FIXED_NOREPLACE")
		}
	}
	return err == nil
}
