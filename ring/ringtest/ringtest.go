// Package ringtest is the conformance suite of rings: one set of tests that
// every backing, kind and wait strategy passes, after testing/fstest.
package ringtest

import (
	"runtime/debug"
	"testing"
	"time"

	"annulus/futex"
	"annulus/internal/testutil"
	"annulus/ring"
)

// Factory makes the ring under test.
type Factory struct {
	// New makes a ring of c and returns two handles on it, the producer's and
	// the consumer's; they may be one. It registers its own clean-up.
	New func(t testing.TB, c ring.Config) (producer, consumer *ring.Ring)
	// Strategy is how both sides wait. One whose slices are long makes tests
	// hang that else would not notice a lost wake.
	Strategy futex.Strategy
	// Messages is how many messages the concurrent tests pass; 0 for few.
	Messages int
}

// Test runs the suite.
func Test(t *testing.T, f Factory) {
	if f.Messages == 0 {
		f.Messages = 20000
	}
	run(t, f, []test{
		{"Order", testOrder}, {"FullAndEmpty", testFullAndEmpty}, {"Wrap", testWrap},
		{"Sizes", testSizes}, {"Reserve", testReserve}, {"Stage", testStage},
		{"Peek", testPeek}, {"Batch", testBatch}, {"Typed", testTyped},
		{"TypedBatch", testTypedBatch},
		{"End", testEnd}, {"EndBlocked", testEndBlocked}, {"ConsumerClose", testConsumerClose},
		{"Finish", testFinish}, {"Roles", testRoles}, {"Sessions", testSessions},
		{"Cancel", testCancel}, {"Deadline", testDeadline}, {"CloseWhileBlocked", testCloseWhileBlocked},
		{"CloseWhileBusy", testCloseWhileBusy},
		{"Stream", testStream}, {"StreamTyped", testStreamTyped}, {"PingPong", testPingPong},
		{"Stats", testStats},
	})
}

// TestBroadcast runs those tests of the suite that hold for a broadcast ring with one
// consumer. Where it is overwritten, a consumer that is slow loses messages, so those tests
// are left out in which one may be.
func TestBroadcast(t *testing.T, f Factory, o ring.Overrun) {
	if f.Messages == 0 {
		f.Messages = 20000
	}
	inner := f.New
	f.New = func(t testing.TB, c ring.Config) (producer, consumer *ring.Ring) {
		c.Topology, c.Overrun = ring.Broadcast, o
		return inner(t, c)
	}
	run(t, f, []test{
		{"Order", testOrder}, {"Wrap", testWrap}, {"Reserve", testReserve},
		{"End", testEnd}, {"EndBlocked", testEndBlocked}, {"Deadline", testDeadline}, {"PingPong", testPingPong},
	})
	if o == ring.OverrunBlock {
		run(t, f, []test{{"Batch", testBatch}, {"CloseWhileBusy", testCloseWhileBusy}, {"Stream", testStream}})
	}
}

type test struct {
	name string
	run  func(*testing.T, Factory)
}

func run(t *testing.T, f Factory, tests []test) {
	for _, c := range tests {
		t.Run(c.name, func(t *testing.T) {
			defer hangs(c.name)()
			c.run(t, f)
		})
	}
}

// hangs ends the process with the stacks of all goroutines, if the function that
// it returns is not called in time: for want of a wake perhaps.
func hangs(name string) (ended func()) {
	timer := time.AfterFunc(testutil.Patience, func() {
		debug.SetTraceback("all")
		panic("ringtest: " + name + " hangs")
	})
	return func() { timer.Stop() }
}

// pair opens both ends of a new ring.
func (f Factory) pair(t testing.TB, c ring.Config) (*ring.Producer, *ring.Consumer) {
	t.Helper()
	a, b := f.New(t, c)
	p, err := a.Producer(ring.WithStrategy(f.Strategy))
	must(t, err)
	q, err := b.Consumer(ring.WithStrategy(f.Strategy))
	must(t, err)
	return p, q
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
