package load

import (
	"math/bits"
	"os"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/mem"
)

// page is what one place's processes, one after the other, count, and the parent reads.
// Each word has one writer: the process, or the parent where it says so.
type page struct {
	State uint64
	Start uint64 // the parent's: when the load began, by rig.Now; 0: not yet
	Stop  uint64 // the parent's: producers send no more
	Drain uint64 // the parent's: no more messages will come

	Next     uint64 // producers: number of the next message; all before are sent for certain
	Intent   uint64 // producers: so far it has begun to send
	Count    uint64 // messages sent or received
	Octets   uint64 // of these
	Held     uint64 // producers: ns in which a message waited for room
	Holds    uint64 // producers: messages that waited
	Dropped  uint64 // producers: messages that a broadcast ring has dropped
	Wakes    uint64 // system calls to wake the other side
	Again    uint64 // consumers: redelivered
	Torn     uint64 // consumers: with a wrong checksum
	Doubled  uint64 // consumers
	Disorder uint64 // consumers: out of their producer's order
	Overrun  uint64 // consumers: lost to overruns, as the ring says
	Seen     uint64 // broadcast consumers: the number behind the last message, 0 for none
	Credit   uint64 // broadcast consumers, at the end: lost to overruns behind that
	AtEnd    uint64 // consumers: all was received

	Gaps    uint64 // consumers: entries written
	Drained uint64 // the parent's: so many of them it has read
	Missed  uint64 // consumers: messages in gaps that found no room
	Log     [512]gap

	Times histogram // consumers: delays; producers: how late sends began
	Text  [1024]byte
}

// gap is a range of messages of one place that did not come.
type gap struct{ Place, From, N, Credit uint64 }

// States of a process.
const (
	stateStarting = iota
	stateWorking  // attached
	stateEnded    // in order
	stateFailed   // the text says why
)

// shared is a page with its memory.
type shared struct {
	*page
	*rig.Shared
}

func newPage() (*shared, error) {
	s, err := rig.NewShared(pageBytes)
	if err != nil {
		return nil, err
	}
	return &shared{mem.As[page](s.Ptr, 0), s}, nil
}

func openPage(f *os.File) (*shared, error) {
	s, err := rig.MapShared(f)
	if err != nil {
		return nil, err
	}
	return &shared{mem.As[page](s.Ptr, 0), s}, nil
}

// add adds to a counter of this process's own page.
func add(word *uint64, n uint64) { mem.Publish(word, *word+n) }

// miss logs a gap for the parent; credit messages of it the ring has owned up to.
func (p *page) miss(place int, from, n, credit uint64) {
	if p.Gaps-mem.Load(&p.Drained) == uint64(len(p.Log)) {
		if n > credit {
			add(&p.Missed, n-credit)
		}
		return
	}
	p.Log[p.Gaps%uint64(len(p.Log))] = gap{uint64(place), from, n, credit}
	mem.Publish(&p.Gaps, p.Gaps+1)
}

// gaps hands the parent those that came since the last call.
func (p *page) gaps(f func(gap)) {
	n := mem.Load(&p.Gaps)
	for i := p.Drained; i != n; i++ {
		f(p.Log[i%uint64(len(p.Log))])
	}
	mem.Publish(&p.Drained, n)
}

// fail notes an error for the parent.
func (p *page) fail(err error) {
	copy(p.Text[:len(p.Text)-1], err.Error())
	mem.Publish(&p.State, stateFailed)
}

func (p *page) text() string {
	for i, c := range p.Text {
		if c == 0 {
			return string(p.Text[:i])
		}
	}
	return ""
}

// A histogram counts nanoseconds in buckets that are 1/128 of their value wide, as
// HdrHistogram does; in shared memory, so that nothing is lost with a process that is
// killed. Percentiles are read by that library.
type histogram [histogramBuckets]uint64

const (
	histogramBits    = 7  // of a value that count
	histogramTop     = 40 // bits of the greatest value: 18 minutes
	histogramBuckets = (histogramTop - histogramBits + 1) << histogramBits
)

// bucket is where ns is counted.
func bucket(ns uint64) int {
	shift := max(0, bits.Len64(ns)-histogramBits-1)
	return min(shift<<histogramBits+int(ns>>shift), histogramBuckets-1)
}

// middle is the value in the middle of a bucket.
func middle(i int) int64 {
	shift := max(0, i>>histogramBits-1)
	return int64(i-shift<<histogramBits)<<shift + int64(1)<<shift/2
}

func (h *histogram) record(ns int64) { add(&h[bucket(uint64(max(ns, 0)))], 1) }
