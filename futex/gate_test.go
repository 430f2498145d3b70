package futex

import (
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"testing"
	"time"

	"annulus/internal/layout"
	"annulus/internal/mem"
)

// unbounded is a slice so long that a lost wake hangs its test.
const unbounded = time.Hour

// parkers are the ways to sleep that need a wake.
var parkers = map[string]Park{"futex": ParkFutex, "semaphore": ParkSemaphore, "eventfd": ParkEventfd}

// counters are a gate's statistics.
type counters struct{ wakes, parks, bounds uint64 }

// newGate is a gate on the heap with what park sleeps on.
func newGate(t *testing.T, park Park) (*Gate, *counters) {
	t.Helper()
	n := new(counters)
	g := &Gate{Seq: new(atomic.Uint32), Arm: new(atomic.Uint64), Wakes: &n.wakes, Parks: &n.parks, Bounds: &n.bounds}
	g.Seq.Store(1)
	g.Arm.Store(layout.ArmValid)
	var err error
	switch park {
	case ParkSemaphore:
		g.Sem, err = InitSemaphore(alignedBytes(SemaphoreSize), 0)
	case ParkEventfd:
		if g.Efd, err = NewEventfd(); err == nil {
			t.Cleanup(func() { g.Efd.Close() })
		}
	}
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return g, n
}

// mailbox is a word of work, with the gate of the one who waits for it.
type mailbox struct {
	word uint64
	gate *Gate
}

// put publishes v and wakes as rings do: by a look at Arm, without a fence.
func (m *mailbox) put(v uint64) error {
	mem.Publish(&m.word, v)
	if arm := m.gate.Arm.Load(); uint32(arm) == m.gate.Seq.Load() {
		_, err := m.gate.WakeUp(arm)
		return err
	}
	return nil
}

// get waits for v as rings do.
func (m *mailbox) get(s Strategy, v uint64) error {
	w := Idler{Gate: m.gate, Strategy: s}
	defer w.Done()
	for {
		got := mem.Load(&m.word)
		if got == v {
			return nil
		}
		if _, err := w.Pause(&m.word, got, time.Time{}); err != nil {
			return err
		}
	}
}

