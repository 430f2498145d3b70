package futex

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"
)

// MaxWaiters is the number of words one WaitAny can watch.
const MaxWaiters = 128

var (
	// ErrChanged says that the word did not hold the expected value, so that
	// nobody slept. Callers re-check their condition, as after a wake.
	ErrChanged = errors.New("futex: the word does not hold the expected value; re-check the condition")

	// ErrFault says that the word's memory is gone: its file was truncated or
	// it was unmapped. The mapping must not be touched again.
	ErrFault = errors.New("futex: the word's memory is gone (file truncated or unmapped); detach from it")
)

// Waiter is one word that WaitAny watches, and the value it sleeps on.
type Waiter struct {
	Addr *atomic.Uint32
	Val  uint32
}

// Wait sleeps while *addr == val, until Wake, until the deadline, or for no
// reason. A zero deadline means none.
//
// It returns nil when woken, which may be spurious: callers re-check their
// condition. It returns ErrChanged when *addr != val on entry,
// os.ErrDeadlineExceeded at the deadline (one that has already passed is
// reported without a look at the word), and ErrFault when the memory is gone
// on entry. Memory that goes while the caller sleeps wakes nobody, which is
// one more reason to bound every sleep.
//
// The futex is not private: processes that map the same file at different
// addresses meet. The word must stay mapped until Wait returns. Any number of
// goroutines and processes may call Wait, WaitHold, WaitAny and Wake on one
// word at the same time. A sleeper holds an OS thread. Nothing is allocated.
func Wait(addr *atomic.Uint32, val uint32, deadline time.Time) error {
	_, err := wait(addr, val, 0, deadline)
	return err
}

// WaitHold is Wait, except that for at most hold the goroutine keeps its P
// (the right to run Go code), so that a wake in that time need not ask the
// scheduler for one: that is the tail of a short round trip. Afterwards it
// sleeps on as Wait does.
//
// While a P is held, goroutines queued on it wait for a thief, and with
// GOMAXPROCS=1 nothing else runs; 50 to 100 us is a sensible hold. The garbage
// collector is not held up: it preempts the sleeper by a signal, as the
// scheduler does after 10 ms whatever the hold. With GODEBUG=asyncpreemptoff=1
// there is no such signal, and hold is cut to 100 us. A hold of 0 or less is
// Wait. Where there is no futex, WaitHold is Wait.
func WaitHold(addr *atomic.Uint32, val uint32, hold time.Duration, deadline time.Time) error {
	_, err := wait(addr, val, hold, deadline)
	return err
}

// Wake wakes up to n of those who sleep on the word, in this process and in
// others, and returns how many it woke; n of 0 or less wakes none. It costs a
// system call even when nobody sleeps. It keeps the caller's P, since it never
// sleeps. ErrFault means that the memory is gone. Where there is no futex it
// does nothing and returns 0: sleepers poll. Nothing is allocated.
func Wake(addr *atomic.Uint32, n int) (woken int, err error) {
	if n <= 0 {
		return 0, nil // the kernel would wake one
	}
	return wake(addr, n)
}

// WaitAny sleeps while every word holds its value, until one of them is woken,
// until the deadline (zero: none), or for no reason, and returns the index of
// a woken word: a hint, as others may have been woken too, and not more than
// Wait's nil.
//
// With an error the index is -1: ErrChanged when a word did not hold its value
// on entry, os.ErrDeadlineExceeded, ErrFault, os.ErrInvalid when there are no
// words or more than MaxWaiters, errors.ErrUnsupported before Linux 5.16.
//
// One OS thread sleeps, however many the words. Concurrency and memory are as
// for Wait; ws is not kept. Nothing is allocated.
func WaitAny(ws []Waiter, deadline time.Time) (int, error) {
	if len(ws) == 0 || len(ws) > MaxWaiters {
		return -1, fmt.Errorf("futex: WaitAny needs 1 to %d words, got %d; split them: %w", MaxWaiters, len(ws), os.ErrInvalid)
	}
	return waitAny(ws, deadline)
}

// remaining is the time left until deadline; ok is false when there is none.
func remaining(deadline time.Time) (rest time.Duration, ok bool) {
	rest = time.Until(deadline)
	return rest, rest > 0
}
