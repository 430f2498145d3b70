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
	// Topology is that of the rings, with one producer and one consumer all the same;
	// default SPSC. One that has
	// no slots is not tested with them.
	Topology ring.Topology
	// Apart says that each of the handles has one end only, its own.
	Apart bool
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
	tests := []test{
		{"Order", testOrder}, {"FullAndEmpty", testFullAndEmpty}, {"Wrap", testWrap},
		{"Sizes", testSizes}, {"Reserve", testReserve}, {"Stage", testStage},
		{"Batch", testBatch}, {"ReleaseFirst", testReleaseFirst}, {"StreamReleaseFirst", testStreamReleaseFirst},
		{"End", testEnd}, {"EndBlocked", testEndBlocked}, {"ConsumerClose", testConsumerClose},
		{"Finish", testFinish}, {"Roles", testRoles}, {"Sessions", testSessions},
		{"Cancel", testCancel}, {"Deadline", testDeadline}, {"CloseWhileBlocked", testCloseWhileBlocked},
		{"CloseWhileBusy", testCloseWhileBusy},
		{"Stream", testStream}, {"PingPong", testPingPong}, {"Stats", testStats},
	}
	if f.slots() {
		tests = append(tests, test{"Peek", testPeek}, test{"Typed", testTyped},
			test{"TypedBatch", testTypedBatch}, test{"StreamTyped", testStreamTyped})
	}
	run(t, f, tests)
}

// TestBroadcast runs those tests of the suite that hold for a broadcast ring with one
// consumer. Where it is overwritten, a consumer that is slow loses messages, so those tests
// are left out in which one may be.
func TestBroadcast(t *testing.T, f Factory, o ring.Overrun) {
	if f.Messages == 0 {
		f.Messages = 20000
	}
	f.Topology = ring.Broadcast
	inner := f.New
	f.New = func(t testing.TB, c ring.Config) (producer, consumer *ring.Ring) {
		c.Overrun = o
		return inner(t, c)
	}
	run(t, f, []test{
		{"Order", testOrder}, {"Wrap", testWrap}, {"Reserve", testReserve},
		{"End", testEnd}, {"EndBlocked", testEndBlocked}, {"Deadline", testDeadline}, {"PingPong", testPingPong},
	})
	if o == ring.OverrunBlock {
		run(t, f, []test{{"Batch", testBatch}, {"CloseWhileBusy", testCloseWhileBusy}, {"Stream", testStream},
			{"StreamReleaseFirst", testStreamReleaseFirst}})
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

// slots tells whether the topology has rings of slots.
func (f Factory) slots() bool { return f.Topology != ring.MPSCOrdered }

// make is New with the topology.
func (f Factory) make(t testing.TB, c ring.Config) (producer, consumer *ring.Ring) {
	if c.Topology = f.Topology; c.Topology == ring.MPSC {
		c.Members = 2
	}
	return f.New(t, c)
}

// few is the configuration of a ring that is soon full of messages of 8 bytes.
func (f Factory) few() ring.Config {
	if f.slots() {
		return ring.Config{Kind: ring.Slots, Capacity: 2, SlotSize: 8}
	}
	return ring.Config{Capacity: 4096}
}

// record is how many bytes of a ring a message of n bytes takes.
func (f Factory) record(n uint64) uint64 {
	if f.Topology == ring.MPSCOrdered {
		return (n + 8 + 63) &^ 63
	}
	return (n + 8 + 7) &^ 7
}

// fill sends messages of 8 bytes until the ring is full, and returns how many.
func fill(t testing.TB, p *ring.Producer) (n int) {
	t.Helper()
	for {
		err := p.TrySend(message(n, 8))
		if err == ring.ErrFull && n > 0 {
			return n
		}
		must(t, err)
		n++
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
	a, b := f.make(t, c)
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
