package futex

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"annulus/internal/layout"
)

// alignedBytes is memory of the heap at a multiple of 8.
func alignedBytes(n int) []byte {
	mem := make([]byte, n+8)
	for !aligned8(mem) && semaphoreSupported {
		mem = mem[1:]
	}
	return mem[:n]
}

func newSemaphore(t *testing.T, value uint32) *Semaphore {
	t.Helper()
	s, err := InitSemaphore(alignedBytes(SemaphoreSize), value)
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func expectWords(t *testing.T, s *Semaphore, value, waiters int) {
	t.Helper()
	if v, w := s.Value(), s.waiters(); v != value || w != waiters {
		t.Errorf("value %d, waiters %d; expected %d and %d", v, w, value, waiters)
	}
}

func TestSemaphoreUnsupported(t *testing.T) {
	if semaphoreSupported {
		t.Skip("supported here")
	}
	if _, err := InitSemaphore(make([]byte, 64), 0); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("InitSemaphore: %v", err)
	}
	if _, err := SemaphoreAt(make([]byte, 64)); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("SemaphoreAt: %v", err)
	}
}

// What the layout of rings calls an empty semaphore is what is made here.
func TestSemaphoresOfARing(t *testing.T) {
	mine := alignedBytes(SemaphoreSize)
	if _, err := InitSemaphore(mine, 0); errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	} else if err != nil {
		t.Fatal(err)
	}
	g, err := layout.Compute(layout.Shape{
		Kind: layout.KindBytes, Topology: layout.TopologySPSC, Capacity: layout.MinCapacityBytes, Stride: layout.MinStride,
	})
	if err != nil {
		t.Fatal(err)
	}
	ring := alignedBytes(int(g.TotalSize))
	layout.Format(ring, g, layout.Identity{})
	for line := uint64(0); line < layout.SharedLines; line++ {
		b := ring[g.SharedArea+line*g.Stride:][:SemaphoreSize]
		if !bytes.Equal(b, mine) {
			t.Errorf("line %d is % x, InitSemaphore makes % x", line, b, mine)
		}
		if _, err := SemaphoreAt(b); err != nil {
			t.Errorf("line %d: %v", line, err)
		}
	}
}

func TestSemaphoreMemory(t *testing.T) {
	newSemaphore(t, 0)
	good := alignedBytes(SemaphoreSize)
	for name, c := range map[string]struct {
		mem   []byte
		value uint32
	}{
		"nil": {nil, 0}, "short": {good[:SemaphoreSize-1], 0}, "unaligned": {alignedBytes(64)[4:], 0},
		"value": {good, SemaphoreMax + 1},
	} {
		if _, err := InitSemaphore(c.mem, c.value); !errors.Is(err, os.ErrInvalid) {
			t.Errorf("InitSemaphore, %s: %v", name, err)
		}
	}
	if _, err := SemaphoreAt(good); !errors.Is(err, os.ErrInvalid) { // zeros: as sem_init(s, 0, 0) leaves it
		t.Errorf("SemaphoreAt of zeros: %v", err)
	}
	for i := range good {
		good[i] = 0xff // the dirt before
	}
	if _, err := InitSemaphore(good, 3); err != nil {
		t.Fatal(err)
	}
	s, err := SemaphoreAt(good)
	if err != nil {
		t.Fatal(err)
	}
	expectWords(t, s, 3, 0)
}

func TestSemaphoreCounts(t *testing.T) {
	s := newSemaphore(t, 2)
	for i := range 3 {
		if got := s.TryAcquire(); got != (i < 2) {
			t.Errorf("2 tokens, take %d: %v", i, got)
		}
	}
	if err := s.Release(); err != nil {
		t.Error(err)
	}
	if err := s.AcquireUntil(past()); err != nil {
		t.Errorf("a token is there, deadline in the past: %v", err)
	}
	if err := s.AcquireUntil(past()); err != os.ErrDeadlineExceeded {
		t.Errorf("no token, deadline in the past: %v", err)
	}
	deadline := time.Now().Add(2*semSlice + time.Millisecond)
	if err := s.AcquireUntil(deadline); err != os.ErrDeadlineExceeded || time.Now().Before(deadline) {
		t.Errorf("no token: %v", err)
	}
	expectWords(t, s, 0, 0)
	for range 3 {
		s.Release()
	}
	if err := s.Acquire(t.Context()); err != nil {
		t.Error(err)
	}
	expectWords(t, s, 2, 0)
}

