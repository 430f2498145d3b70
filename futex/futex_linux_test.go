package futex

import (
	"errors"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func TestWakeCounts(t *testing.T) {
	eachWait(t, func(t *testing.T, wait func(*atomic.Uint32, uint32, time.Time) error) {
		word, done := new(atomic.Uint32), make(chan error, 5)
		for range cap(done) {
			go func() { done <- wait(word, 0, time.Time{}) }()
		}
		asleep(t, word, 5)
		if woken, err := Wake(word, 2); woken != 2 || err != nil {
			t.Errorf("Wake(2) of 5 = %d, %v", woken, err)
		}
		asleep(t, word, 3)
		if woken, err := Wake(word, 100); woken != 3 || err != nil {
			t.Errorf("Wake(100) of 3 = %d, %v", woken, err)
		}
		for range cap(done) { // the word never changed: all must have been woken
			if err := receive(t, done); err != nil {
				t.Error(err)
			}
		}
	})
}

func TestWaitAnyIndex(t *testing.T) {
	needWaitAny(t)
	type result struct {
		i   int
		err error
	}
	for _, n := range []int{1, 2, MaxWaiters} {
		for _, woken := range []int{0, n / 2, n - 1} {
			ws := make([]Waiter, n)
			for i := range ws {
				ws[i] = Waiter{new(atomic.Uint32), uint32(i)}
				ws[i].Addr.Store(uint32(i))
			}
			done := make(chan result, 1)
			go func() {
				i, err := WaitAny(ws, time.Now().Add(time.Hour))
				done <- result{i, err}
			}()
			asleep(t, ws[n-1].Addr, 1)
			if k, err := Wake(ws[woken].Addr, 1); k != 1 || err != nil {
				t.Fatalf("Wake = %d, %v", k, err)
			}
			if r := receive(t, done); r != (result{woken, nil}) {
				t.Errorf("%d words, word %d woken: %v", n, woken, r)
			}
		}
	}
}

func TestFaultWhenTruncated(t *testing.T) {
	eachWait(t, func(t *testing.T, wait func(*atomic.Uint32, uint32, time.Time) error) {
		path, mem := sharedFile(t)
		word := wordAt(mem, 64)
		if err := os.Truncate(path, 0); err != nil {
			t.Fatal(err)
		}
		for _, deadline := range []time.Time{{}, time.Now().Add(time.Hour)} {
			if err := wait(word, 0, deadline); err != ErrFault {
				t.Errorf("deadline %v: %v", deadline, err)
			}
		}
		if n, err := Wake(word, 1); n != 0 || err != ErrFault {
			t.Errorf("Wake = %d, %v", n, err)
		}
	})
}

// A sleeper is not woken by a truncation; its next call tells it.
func TestTruncatedWhileAsleep(t *testing.T) {
	path, mem := sharedFile(t)
	word, done := wordAt(mem, 0), make(chan error, 1)
	go func() {
		for {
			err := Wait(word, 0, time.Now().Add(10*time.Millisecond))
			if err != os.ErrDeadlineExceeded {
				done <- err
				return
			}
		}
	}()
	asleep(t, word, 1)
	if err := os.Truncate(path, 0); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, done); err != ErrFault {
		t.Error(err)
	}
}

func TestFaultWhenUnmapped(t *testing.T) {
	eachWait(t, func(t *testing.T, wait func(*atomic.Uint32, uint32, time.Time) error) {
		mem, err := unix.Mmap(-1, 0, pageSize, unix.PROT_NONE, unix.MAP_SHARED|unix.MAP_ANONYMOUS)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Munmap(mem)
		// PROT_NONE faults as an unmapped page does, and no other thread's
		// mmap can take its place meanwhile.
		if err := wait(wordAt(mem, 0), 0, time.Time{}); err != ErrFault {
			t.Error(err)
		}
	})
}

func TestAsyncPreemptOff(t *testing.T) {
	for godebug, want := range map[string]bool{
		"": false, "asyncpreemptoff=0": false, "madvdontneed=1,asyncpreemptoff=1": true,
		"asyncpreemptoff=1,x": true, "gccheckmark=1": true, "asyncpreemptoff": true,
	} {
		if got := asyncPreemptOff(godebug); got != want {
			t.Errorf("%q: %v", godebug, got)
		}
	}
}

func TestMonotonicAfter(t *testing.T) {
	a, err := monotonicAfter(1500 * time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	b, err := monotonicAfter(maxSleep)
	if err != nil || a.Nsec >= 1e9 || b.Nsec >= 1e9 || b.Sec-a.Sec < int64(maxSleep/time.Second)-2 {
		t.Errorf("%v, then %v, %v", a, b, errors.Unwrap(err))
	}
}
