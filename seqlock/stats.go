package seqlock

import (
	"sync/atomic"
	"time"

	"annulus/internal/layout"
	"annulus/internal/mem"
)

// Stats is what the words of a cell say at one moment. They are read one by one
// while others change them.
type Stats struct {
	Version uint64 // that readers get; 0: never written
	Writing bool   // the next one was begun: now, or by a writer that died in it
	Length  int    // bytes of the latest value

	Attached bool      // the kernel says that there is a writer: its lock is held
	PID      int       // of the last writer, in its own PID namespace
	Since    time.Time // when that writer attached; zero: never
	Sessions uint32    // writers so far
	Closed   bool      // the last one has closed in order

	Waits  uint64 // sleeps begun by readers
	Wakes  uint64 // system calls made to wake them
	Asleep bool   // a reader has announced a sleep and was not woken since
}

// Stats reads the cell's words. It works on a read-only handle and disturbs
// nobody. Any goroutine. ErrClosed, ErrTruncated.
func (h *handle) Stats() (Stats, error) {
	if err := h.region.Hold(); err != nil {
		return Stats{}, err
	}
	defer h.region.Drop()
	state := mem.Load(&h.value.State)
	s := Stats{
		Version:  state >> 1,
		Writing:  state&1 != 0,
		Length:   int(h.geometry.Size),
		PID:      int(mem.Load(&h.owner.PID)),
		Sessions: atomic.LoadUint32(&h.owner.Session),
		Waits:    mem.Load(&h.arm.Parks),
		Wakes:    mem.Load(&h.seq.Wakes),
		Asleep:   uint32(mem.Load(&h.arm.Arm)) == atomic.LoadUint32(&h.seq.Seq),
	}
	if h.geometry.Kind == layout.CellKindBlock {
		n := mem.Load([]*uint64{&h.value.Length0, &h.value.Length1}[s.Version&1])
		s.Length = int(min(n, h.geometry.Size))
	}
	if s.Version == 0 {
		s.Length = 0
	}
	if ns := mem.Load(&h.owner.Attached); ns != 0 {
		s.Since = time.Unix(0, int64(ns))
	}
	s.Closed = s.Sessions != 0 && atomic.LoadUint32(&h.owner.Closed) == s.Sessions
	var err error
	if s.Attached, err = h.region.Locked(layout.CellLockWriter); err != nil {
		return s, err
	}
	return s, h.region.Check()
}