func TestSemaphoreOverflow(t *testing.T) {
	s := newSemaphore(t, SemaphoreMax-1)
	if err := s.Release(); err != nil {
		t.Error(err)
	}
	if err := s.Release(); !errors.Is(err, syscall.EOVERFLOW) {
		t.Error(err)
	}
	expectWords(t, s, SemaphoreMax, 0)
	s.data.Store(math.MaxUint32) // a lying peer
	if err := s.Release(); !errors.Is(err, syscall.EOVERFLOW) {
		t.Error(err)
	}
	if d := s.data.Load(); d != math.MaxUint32 {
		t.Errorf("words %#x", d)
	}
}

// bothCancels runs f with futex_waitv and as on a kernel without it.
func bothCancels(t *testing.T, f func(t *testing.T)) {
	for name, missing := range map[string]bool{"futex_waitv": false, "no futex_waitv": true} {
		t.Run(name, func(t *testing.T) {
			before := noWaitAny.Load()
			if before && !missing {
				t.Skip("this kernel has none")
			}
			noWaitAny.Store(missing)
			defer noWaitAny.Store(before)
			f(t)
		})
	}
}

func TestSemaphoreAcquireDone(t *testing.T) {
	s := newSemaphore(t, 1)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Acquire(ctx); err != context.Canceled {
		t.Error(err)
	}
	expectWords(t, s, 1, 0)
}

func TestSemaphoreCancelled(t *testing.T) {
	bothCancels(t, func(t *testing.T) {
		s, done := newSemaphore(t, 0), make(chan error, 1)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		go func() { done <- s.Acquire(ctx) }()
		eventually(t, "a waiter", func() bool { return s.waiters() == 1 })
		cancel()
		if err := receive(t, done); err != context.Canceled {
			t.Error(err)
		}
		ctx, cancel = context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		if err := s.Acquire(ctx); err != context.DeadlineExceeded {
			t.Error(err)
		}
		expectWords(t, s, 0, 0)
	})
}

// Cancellations that meet the start of a sleep, and posts that meet both: every
// Acquire returns, and every token is either taken or still there.
func TestSemaphoreCancelRace(t *testing.T) {
	bothCancels(t, func(t *testing.T) {
		s := newSemaphore(t, 0)
		var taken, posted atomic.Int64
		const rounds, workers = 300, 4
		done := make(chan error, workers)
		for w := range workers {
			go func() {
				for i := range rounds {
					ctx, cancel := context.WithCancel(context.Background())
					go func() {
						for range (i * 7 % 50) * (w + 1) {
							runtime.Gosched()
						}
						if i%3 == 0 {
							posted.Add(1)
							if err := s.Release(); err != nil {
								t.Error(err)
							}
						}
						cancel()
					}()
					err := s.Acquire(ctx)
					cancel()
					if err == nil {
						taken.Add(1)
					} else if err != context.Canceled {
						t.Error(err)
					}
				}
				done <- nil
			}()
		}
		for range workers {
			receive(t, done)
		}
		eventually(t, "every token accounted for", func() bool {
			return posted.Load() == workers*rounds/3 && posted.Load() == taken.Load()+int64(s.Value())
		})
		expectWords(t, s, s.Value(), 0)
	})
}

// The one who leaves passes on the wake that may have been meant for it.
func TestSemaphoreWakeIsPassedOn(t *testing.T) {
	s, done := newSemaphore(t, 0), make(chan error, 2)
	const waiters, tokens = 50, 25
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	all := make(chan error, waiters)
	for range waiters {
		go func() { all <- s.Acquire(ctx) }()
	}
	go func() { done <- s.AcquireUntil(time.Time{}) }()
	go func() { done <- s.AcquireUntil(time.Time{}) }()
	eventually(t, "all wait", func() bool { return s.waiters() == waiters+2 })
	go cancel()
	for range tokens {
		if err := s.Release(); err != nil {
			t.Error(err)
		}
	}
	taken := 0
	for range waiters {
		if receive(t, all) == nil {
			taken++
		}
	}
	for range 2 { // in case all the tokens went to the others
		s.Release()
	}
	for range 2 {
		if err := receive(t, done); err != nil {
			t.Error(err)
		}
	}
	expectWords(t, s, tokens-taken, 0)
}

func TestSemaphoreAllocatesNothing(t *testing.T) {
	s := newSemaphore(t, 0)
	for name, f := range map[string]func(){
		"Release and TryAcquire":   func() { s.Release(); s.TryAcquire() },
		"Release and AcquireUntil": func() { s.Release(); s.AcquireUntil(time.Time{}) },
		"AcquireUntil deadline":    func() { s.AcquireUntil(time.Now().Add(time.Microsecond)) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
