package ring

import (
	"fmt"
	"runtime"

	"annulus/internal/layout"
	"annulus/internal/mem"
)

// Broadcast: one producer, any number of consumers that each receive everything. A
// consumer copies first and asks then whether what it copied was still there (the
// transmitter of Agrona's broadcast buffers): before it touches the data the producer
// raises intent to where it will end, or further, and what lies at most a ring
// before intent is untouched.
//
//	         latest       tail            intent
//	  --------+------------+----------------+------>  positions
//	  records | the last   | being written  |
//
// Intent is never lowered, not by a successor either, and never goes beyond a ring
// behind latest: so the last record is always there, for those who lost the rest.
// Where consumers are waited for it never goes beyond a ring behind the slowest of them:
// nobody is overrun. The model is internal/model/broadcast.go.

// castFrom is where a consumer starts or goes on.
type castFrom int

const (
	castBehind  castFrom = iota // behind the last record
	castLatest                  // at the last record
	castBacklog                 // at the first that can be found
)

// castPlace finds a place in a broadcast ring: its position and how many messages
// were sent before it.
func (r *Ring) castPlace(from castFrom) (pos, number uint64, err error) {
	g, cur := &r.geometry, r.producer.cursor
	data := mem.Of(r.mem).At(g.DataArea)
	untouched := func(pos uint64) bool {
		return mem.Recheck(&r.producer.endpoint.Intent)-pos <= g.Capacity // [B1]
	}
	for try := range looks {
		if try%64 == 63 {
			runtime.Gosched()
		}
		last := mem.Load(&cur.Latest)   // [B2]
		tail := mem.Load(&cur.Position) // [B2]
		count := mem.Load(&cur.Messages)
		if (last|tail)%layout.WordSize != 0 {
			return 0, 0, r.implausible("latest %d and tail %d are not multiples of %d", last, tail, layout.WordSize)
		}
		if int64(last-tail) >= 0 {
			// What is at last is not committed, or there is nothing yet. Count is
			// stored before latest, so it is tail's if tail is still the same.
			if mem.Recheck(&cur.Position) == tail {
				return tail, count, nil
			}
			continue
		}
		if lap := tail &^ (g.Capacity - 1); from == castBacklog && int64(lap-last) < 0 {
			// Where data wraps a record starts.
			if w := mem.Load(data.Word(0)); untouched(lap) {
				return lap, nearest(count, w>>layout.CastNumberShift), nil
			}
		}
		w := mem.Load(data.Word(last & (g.Capacity - 1)))
		if !untouched(last) {
			if mem.Recheck(&cur.Latest) == last {
				return 0, 0, r.implausible("intent is more than the capacity ahead of latest %d", last)
			}
			continue
		}
		n := w & layout.CastLengthMask
		if w&layout.CastPad != 0 || n > g.MaxMessage || int64(tail-(last+record(n))) < 0 {
			return 0, 0, r.implausible("header %#x of the last record at position %d", w, last)
		}
		number = nearest(count, w>>layout.CastNumberShift)
		if from == castBehind {
			return last + record(n), number + 1, nil
		}
		return last, number, nil
	}
	return 0, 0, r.implausible("its positions change faster than they can be read")
}

// implausible is the error for words that no correct peer writes: ErrCorrupt, or ErrTruncated
// if they are zeros in the place of what was lost.
func (r *Ring) implausible(format string, args ...any) error {
	if err := r.region.Check(); err != nil {
		return fmt.Errorf("ring %s: %w", r.name(), err)
	}
	return fmt.Errorf("ring %s: %w: %s", r.name(), ErrCorrupt, fmt.Sprintf(format, args...))
}

// nearest is the number next to count whose low half is low.
func nearest(count, low uint64) uint64 {
	return count + uint64(int64(int32(uint32(low)-uint32(count))))
}
