package ring_test

import (
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annulus/internal/layout"
	"annulus/internal/testutil"
	"annulus/ring"
)

// against runs call while adversary is run again and again beside it, and fails if it
// does not return.
func against(t *testing.T, adversary func(i uint64), call func() error) error {
	t.Helper()
	var over atomic.Bool
	var wg sync.WaitGroup
	begun := make(chan struct{})
	wg.Go(func() {
		for i := uint64(0); !over.Load(); i++ {
			if adversary(i); i == 100 {
				close(begun)
			}
		}
	})
	<-begun
	done := make(chan error, 1)
	go func() { done <- call() }()
	var err error
	select {
	case err = <-done:
	case <-time.After(testutil.Patience):
		t.Error("the call goes round and round")
	}
	over.Store(true)
	wg.Wait()
	return err
}

// The count of what a consumer has received runs by itself: it is no reason to rest again
// and again.
func TestCountThatRuns(t *testing.T) {
	for _, config := range hostileConfigs {
		t.Run(hostileName(config), func(t *testing.T) {
			r := guarded(t, config)
			g, b := geometryOf(t, r), r.Region().Bytes()
			c, err := r.Consumer()
			must(t, err)
			counts := []*uint64{&layout.CursorAt(b, g.ConsumerArea).Messages}
			for i := range g.Members {
				counts = append(counts, &layout.MemberAt(b, g.MemberArea, g.Stride, i).Received)
				if g.Topology == layout.TopologyMPSC {
					counts = append(counts, &layout.LaneCursorAt(b, g.LaneConsumers, g.Stride, i).Messages)
				}
			}
			err = against(t, func(uint64) {
				for _, w := range counts {
					atomic.AddUint64(w, 1000)
				}
			}, func() error { _, err := c.TryRecv(nil); return err })
			if err != ring.ErrEmpty {
				t.Errorf("%v, want ErrEmpty", err)
			}
		})
	}
}

// A consumer whose entry comes back to life each time that it is found dead.
func TestConsumerThatComesBack(t *testing.T) {
	r := guarded(t, ring.Config{Topology: ring.Broadcast, Overrun: ring.OverrunBlock, Capacity: 4096, Members: 2})
	g, b := geometryOf(t, r), r.Region().Bytes()
	p, err := r.Producer()
	must(t, err)
	m, h := layout.MemberAt(b, g.MemberArea, g.Stride, 0), layout.HolderAt(b, g.MemberArea, g.Stride, 0)
	err = against(t, func(i uint64) {
		atomic.StoreUint64(&m.Drawn, 0)
		atomic.StoreUint64(&h.Attached, i+1)
		atomic.StoreUint32(&h.State, layout.StateAttached)
	}, func() error {
		for range 1000 {
			if err := p.TrySend(make([]byte, 500)); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil && err != ring.ErrFull {
		t.Errorf("%v, want ErrFull or nothing", err)
	}
}

// An ordered ring whose words speak of nothing but what is to be stepped over, lap by lap, or
// of records of no granules.
func TestWordsThatRun(t *testing.T) {
	for name, word := range map[string]func(i, n uint64) uint64{
		"skips":         func(i, n uint64) uint64 { return i&^(n-1) | layout.GranuleSkip },
		"no granules":   func(i, n uint64) uint64 { return i % 2 * layout.GranuleCommitted },
		"laps to come":  func(i, n uint64) uint64 { return i*n | layout.GranuleCommitted },
		"what is over":  func(i, n uint64) uint64 { return -i*n | layout.GranuleCommitted },
		"not one state": func(i, n uint64) uint64 { return 4 + i%32 },
	} {
		t.Run(name, func(t *testing.T) {
			r := guarded(t, ring.Config{Topology: ring.MPSCOrdered, Capacity: 4096, Members: 2})
			g, b := geometryOf(t, r), r.Region().Bytes()
			p, err := r.Producer()
			must(t, err)
			for range 20 {
				must(t, p.TrySend(make([]byte, 8)))
			}
			c, err := r.Consumer()
			must(t, err)
			err = against(t, func(i uint64) {
				atomic.StoreUint64(layout.WordAt(b, g.WordTable+i%g.Granules*layout.WordSize), word(i, g.Granules))
				atomic.StoreUint64(layout.WordAt(b, g.DataArea+i%g.Granules<<layout.GranuleShift), 0)
			}, func() error {
				for range 1000 {
					_, err := r.Recover()
					if err != nil && !errors.Is(err, ring.ErrCorrupt) {
						return err
					}
					if _, err := c.TryRecv(nil); err != nil && err != ring.ErrEmpty && !errors.Is(err, ring.ErrCorrupt) {
						return err
					}
				}
				return nil
			})
			must(t, err)
		})
	}
}

// Tail is never twice the same.
func TestTailThatRuns(t *testing.T) {
	for _, config := range hostileConfigs {
		t.Run(hostileName(config), func(t *testing.T) {
			r := guarded(t, config)
			g, b := geometryOf(t, r), r.Region().Bytes()
			p, err := r.Producer()
			must(t, err)
			c, err := r.Consumer()
			must(t, err)
			u := user{t: t, r: r}
			must(t, against(t, func(i uint64) {
				atomic.AddUint64(&layout.CursorAt(b, g.ProducerArea).Position, 8*(i%7))
				atomic.AddUint64(&layout.CursorAt(b, g.ProducerArea).Latest, 8*(i%5))
			}, func() error {
				for range 1000 {
					u.note(p.TrySend(make([]byte, 8)))
					_, err := c.TryRecv(nil)
					u.note(err)
					_, err = r.Recover()
					u.note(err)
				}
				return nil
			}))
		})
	}
}
