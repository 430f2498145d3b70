package breakdown

import (
	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/ring"
)

// Transfers counts the cache lines that go from one side to the other for a message, on the
// average, by the layout of an SPSC ring. The producer takes a line from the consumer to
// write it and the consumer fetches it: that is one transfer, as topo measures them.
type Transfers struct {
	Header    float64 `json:"header"`    // the line with the word that publishes
	Payload   float64 `json:"payload"`   // further lines of the payload
	Positions float64 `json:"positions"` // the producer's and the consumer's position, which are looked at now and then
	Gate      float64 `json:"gate"`      // of a sleep: the sleeper's announcement, and the waker's answer
}

// Sum is all of them.
func (t Transfers) Sum() float64 { return t.Header + t.Payload + t.Positions + t.Gate }

// sweep is how much a producer of small records clears at once, and then stores its
// position; of greater ones it does so each time.
const sweep, small = 1024, 256

// CountTransfers counts for messages of size bytes in a ring of that configuration, on a
// machine with lines of line bytes, where a share of woken messages finds its consumer asleep.
func CountTransfers(c ring.Config, size, line int, woken float64) Transfers {
	t := Transfers{Header: 1, Gate: 2 * woken}
	place := layout.WordSize + int(layout.Align(uint64(size), layout.WordSize)) // of a record, or a slot
	t.Payload = further(place, layout.WordSize+size, line)
	capacity := c.Capacity
	look := min(float64(place)/mem.PrefetchSize, 1)
	if c.Kind == ring.Slots {
		capacity *= place
	} else if look = 1; place <= small {
		look = float64(place) / sweep
	}
	t.Positions = look + min(float64(place)/float64(capacity), 1)
	return t
}

// further is how many lines a message of n bytes touches beside its first, on the average
// over the places that it comes to in a ring where each begins place bytes behind the last.
func further(place, n, line int) float64 {
	sum, at := 0, 0
	for range line {
		sum += (at+n-1)/line - at/line
		at = (at + place) % line
	}
	return float64(sum) / float64(line)
}
