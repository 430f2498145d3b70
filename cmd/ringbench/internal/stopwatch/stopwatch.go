// Package stopwatch reads a clock that all processes of this machine share, as cheaply as
// that can be had: the processor's time stamp counter where the kernel trusts it (it is
// invariant, and the same on every CPU), else the monotonic clock.
package stopwatch

import (
	"os"
	"slices"
	"strings"

	"annulus/cmd/ringbench/internal/rig"
)

// Clock is one way to read the time.
type Clock struct {
	Name string       // for people
	Now  func() int64 // in ticks; what is before it has been done, by this CPU, when it is read
}

// Best returns the cheapest clock that may be compared between processes here.
func Best() Clock {
	if hasTSC && trusted() {
		return Clock{"time stamp counter", tsc}
	}
	return Clock{"monotonic clock", rig.Now}
}

// trusted tells whether the kernel would take the time stamp counter as its clock.
func trusted() bool {
	b, err := os.ReadFile("/sys/devices/system/clocksource/clocksource0/available_clocksource")
	return err == nil && slices.Contains(strings.Fields(string(b)), "tsc")
}

// Cost returns what lies between two readings with nothing in between, in ticks: the
// median of many.
func (c Clock) Cost() int64 {
	const n = 1001
	var all [n]int64
	for i := range all {
		t := c.Now()
		all[i] = c.Now() - t
	}
	slices.Sort(all[:])
	return all[n/2]
}

// Ruler tells how long a tick is, by the monotonic clock.
type Ruler struct {
	clock       Clock
	ticks, nano int64
}

// Start begins to measure. The longer until Tick, the closer it is.
func (c Clock) Start() Ruler { return Ruler{c, c.Now(), rig.Now()} }

// Tick returns the nanoseconds of a tick.
func (r Ruler) Tick() float64 {
	ticks, nano := r.clock.Now()-r.ticks, rig.Now()-r.nano
	if ticks <= 0 {
		return 1
	}
	return float64(nano) / float64(ticks)
}
