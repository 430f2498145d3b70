package load

import (
	"math/bits"
	"os"
	"sync/atomic"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/mem"
	"annulus/ring"
)

// arrivals is what has come of each producer's place, in memory that the ring's consumers
// and the parent share, so that it outlives who is killed.
//
// Where there is one consumer at a time it is the number of the next message. In an MPMC ring, where
// consumers overtake each other, it is a table of laps: message s stands at s modulo its
// length, as the lap, from 1 on, in which it came. The table is twice as long as the ring, so
// that all of a lap has come, or never will, when the next one does.
type arrivals struct {
	*rig.Shared
	window uint64 // 0: one consumer
}

// windowOf is the length of a ring's table.
func windowOf(c ring.Config) uint64 {
	if c.Topology != ring.MPMC {
		return 0
	}
	return 2 << bits.Len(uint(c.Capacity-1))
}

func arrivalBytes(window uint64, places int) int {
	if window > 0 {
		return places * int(window) * 4
	}
	return places * 8
}

func newArrivals(c ring.Config, places int) (*arrivals, error) {
	window := windowOf(c)
	s, err := rig.NewShared(arrivalBytes(window, places))
	return &arrivals{s, window}, err
}

func openArrivals(f *os.File, c ring.Config) (*arrivals, error) {
	s, err := rig.MapShared(f)
	return &arrivals{s, windowOf(c)}, err
}

func (a *arrivals) next(place int) *uint64 { return a.Word(uint64(place) * 8) }

// lap is where message seq of a place stands, and its lap. Neighbours stand apart, so that
// consumers that take turns do not share each line.
func (a *arrivals) lap(place int, seq uint64) (*atomic.Uint32, uint32) {
	i := bits.Reverse64(seq%a.window) >> bits.LeadingZeros64(a.window-1)
	at := (uint64(place)*a.window + i) * 4
	return mem.Atomic32(mem.As[uint32](a.Ptr, at)), uint32(seq/a.window) + 1
}

// mark notes that message seq has come, and hands those to miss that ought to have come
// before, a lap ago. It is false if it has come already.
func (a *arrivals) mark(place int, seq uint64, miss func(seq uint64)) bool {
	word, lap := a.lap(place, seq)
	for {
		old := word.Load()
		if old >= lap {
			return false
		}
		if !word.CompareAndSwap(old, lap) {
			continue
		}
		for l := old + 1; l < lap; l++ {
			miss(seq - uint64(lap-l)*a.window)
		}
		return true
	}
}

// rest hands those to miss, before number end, whose time to come is over at the end.
func (a *arrivals) rest(place int, end uint64, miss func(seq uint64)) {
	for seq := end - min(end, a.window); seq < end; seq++ {
		word, lap := a.lap(place, seq)
		for l := word.Load() + 1; l <= lap; l++ {
			miss(seq - uint64(lap-l)*a.window)
		}
	}
}
