package futex

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"annulus/internal/layout"
)

// SemaphoreSize is the size of a semaphore in bytes: sizeof(sem_t).
const SemaphoreSize = layout.SemSize

// SemaphoreMax is the largest value of a semaphore: SEM_VALUE_MAX.
const SemaphoreMax = 0x7fffffff

// Semaphore is a counting semaphore in shared memory. Its bytes are the sem_t
// of glibc (2.21 or later, 64-bit, initialised with pshared = 1), so C programs
// use it by sem_post, sem_wait, sem_timedwait, sem_trywait and sem_getvalue,
// and a file made by sem_open (/dev/shm/sem.NAME) is one. Other C libraries
// have other layouts.
//
//	 0       4       8        12              32
//	+-------+-------+--------+---------------+
//	| value |waiters| shared |    unused     |
//	+-------+-------+--------+---------------+
//	  one 64-bit word   = 128
//
// All methods may be called by any number of goroutines and processes at once.
// The memory must stay mapped as long as the Semaphore is used; where its file
// may be truncated, every method may fault as any access to it does.
//
// A waiter that is killed stays counted in waiters for ever. That costs each
// later Release a needless wake, and nothing else: the value is exact. One
// killed after it was woken and before it took its token leaves the token
// unannounced; a Go waiter finds it in 50 ms, a C waiter at the next post.
type Semaphore struct {
	data *atomic.Uint64 // value in the low half, number of waiters in the high half
	word *atomic.Uint32 // the low half: what waiters sleep on, while it is 0
}

const (
	semValueMask = 1<<32 - 1
	semOneWaiter = 1 << 32

	// semShared is what glibc keeps beside the word when processes share it.
	// It is 0 for a semaphore of one process, whose C users wake privately.
	semShared    = 128
	semSharedOff = 8

	// semSlice bounds every sleep, so that the death of a peer between a
	// post and its wake, or between a wake-up and its work, costs no more.
	semSlice = DefaultSlice
)

// noWaitAny is set once futex_waitv was found missing.
var noWaitAny atomic.Bool

// InitSemaphore makes a semaphore with the given value in the first
// SemaphoreSize bytes of mem. Nobody may use these bytes meanwhile, and
// initialising a semaphore with waiters strands them.
//
// mem must be 8-byte aligned and long enough, and value at most SemaphoreMax,
// or the error wraps os.ErrInvalid. Where sem_t has another layout, and on
// systems other than Linux, it wraps errors.ErrUnsupported.
func InitSemaphore(mem []byte, value uint32) (*Semaphore, error) {
	if err := checkSemaphore(mem); err != nil {
		return nil, err
	}
	if value > SemaphoreMax {
		return nil, fmt.Errorf("futex: semaphore value %d is above %d: %w", value, SemaphoreMax, os.ErrInvalid)
	}
	clear(mem[:SemaphoreSize])
	mem[semSharedOff] = semShared // little-endian
	s := overlaySemaphore(mem)
	s.data.Store(uint64(value))
	return s, nil
}

// SemaphoreAt returns the semaphore in the first SemaphoreSize bytes of mem,
// made by InitSemaphore, sem_init(s, 1, v) or sem_open. Its errors are those of
// InitSemaphore; os.ErrInvalid also means that no semaphore was made there, or
// one that only its own process can use.
func SemaphoreAt(mem []byte) (*Semaphore, error) {
	if err := checkSemaphore(mem); err != nil {
		return nil, err
	}
	if got := mem[semSharedOff : semSharedOff+4]; [4]byte(got) != [4]byte{semShared} {
		return nil, fmt.Errorf("futex: no process-shared semaphore: expected %d at byte %d, found % x; use InitSemaphore or sem_init with pshared 1: %w",
			semShared, semSharedOff, got, os.ErrInvalid)
	}
	return overlaySemaphore(mem), nil
}

func checkSemaphore(mem []byte) error {
	if !semaphoreSupported {
		return fmt.Errorf("futex: semaphores need little-endian 64-bit Linux, this is %s/%s: %w", runtime.GOOS, runtime.GOARCH, errors.ErrUnsupported)
	}
	if len(mem) < SemaphoreSize || !aligned8(mem) {
		return fmt.Errorf("futex: a semaphore needs %d bytes at a multiple of 8, got %d at %p: %w", SemaphoreSize, len(mem), mem, os.ErrInvalid)
	}
	return nil
}

// Value returns the number of free tokens, as sem_getvalue does. It may be out
// of date when it returns.
func (s *Semaphore) Value() int { return int(s.data.Load() & semValueMask) }

// waiters is how many have announced that they may sleep.
func (s *Semaphore) waiters() int { return int(s.data.Load() >> 32) }

