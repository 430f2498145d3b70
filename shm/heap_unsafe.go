package shm

import (
	"fmt"
	"math"
	"os"
	"unsafe"
)

// Heap makes a region of size bytes, rounded up to whole pages and page-aligned,
// on the Go heap: for goroutines of one process, and visible to the race
// detector. Its locks are in-process. Huge and locked pages are not to be
// had. More than the machine has is ErrNoSpace.
func Heap(size int, opts ...Option) (*Region, error) {
	c := newConfig(opts)
	if err := c.forCreate(); err != nil {
		return nil, err
	}
	page := os.Getpagesize()
	size, err := roundSize(size, page)
	if err != nil {
		return nil, err
	}
	if size > math.MaxInt/2 { // make would panic
		return nil, fmt.Errorf("shm: size %d: beyond what the Go heap can hold: %w", size, ErrSize)
	}
	if err := fitsMemory(int64(size), "the Go heap"); err != nil {
		return nil, fmt.Errorf("shm: Heap: %w", err)
	}
	// The collector does not move objects, so an aligned start stays aligned.
	raw := make([]byte, size+page)
	off := -int(uintptr(unsafe.Pointer(unsafe.SliceData(raw)))) & (page - 1)
	r := &Region{mem: raw[off : off+size : off+size], fault: new(faultFlag), backing: BackedByHeap, fd: -1, guard: -1}
	if c.huge == HugeRequire {
		return nil, fmt.Errorf("shm: Heap: no huge pages on the Go heap, use Memfd: %w", errHuge)
	}
	if c.huge == HugeTry {
		r.note("huge pages: asked try, got the Go heap's pages: use Memfd")
	}
	if c.mlock {
		r.note("mlock: not done, memory of the Go heap outlives its region")
	}
	if c.prefault {
		for i := 0; i < size; i += page {
			r.mem[i] = 0
		}
	}
	if c.init != nil {
		if err := c.init(r.mem); err != nil {
			return nil, fmt.Errorf("shm: initialising a heap region: %w", err)
		}
	}
	return r, nil
}
