package feed_test

import (
	"context"
	"encoding/binary"
	"errors"
	"strings"
	"testing"

	"annulus/ring"
	"annulus/ring/feed"
)

// everyRing are rings of all kinds that keep what is not released.
var everyRing = map[string]ring.Config{
	"spsc":      {Capacity: 1 << 14},
	"slots":     {Kind: ring.Slots, Capacity: 512, SlotSize: 8},
	"mpsc":      {Topology: ring.MPSC, Capacity: 1 << 14, Members: 2},
	"ordered":   {Topology: ring.MPSCOrdered, Capacity: 1 << 14},
	"mpmc":      {Topology: ring.MPMC, Kind: ring.Slots, Capacity: 512, SlotSize: 8},
	"broadcast": {Topology: ring.Broadcast, Overrun: ring.OverrunBlock, Capacity: 1 << 14, Members: 2},
	"overwrite": {Topology: ring.Broadcast, Overrun: ring.OverrunOverwrite, Capacity: 1 << 16},
}

// taker is a sink that takes so many messages and then fails.
type taker struct {
	most int
	got  []uint64
}

var errEnough = errors.New("enough")

func (s *taker) Take(msgs [][]byte) (int, error) {
	for i, m := range msgs {
		if len(s.got) == s.most {
			return i, errEnough
		}
		s.got = append(s.got, binary.LittleEndian.Uint64(m))
	}
	return len(msgs), nil
}

func (s *taker) Stop()        {}
func (s *taker) Close() error { return nil }

func word(n int) []byte { return binary.LittleEndian.AppendUint64(nil, uint64(n)) }

// What a pump that failed had in its hands comes to the next pump of the same consumer, to
// a Recv in between, and nothing twice.
func TestPumpAfterPump(t *testing.T) {
	for name, config := range everyRing {
		t.Run(name, func(t *testing.T) {
			p, c := heapRing(t, config)
			const n = 200
			for i := range n {
				must(t, p.TrySend(word(i)))
			}
			must(t, p.Close())
			next := uint64(0)
			for _, most := range []int{0, 3, 17, 1} {
				s := &taker{most: most}
				pump := feed.OutOf(c, s)
				if err := pump.Run(context.Background()); !errors.Is(err, errEnough) {
					t.Fatalf("%v, want %v", err, errEnough)
				}
				next = inOrder(t, s.got, next)
				if got := pump.Stats().Messages; got != uint64(most) {
					t.Errorf("%d messages count as taken, want %d", got, most)
				}
				b, err := c.TryRecv(nil)
				must(t, err)
				next = inOrder(t, []uint64{binary.LittleEndian.Uint64(b)}, next)
			}
			if _, err := c.TryPeek(); err != nil { // the caller's, and not released: the pump's first
				t.Fatal(err)
			}
			s := &taker{most: n}
			pump := feed.OutOf(c, s)
			must(t, pump.Run(context.Background()))
			if err := pump.Run(context.Background()); err == nil || !strings.Contains(err.Error(), "make another pump") {
				t.Errorf("a second Run: %v", err)
			}
			if next = inOrder(t, s.got, next); next != n {
				t.Errorf("%d messages came, want %d", next, n)
			}
		})
	}
}

// inOrder checks that got goes on from next, and returns what comes behind it.
func inOrder(t *testing.T, got []uint64, next uint64) uint64 {
	t.Helper()
	for _, v := range got {
		if v != next {
			t.Fatalf("message %d came, want %d", v, next)
		}
		next++
	}
	return next
}

// A pump whose context ends leaves what its sink did not take to the next one.
func TestPumpAfterStop(t *testing.T) {
	p, c := heapRing(t, ring.Config{Capacity: 1 << 14})
	for i := range 100 {
		must(t, p.TrySend(word(i)))
	}
	must(t, p.Close())
	ctx, cancel := context.WithCancel(context.Background())
	ch := make(chan uint64)
	decode := func(b []byte) (uint64, error) { return binary.LittleEndian.Uint64(b), nil }
	ran := make(chan error, 1)
	go func() { ran <- feed.OutOf(c, feed.ToChan(ch, decode)).Run(ctx) }()
	next := uint64(0)
	for range 10 {
		next = inOrder(t, []uint64{<-ch}, next)
	}
	cancel()
	for v := range ch { // those that were under way
		next = inOrder(t, []uint64{v}, next)
	}
	if err := <-ran; !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	s := &taker{most: 100}
	must(t, feed.OutOf(c, s).Run(context.Background()))
	if next = inOrder(t, s.got, next); next != 100 {
		t.Errorf("%d messages came, want 100", next)
	}
}
