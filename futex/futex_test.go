package futex

import (
	"errors"
	"math"
	"os"
	"sync/atomic"
	"testing"
	"time"
)

func past() time.Time { return time.Now().Add(-time.Second) }

// waits are the ways to sleep on one word.
var waits = map[string]func(addr *atomic.Uint32, val uint32, deadline time.Time) error{
	"Wait": Wait,
	"WaitHold": func(addr *atomic.Uint32, val uint32, deadline time.Time) error {
		return WaitHold(addr, val, 50*time.Microsecond, deadline)
	},
	"WaitHold for ever": func(addr *atomic.Uint32, val uint32, deadline time.Time) error {
		return WaitHold(addr, val, math.MaxInt64, deadline)
	},
	"WaitAny": func(addr *atomic.Uint32, val uint32, deadline time.Time) error {
		_, err := WaitAny([]Waiter{{addr, val}}, deadline)
		return err
	},
}

func eachWait(t *testing.T, f func(t *testing.T, wait func(*atomic.Uint32, uint32, time.Time) error)) {
	for name, wait := range waits {
		t.Run(name, func(t *testing.T) {
			if name == "WaitAny" {
				needWaitAny(t)
			}
			f(t, wait)
		})
	}
}

func needWaitAny(t *testing.T) {
	t.Helper()
	if _, err := WaitAny([]Waiter{{new(atomic.Uint32), 1}}, time.Time{}); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
}

func TestWaitChanged(t *testing.T) {
	eachWait(t, func(t *testing.T, wait func(*atomic.Uint32, uint32, time.Time) error) {
		var word atomic.Uint32
		word.Store(math.MaxUint32)
		for _, deadline := range []time.Time{{}, time.Now().Add(time.Hour)} {
			if err := wait(&word, 1, deadline); err != ErrChanged {
				t.Errorf("deadline %v: %v", deadline, err)
			}
		}
	})
}

func TestWaitDeadline(t *testing.T) {
	eachWait(t, func(t *testing.T, wait func(*atomic.Uint32, uint32, time.Time) error) {
		var word atomic.Uint32
		word.Store(7)
		if err := wait(&word, 7, past()); err != os.ErrDeadlineExceeded {
			t.Errorf("deadline in the past: %v", err)
		}
		for _, d := range []time.Duration{1, time.Microsecond, time.Millisecond, 20 * time.Millisecond} {
			deadline := time.Now().Add(d)
			if err := wait(&word, 7, deadline); err != os.ErrDeadlineExceeded {
				t.Errorf("deadline in %v: %v", d, err)
			}
			if time.Now().Before(deadline) {
				t.Errorf("deadline in %v: back too early", d)
			}
			wall := time.Now().Add(d).Round(0) // no monotonic reading
			if err := wait(&word, 7, wall); err != os.ErrDeadlineExceeded {
				t.Errorf("wall clock, in %v: %v", d, err)
			}
		}
	})
}

func TestWokenByStoreAndWake(t *testing.T) {
	far := time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC) // beyond 32-bit seconds and time.Duration
	for name, deadline := range map[string]time.Time{"no deadline": {}, "year 9999": far} {
		t.Run(name, func(t *testing.T) {
			eachWait(t, func(t *testing.T, wait func(*atomic.Uint32, uint32, time.Time) error) {
				word := new(atomic.Uint32)
				done := make(chan error, 1)
				go func() {
					for word.Load() == 0 {
						if err := wait(word, 0, deadline); err != nil && err != ErrChanged {
							done <- err
							return
						}
					}
					done <- nil
				}()
				word.Store(1)
				if _, err := Wake(word, math.MaxInt); err != nil {
					t.Error(err)
				}
				if err := receive(t, done); err != nil {
					t.Error(err)
				}
			})
		})
	}
}

func TestWakeNobody(t *testing.T) {
	var word atomic.Uint32
	for _, n := range []int{-1, 0, 1, math.MaxInt} {
		if woken, err := Wake(&word, n); woken != 0 || err != nil {
			t.Errorf("Wake(%d) = %d, %v", n, woken, err)
		}
	}
}

func TestWaitAnyCount(t *testing.T) {
	words := make([]Waiter, MaxWaiters+1)
	for i := range words {
		words[i].Addr = new(atomic.Uint32)
	}
	for _, n := range []int{0, MaxWaiters + 1} {
		if i, err := WaitAny(words[:n], past()); i != -1 || !errors.Is(err, os.ErrInvalid) {
			t.Errorf("%d words: %d, %v", n, i, err)
		}
	}
	needWaitAny(t)
	words[MaxWaiters-1].Val = 1
	if i, err := WaitAny(words[:MaxWaiters], time.Time{}); i != -1 || err != ErrChanged {
		t.Errorf("%d words, the last one changed: %d, %v", MaxWaiters, i, err)
	}
}

func TestFutexAllocatesNothing(t *testing.T) {
	needWaitAny(t)
	word, ws := new(atomic.Uint32), make([]Waiter, 8)
	for i := range ws {
		ws[i].Addr = word
	}
	soon := func() time.Time { return time.Now().Add(time.Microsecond) }
	for name, f := range map[string]func(){
		"Wake":              func() { Wake(word, 1) },
		"Wait changed":      func() { Wait(word, 1, time.Time{}) },
		"Wait deadline":     func() { Wait(word, 0, soon()) },
		"WaitHold changed":  func() { WaitHold(word, 1, time.Millisecond, time.Time{}) },
		"WaitHold deadline": func() { WaitHold(word, 0, time.Millisecond, soon()) },
		"WaitAny deadline":  func() { WaitAny(ws, soon()) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
