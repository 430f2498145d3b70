package futex

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"annulus/internal/layout"
	"annulus/internal/mem"
)

// foreignGate is the two ends of a gate whose Seq its sleeper cannot write. The word of
// work lies beside Seq.
func foreignGate(t *testing.T) (sleeper, waker *Gate, work, workers *uint64) {
	t.Helper()
	fd, err := unix.MemfdCreate("foreign", unix.MFD_CLOEXEC)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(fd)
	if err := unix.Ftruncate(fd, pageSize); err != nil {
		t.Fatal(err)
	}
	var views [2][]byte
	for i, prot := range []int{unix.PROT_READ, unix.PROT_READ | unix.PROT_WRITE} {
		if views[i], err = unix.Mmap(fd, 0, pageSize, prot, unix.MAP_SHARED); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { unix.Munmap(views[i]) })
	}
	arm := new(atomic.Uint64)
	arm.Store(layout.ArmValid)
	sleeper = &Gate{Seq: wordAt(views[0], 0), Arm: arm, Parks: new(uint64), Bounds: new(uint64), Foreign: new(Foreign)}
	waker = &Gate{Seq: wordAt(views[1], 0), Arm: arm, Wakes: new(uint64), Lone: true}
	waker.Seq.Store(1)
	return sleeper, waker, layout.WordAt(views[0], 64), layout.WordAt(views[1], 64)
}

// No wake is lost on a word that the sleeper can only read.
func TestForeignWake(t *testing.T) {
	sleeper, waker, seen, work := foreignGate(t)
	s := Strategy{Park: ParkFutex, Slice: unbounded, FirstSlice: unbounded}
	there, back := &mailbox{gate: waker}, new(atomic.Uint64)
	const rounds = 2000
	done := make(chan error, 1)
	go func() {
		w := Idler{Gate: sleeper, Strategy: s}
		for i := uint64(1); i <= rounds; i++ {
			for old := mem.Load(seen); old != i; old = mem.Load(seen) {
				if _, err := w.Pause(seen, old, time.Time{}); err != nil {
					done <- err
					return
				}
			}
			w.Done()
			back.Store(i)
		}
		done <- nil
	}()
	for i := uint64(1); i <= rounds; i++ {
		mem.Publish(work, i)
		if err := there.put(i); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the work is seen", func() bool { return back.Load() == i })
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// No interrupt is lost either, whether it comes before the sleep, during it or in
// between, and although it can move nothing that the sleeper sleeps on.
func TestForeignInterrupt(t *testing.T) {
	sleeper, _, seen, _ := foreignGate(t)
	const rounds = 5000
	var asked, heard atomic.Uint64
	done := make(chan error, 1)
	go func() {
		w := Idler{Gate: sleeper, Strategy: Strategy{Park: ParkFutex, Slice: unbounded, FirstSlice: unbounded}}
		for heard.Load() < rounds {
			if n := asked.Load(); n != heard.Load() {
				heard.Store(n)
				w.Done()
				continue
			}
			if _, err := w.Pause(seen, 0, time.Time{}); err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	for i := uint64(1); i <= rounds; i++ {
		if i%3 == 0 {
			asleep(t, sleeper.Seq, 1)
		}
		asked.Store(i)
		if err := sleeper.Interrupt(); err != nil {
			t.Fatal(err)
		}
		eventually(t, "the interrupt is heard", func() bool { return heard.Load() == i })
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// A word that never stands still, or a peer that wakes without end, keeps a waiter
// neither in Prepare nor awake.
func TestForeignStorm(t *testing.T) {
	sleeper, waker, seen, _ := foreignGate(t)
	var over atomic.Bool
	var wg sync.WaitGroup
	for _, attack := range []func(){func() { waker.Seq.Add(1) }, func() { Wake(waker.Seq, 1<<30) }} {
		wg.Go(func() {
			for !over.Load() {
				attack()
			}
		})
	}
	w := Idler{Gate: sleeper, Strategy: Strategy{Park: ParkFutex, Slice: unbounded, FirstSlice: unbounded}}
	for range 200 {
		if _, err := w.Pause(seen, 0, time.Time{}); err != nil {
			t.Fatal(err)
		}
		if sleeper.Foreign.vain > inVain && sleeper.Foreign.asleep.Load() != 0 {
			t.Fatal("it sleeps on the word still")
		}
	}
	over.Store(true)
	wg.Wait()
	if sleeper.Foreign.vain <= inVain {
		t.Errorf("roused %d times for nothing, want more than %d", sleeper.Foreign.vain, inVain)
	}
	if w.Done(); sleeper.Foreign.vain != 0 {
		t.Error("the next wait is punished for this one")
	}
}