// No wake is lost: two goroutines wait for each other, and no bound helps them.
func TestGateLosesNoWake(t *testing.T) {
	Register()
	if !Barrier() {
		t.Skip("without membarrier(2) the wakers of this test would have to fence")
	}
	for name, park := range parkers {
		for _, spins := range []int{0, 50} {
			t.Run(fmt.Sprintf("%s/%d spins", name, spins), func(t *testing.T) {
				const rounds = 3000
				var ping, pong mailbox
				var sleeps *counters
				ping.gate, sleeps = newGate(t, park)
				pong.gate, _ = newGate(t, park)
				s := Strategy{Spins: spins, Park: park, Slice: unbounded, FirstSlice: unbounded}
				done := make(chan error, 2)
				go func() {
					for i := range uint64(rounds) {
						if err := errors.Join(ping.get(s, i+1), pong.put(i+1)); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
				go func() {
					for i := range uint64(rounds) {
						if err := errors.Join(ping.put(i+1), pong.get(s, i+1)); err != nil {
							done <- err
							return
						}
					}
					done <- nil
				}()
				for range 2 {
					if err := receive(t, done); err != nil {
						t.Fatal(err)
					}
				}
				if spins == 0 && (sleeps.parks == 0 || sleeps.wakes == 0) {
					t.Errorf("nobody slept: %+v", *sleeps)
				}
				if sleeps.bounds != 0 {
					t.Errorf("%d bounds of an hour ran out", sleeps.bounds)
				}
			})
		}
	}
}

// sleepOn sleeps in a goroutine for an hour at most.
func sleepOn(g *Gate, park Park, epoch uint32) <-chan error {
	done := make(chan error, 1)
	go func() { done <- g.Sleep(park, epoch, 0, time.Now().Add(unbounded)) }()
	return done
}

// A wake, or an interruption, between Prepare and Sleep is not lost, [G2]; and
// one announcement is worth one wake.
func TestGateWokenBeforeItSleeps(t *testing.T) {
	for name, park := range parkers {
		t.Run(name, func(t *testing.T) {
			g, n := newGate(t, park)
			for range 3 {
				epoch := g.Prepare(park)
				arm := g.Arm.Load()
				if woke, err := g.WakeUp(arm); !woke || err != nil {
					t.Fatalf("WakeUp of a sleeper: %v %v", woke, err)
				}
				if got := g.Seq.Load(); got != epoch+1 {
					t.Fatalf("seq %d after the wake of epoch %d, want %d", got, epoch, epoch+1)
				}
				if woke, err := g.WakeUp(arm); woke || err != nil {
					t.Fatalf("second WakeUp: %v %v, want none", woke, err)
				}
				if err := receive(t, sleepOn(g, park, epoch)); err != nil {
					t.Fatal(err)
				}
			}
			if *n != (counters{wakes: 3, parks: 3}) {
				t.Errorf("%+v, want 3 wakes and 3 parks", *n)
			}
			epoch := g.Prepare(park)
			if err := g.Interrupt(); err != nil {
				t.Fatal(err)
			}
			if err := receive(t, sleepOn(g, park, epoch)); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// An interruption ends a sleep that has begun.
func TestGateInterrupt(t *testing.T) {
	for name, park := range parkers {
		t.Run(name, func(t *testing.T) {
			g, n := newGate(t, park)
			done := sleepOn(g, park, g.Prepare(park))
			eventually(t, "the sleep begins", func() bool { return mem.Load(&n.parks) == 1 })
			if err := g.Interrupt(); err != nil {
				t.Fatal(err)
			}
			if err := receive(t, done); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// Who cancels is not woken any more.
func TestGateCancel(t *testing.T) {
	g, n := newGate(t, ParkFutex)
	g.Prepare(ParkFutex)
	g.Cancel()
	g.Cancel()
	if woke, err := g.WakeUp(g.Arm.Load()); woke || err != nil || n.wakes != 0 {
		t.Errorf("WakeUp after Cancel: %v %v, %d wakes", woke, err, n.wakes)
	}
}

// Sleeps whose bound runs out are counted if there is nothing to do, and not if
// there is, though nobody woke.
func TestGateCountsBounds(t *testing.T) {
	for name, park := range parkers {
		t.Run(name, func(t *testing.T) {
			g, n := newGate(t, park)
			w := Idler{Gate: g, Strategy: Strategy{Park: park, Slice: time.Millisecond}}
			var word uint64
			for slept := 0; slept < 6; {
				old := mem.Load(&word)
				if slept == 3 {
					old++ // as if the word had moved during the sleep
				}
				s, err := w.Pause(&word, old, time.Time{})
				if err != nil {
					t.Fatal(err)
				}
				if s {
					slept++
				}
			}
			w.Done()
			if *n != (counters{parks: 6, bounds: 5}) {
				t.Errorf("%+v, want 6 parks, of which 5 in vain", *n)
			}
		})
	}
}

func TestSlices(t *testing.T) {
	const ms = time.Millisecond
	for _, c := range []struct {
		first, bound time.Duration
		want         []time.Duration
	}{
		{0, 0, []time.Duration{1 * ms, 2 * ms, 4 * ms, 8 * ms, 16 * ms, 32 * ms, 50 * ms, 50 * ms}},
		{0, 3 * ms, []time.Duration{1 * ms, 2 * ms, 3 * ms, 3 * ms}},
		{0, ms / 10, []time.Duration{ms / 10, ms / 10}},
		{20 * ms, 0, []time.Duration{20 * ms, 40 * ms, 50 * ms}},
		{time.Hour, 0, []time.Duration{50 * ms, 50 * ms}},
		{time.Hour, time.Hour, []time.Duration{time.Hour, time.Hour}},
		{math.MaxInt64 / 3, math.MaxInt64, []time.Duration{math.MaxInt64 / 3, math.MaxInt64 / 3 * 2, math.MaxInt64, math.MaxInt64}},
	} {
		w := Idler{Strategy: Strategy{FirstSlice: c.first, Slice: c.bound}}
		for i, want := range c.want {
			if got := w.nextSlice(); got != want {
				t.Errorf("from %v to %v, sleep %d: %v, want %v", c.first, c.bound, i, got, want)
			}
		}
	}
}
