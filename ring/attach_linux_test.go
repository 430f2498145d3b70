package ring_test

import (
	"errors"
	"io"
	"strings"
	"sync"
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
)

// spoilLane makes the tail of a lane impossible.
func spoilLane(t *testing.T, r *ring.Ring, lane uint64) {
	g := geometryOf(t, r)
	layout.LaneCursorAt(r.Region().Bytes(), g.LaneProducers, g.Stride, lane).Position = 1 << 40
}

// A producer is not kept out by a lane that is spoilt while there are others, and no
// name is left on one that would not do.
func TestSpoiltLane(t *testing.T) {
	r, _ := lanesOn(t, ring.Config{Members: 3}, 0)
	spoilLane(t, r, 0)
	p, err := r.Producer()
	must(t, err)
	q, err := r.Producer(ring.WithTag(7))
	must(t, err)
	_, err = r.Producer()
	if !errors.Is(err, ring.ErrCorrupt) || !errors.Is(err, ring.ErrAttached) || strings.Contains(err.Error(), "\n") {
		t.Errorf("only a spoilt lane is free: %v, want ErrAttached and ErrCorrupt in one line", err)
	}
	must(t, p.TrySend([]byte("one")))
	must(t, q.TrySend([]byte("two")))
	must(t, p.Close())
	must(t, q.Close())
	for lane := range uint64(3) {
		spoilLane(t, r, lane)
	}
	for _, tag := range []uint64{0, 9} {
		var o []ring.EndpointOption
		if tag != 0 {
			o = append(o, ring.WithTag(tag))
		}
		if _, err := r.Producer(o...); !errors.Is(err, ring.ErrCorrupt) {
			t.Errorf("all lanes are spoilt, tag %d: %v, want ErrCorrupt", tag, err)
		}
	}
	g := geometryOf(t, r)
	for i := range g.Members {
		if h := layout.HolderAt(r.Region().Bytes(), g.MemberArea, g.Stride, i); h.Tag != 0 {
			t.Errorf("entry %d is kept for the tag %d, which nobody got", i, h.Tag)
		}
	}
}

// A lane that was asked for by its tag is that lane, spoilt or not, and keeps its tag.
func TestSpoiltLaneOfTag(t *testing.T) {
	r, _ := lanesOn(t, ring.Config{Members: 3}, 0)
	p, err := r.Producer(ring.WithTag(7))
	must(t, err)
	must(t, p.TrySend([]byte("one")))
	r = killed(t, r)
	spoilLane(t, r, 0)
	for range 2 {
		if _, err := r.Producer(ring.WithTag(7)); !errors.Is(err, ring.ErrCorrupt) {
			t.Errorf("%v, want ErrCorrupt", err)
		}
	}
}

// An endpoint that comes while its handle is being closed fails, or is closed with it: no
// session of it stays open, and no entry is held.
func TestAttachBesideClose(t *testing.T) {
	for _, config := range []ring.Config{{}, {Topology: ring.MPMC, SlotSize: 8}, {Topology: ring.MPSC}, {Topology: ring.MPSCOrdered}, {Topology: ring.Broadcast}} {
		r, name := shared(t, config)
		c, err := r.Consumer()
		must(t, err)
		for i := range 300 {
			other, err := ring.Open(name)
			must(t, err)
			var wg sync.WaitGroup
			start := make(chan struct{})
			came := 0
			wg.Go(func() {
				<-start
				for {
					p, err := other.Producer()
					if errors.Is(err, ring.ErrClosed) {
						return
					}
					if err == nil {
						came++
						err = p.Close()
					}
					if err != nil && !errors.Is(err, ring.ErrClosed) {
						t.Errorf("%v: %v", config.Topology, err)
						return
					}
				}
			})
			close(start)
			for range i % 50 {
				_, err := c.TryRecv(nil)
				if err != ring.ErrEmpty && err != io.EOF {
					t.Errorf("%v: %v", config.Topology, err)
				}
			}
			must(t, other.Close())
			wg.Wait()
			s, err := r.Stats()
			must(t, err)
			if s.Producer.Attached || s.Producer.Sessions > 0 && !s.Producer.Closed {
				t.Fatalf("%v, round %d, after %d producers: attached %v, %d sessions, the last closed: %v",
					config.Topology, i, came, s.Producer.Attached, s.Producer.Sessions, s.Producer.Closed)
			}
		}
		must(t, c.Close())
	}
}

// What is peeked is not received before its release, in any kind of ring.
func TestPeekedDoesNotCount(t *testing.T) {
	for _, config := range []ring.Config{
		{}, {Kind: ring.Slots, SlotSize: 8}, {Topology: ring.MPMC, SlotSize: 8}, {Topology: ring.MPSC}, {Topology: ring.MPSC, Kind: ring.Slots, SlotSize: 8},
		{Topology: ring.MPSCOrdered}, {Topology: ring.Broadcast}, {Topology: ring.Broadcast, Overrun: ring.OverrunBlock},
	} {
		r, err := ring.New(config)
		must(t, err)
		closing(t, r)
		p, err := r.Producer()
		must(t, err)
		c, err := r.Consumer()
		must(t, err)
		for sent := range uint64(100) {
			must(t, p.TrySend(word(sent)))
			must(t, p.TrySend(word(sent)))
			for peeked := range 2 {
				_, err := c.TryPeek()
				must(t, err)
				if s, err := r.Stats(); err != nil || s.Consumer.Messages > 2*sent {
					t.Fatalf("%s: %d peeked, %d received before: %d count as received, %v", hostileName(config), peeked+1, 2*sent, s.Consumer.Messages, err)
				}
			}
			must(t, c.Release())
		}
		if s, err := r.Stats(); err != nil || s.Consumer.Messages != 200 && r.Config().Overrun != ring.OverrunOverwrite {
			t.Errorf("%s: %d received, want 200, %v", hostileName(config), s.Consumer.Messages, err)
		}
	}
}