// TryAcquire takes a token if there is one, and never sleeps.
func (s *Semaphore) TryAcquire() bool {
	for d := s.data.Load(); d&semValueMask != 0; d = s.data.Load() {
		if s.data.CompareAndSwap(d, d-1) {
			return true
		}
	}
	return false
}

// Release adds a token and wakes one waiter, if there are any. At SemaphoreMax
// it adds nothing and returns an error that wraps syscall.EOVERFLOW.
func (s *Semaphore) Release() error {
	for {
		d := s.data.Load()
		if d&semValueMask >= SemaphoreMax {
			return fmt.Errorf("futex: semaphore value %d, a release needs less than %d: %w", d&semValueMask, SemaphoreMax, syscall.EOVERFLOW)
		}
		if s.data.CompareAndSwap(d, d+1) {
			if d>>32 == 0 {
				return nil
			}
			_, err := Wake(s.word, 1)
			return err
		}
	}
}

// AcquireUntil takes a token, and sleeps until there is one. At the deadline it
// returns os.ErrDeadlineExceeded, but a token that is there is taken even after
// it. A zero deadline means none. Nothing is allocated.
func (s *Semaphore) AcquireUntil(deadline time.Time) error {
	if s.TryAcquire() {
		return nil
	}
	return s.acquire(deadline, nil)
}

// Acquire takes a token, and sleeps until there is one or ctx is done; then it
// returns ctx.Err(). A ctx that is done on entry takes no token; one that ends
// at the moment a token comes may go either way. No goroutine waits beside it.
//
// On Linux before 5.16 (no futex_waitv) a cancellation that coincides with
// the start of a sleep may be seen up to 50 ms late.
func (s *Semaphore) Acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.TryAcquire() {
		return nil
	}
	if ctx.Done() == nil {
		return s.acquire(time.Time{}, nil)
	}
	// The canceller must not strike between our look at ctx and our sleep. A
	// wake alone would be lost there, so it moves a word of our own, on which we
	// sleep together with the semaphore's: the kernel compares both once we
	// are queued on them. No other waiter is disturbed, and nothing is
	// repeated until somebody acknowledges it.
	cancel := new(atomic.Uint32)
	stop := context.AfterFunc(ctx, func() {
		cancel.Store(1)
		if noWaitAny.Load() {
			Wake(s.word, 1<<31-1) // we sleep on that one alone: all must look up
		}
		Wake(cancel, 1)
	})
	defer stop()
	err := s.acquire(time.Time{}, cancel)
	if err == errCancelled {
		return ctx.Err()
	}
	return err
}

var errCancelled = errors.New("futex: cancelled")

// acquire is sem_wait's slow path: announce, then take or sleep, in turn. The
// announcement comes before the look at the value, and Release's token before
// its look at the announcement, so one of them sees the other.
func (s *Semaphore) acquire(deadline time.Time, cancel *atomic.Uint32) error {
	d := s.data.Add(semOneWaiter)
	for {
		for d&semValueMask != 0 {
			if s.data.CompareAndSwap(d, d-1-semOneWaiter) {
				return nil
			}
			d = s.data.Load()
		}
		if cancel != nil && cancel.Load() != 0 {
			return s.leave(errCancelled)
		}
		slice := time.Now().Add(semSlice)
		if !deadline.IsZero() {
			if _, ok := remaining(deadline); !ok {
				return s.leave(os.ErrDeadlineExceeded)
			}
			if deadline.Before(slice) {
				slice = deadline
			}
		}
		switch err := s.sleep(slice, cancel); {
		case err == nil, err == ErrChanged, err == os.ErrDeadlineExceeded:
		case errors.Is(err, ErrFault):
			return err // there is nothing left to withdraw from
		default:
			return s.leave(err)
		}
		d = s.data.Load()
	}
}

// sleep waits for a post, a cancellation or the end of the slice.
func (s *Semaphore) sleep(slice time.Time, cancel *atomic.Uint32) error {
	if cancel == nil || noWaitAny.Load() {
		return Wait(s.word, 0, slice)
	}
	ws := [...]Waiter{{s.word, 0}, {cancel, 0}}
	_, err := WaitAny(ws[:], slice)
	if errors.Is(err, errors.ErrUnsupported) {
		// The canceller may have looked at noWaitAny just before: go
		// round and look at the cancel word once more.
		noWaitAny.Store(true)
		return nil
	}
	return err
}

// leave withdraws the announcement. The wake of a post may have been spent on
// us: pass it on if there is a token and somebody to take it.
func (s *Semaphore) leave(err error) error {
	d := s.data.Add(^uint64(semOneWaiter - 1))
	if d&semValueMask != 0 && d>>32 != 0 {
		Wake(s.word, 1) // the caller has an error already
	}
	return err
}
