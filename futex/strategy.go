package futex

import (
	"fmt"
	"runtime"
	"strings"
	"time"

	"annulus/internal/layout"
)

// Park says what a waiter does once it has spun and yielded enough.
type Park uint8

const (
	ParkNever     Park = iota // goes on spinning or yielding
	ParkFutex                 // sleeps on the gate's futex word; holds an OS thread
	ParkSemaphore             // sleeps on the gate's semaphore, so that any sem_post wakes it
	ParkEventfd               // sleeps on an eventfd in Go's netpoller; holds no thread
	ParkPoll                  // naps and looks again, where nothing better exists
)

func (p Park) armBits() uint64 {
	switch p {
	case ParkSemaphore:
		return layout.ArmSem
	case ParkEventfd:
		return layout.ArmEventfd
	}
	return 0
}

// Strategy says how to wait: first look Spins times with a pause instruction
// between, then Yields times giving the processor away, then sleep as Park says.
// The zero Strategy is Adaptive's.
type Strategy struct {
	Spins  int // looks while spinning
	Yields int // looks while yielding
	Park   Park

	// Adapt lets a waiter that found its spins wasted spin less the next time,
	// down to a few looks, and more again once spinning pays.
	Adapt bool

	// Hold is how long a sleep on a futex keeps the goroutine's processor (P).
	// A wake within it avoids the scheduler's hand-off; the collector is not
	// delayed by it (see WaitHold), other goroutines of this P may be.
	Hold time.Duration

	// Slice bounds one sleep: a peer killed between its publish and its wake is
	// noticed after at most this long. 0 means DefaultSlice.
	Slice time.Duration

	// FirstSlice bounds the first sleep of a wait, each further one is up to
	// twice as long, up to Slice. 0 means a millisecond.
	FirstSlice time.Duration
}

// DefaultSlice bounds one sleep where a Strategy does not.
const DefaultSlice = 50 * time.Millisecond

const defaultHold = 100 * time.Microsecond

// Spin never sleeps: lowest latency, one processor busy while it waits.
func Spin() Strategy { return Strategy{Spins: 1 << 30} }

// Yield never sleeps but gives its processor to any other thread that wants it.
func Yield() Strategy { return Strategy{Spins: 64, Yields: 1 << 30} }

// Futex sleeps at once.
func Futex() Strategy { return Strategy{Park: ParkFutex, Hold: defaultHold} }

// Sem sleeps at once, on the gate's semaphore. Its name is "semaphore".
func Sem() Strategy { return Strategy{Park: ParkSemaphore} }

// Efd sleeps at once, on the gate's eventfd. Its name is "eventfd".
func Efd() Strategy { return Strategy{Park: ParkEventfd} }

// Adaptive spins for some microseconds as long as that pays, then sleeps on the
// futex. Where this process began with one CPU allowed it never spins: whoever it waits
// for may need that one.
func Adaptive() Strategy {
	s := Strategy{Spins: 4000, Yields: 2, Park: ParkFutex, Adapt: true, Hold: defaultHold}
	if runtime.NumCPU() == 1 {
		s.Spins = 0
	}
	return s
}

// IsZero tells whether nothing was chosen.
func (s Strategy) IsZero() bool { return s == Strategy{} }

// Names lists what ParseStrategy takes.
func Names() []string {
	return []string{"spin", "yield", "futex", "semaphore", "eventfd", "adaptive"}
}

// ParseStrategy returns the strategy of that name.
func ParseStrategy(name string) (Strategy, error) {
	switch name {
	case "spin":
		return Spin(), nil
	case "yield":
		return Yield(), nil
	case "futex":
		return Futex(), nil
	case "semaphore":
		return Sem(), nil
	case "eventfd":
		return Efd(), nil
	case "adaptive":
		return Adaptive(), nil
	}
	return Strategy{}, fmt.Errorf("wait strategy %q: want one of %s", name, strings.Join(Names(), ", "))
}
