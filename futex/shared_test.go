package futex

import (
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annulus/internal/layout"
)

// gateWords are the words of one gate, as they lie in shared memory.
type gateWords struct {
	seq   atomic.Uint32
	arm   atomic.Uint64
	parks uint64
	wakes uint64
}

func newGateWords() *gateWords {
	w := new(gateWords)
	w.seq.Store(1)
	w.arm.Store(layout.ArmValid)
	return w
}

// gate is one sleeper's view of the words.
func (w *gateWords) gate() *Gate {
	return &Gate{Seq: &w.seq, Arm: &w.arm, Parks: &w.parks, Shared: true}
}

// waker is the waker's.
func (w *gateWords) waker() *Gate { return &Gate{Seq: &w.seq, Arm: &w.arm, Wakes: &w.wakes} }

func TestSharedCancelDisarmsNobody(t *testing.T) {
	w := newGateWords()
	a, b := w.gate(), w.gate()
	epoch := a.Prepare(ParkFutex)
	b.Prepare(ParkFutex)
	b.Cancel()
	if arm := w.arm.Load(); uint32(arm) != epoch {
		t.Fatalf("arm says epoch %d after another's Cancel, want %d", uint32(arm), epoch)
	}
	if woke, err := w.waker().WakeUp(w.arm.Load()); !woke || err != nil {
		t.Fatalf("WakeUp: %v, %v, want a wake", woke, err)
	}
	if err := a.Sleep(ParkFutex, epoch, 0, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	if woke, _ := w.waker().WakeUp(w.arm.Load()); woke {
		t.Error("woken again though nobody has announced a sleep since")
	}
}

// Many sleepers on one gate, some of which change their minds or are
// interrupted: none sleeps beside work until its bound runs out.
func TestSharedSleepersAllWake(t *testing.T) {
	Register()
	const sleepers, rounds, bound = 5, 400, 20 * time.Second
	w := newGateWords()
	var work atomic.Uint64
	var behind atomic.Int64 // sleepers that have not seen the latest work
	errs := make(chan error, sleepers)
	var group sync.WaitGroup
	for i := range sleepers {
		group.Go(func() {
			g, rnd := w.gate(), rand.New(rand.NewPCG(1, uint64(i)))
			for seen := uint64(0); seen < rounds; {
				epoch := g.Prepare(ParkFutex)
				if now := work.Load(); now != seen {
					g.Cancel()
					seen = now
					behind.Add(-1)
					continue
				}
				switch rnd.IntN(4) {
				case 0:
					g.Cancel() // and another look
					continue
				case 1:
					go g.Interrupt()
				}
				end := time.Now().Add(bound)
				if err := g.Sleep(ParkFutex, epoch, 0, end); err != nil {
					errs <- err
					return
				}
				if time.Now().After(end) && work.Load() != seen {
					errs <- fmt.Errorf("sleeper %d slept beside work %d until its bound", i, work.Load())
					return
				}
			}
		})
	}
	waker := w.waker()
	for i := uint64(1); i <= rounds; i++ {
		behind.Store(sleepers)
		work.Store(i)
		if arm := w.arm.Load(); uint32(arm) == w.seq.Load() {
			if _, err := waker.WakeUp(arm); err != nil {
				t.Fatal(err)
			}
		}
		eventually(t, "all sleepers see the work", func() bool { return behind.Load() == 0 || len(errs) > 0 })
		if len(errs) > 0 {
			break
		}
	}
	if len(errs) > 0 {
		t.Fatal(<-errs) // the others end at their bounds, or with the binary
	}
	group.Wait()
}

func TestBlindStoresNothing(t *testing.T) {
	w := newGateWords()
	g := &Gate{Seq: &w.seq, Arm: &w.arm, Parks: &w.parks, Shared: true, Blind: true}
	epoch := g.Prepare(ParkFutex)
	if err := g.Sleep(ParkFutex, epoch, 0, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	g.Cancel()
	if err := g.Interrupt(); err != nil {
		t.Fatal(err)
	}
	if w.seq.Load() != 1 || w.arm.Load() != layout.ArmValid || w.parks != 0 {
		t.Errorf("seq %d, arm %#x, parks %d: a blind gate has stored something", w.seq.Load(), w.arm.Load(), w.parks)
	}
}
