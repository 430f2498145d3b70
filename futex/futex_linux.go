package futex

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// maxHoldNoPreempt bounds a hold that no signal can end.
const maxHoldNoPreempt = 100 * time.Microsecond

// maxSleep bounds one system call: a 32-bit timespec has no room for more than
// 68 years, and the loop sleeps again.
const maxSleep = 365 * 24 * time.Hour

// noAsyncPreempt says that the runtime cannot interrupt a held P. The runtime
// reads these settings once, at its start, and so does this.
var noAsyncPreempt = asyncPreemptOff(os.Getenv("GODEBUG"))

func asyncPreemptOff(godebug string) bool {
	off := false
	for s := range strings.SplitSeq(godebug, ",") {
		k, v, _ := strings.Cut(s, "=")
		switch k {
		case "asyncpreemptoff", "gccheckmark": // the second implies the first
			off = off || v != "0"
		}
	}
	return off
}

// wait is Wait and WaitHold; calls counts the system calls it took.
//
// The timeout is relative (FUTEX_WAIT) and computed anew for every call, not
// absolute (FUTEX_WAIT_BITSET): the deadline is an instant of Go's clocks, and
// Go does not show what its monotonic reading is on CLOCK_MONOTONIC, so an
// absolute time would need a clock_gettime call more and a subtraction all the
// same. Errors do not add up, since every rest is taken from the deadline. A
// relative time also fits the 32-bit timespec of SYS_FUTEX on 32-bit systems
// for ever, and so needs no futex_time64, which older kernels lack.
//
// The first call with a hold is made without telling the scheduler. It must be
// timed: only a timed wait is ended by a signal whose handler says SA_RESTART,
// and the runtime's SIGURG, sent to stop this goroutine, is such a one. A
// signal that comes before the call has begun is not lost for good, since the
// runtime repeats it until it is obeyed. The next call is an ordinary one,
// whose entry gives way to the collector.
func wait(addr *atomic.Uint32, val uint32, hold time.Duration, deadline time.Time) (calls int, err error) {
	if noAsyncPreempt {
		hold = min(hold, maxHoldNoPreempt)
	}
	for {
		rest, timed := maxSleep, !deadline.IsZero()
		if timed {
			var ok bool
			if rest, ok = remaining(deadline); !ok {
				return calls, os.ErrDeadlineExceeded
			}
		}
		var errno syscall.Errno
		switch {
		case hold > 0:
			errno = futexWaitHeld(addr, val, min(hold, rest, maxSleep))
			hold = 0
		case timed:
			errno = futexWaitFor(addr, val, min(rest, maxSleep))
		default:
			errno = futexWait(addr, val)
		}
		calls++
		switch errno {
		case 0:
			return calls, nil
		case unix.EINTR, unix.ETIMEDOUT:
			// Still queued when it ended, so no Wake was spent on us.
		case unix.EAGAIN:
			if calls > 1 {
				return calls, nil // it held on entry, and moved between two calls
			}
			return calls, ErrChanged
		case unix.EFAULT:
			return calls, ErrFault
		default:
			return calls, os.NewSyscallError("futex wait", errno)
		}
	}
}

func wake(addr *atomic.Uint32, n int) (int, error) {
	woken, errno := futexWake(addr, min(n, 1<<31-1))
	switch errno {
	case 0:
		return woken, nil
	case unix.EFAULT:
		return 0, ErrFault
	}
	return 0, os.NewSyscallError("futex wake", errno)
}

// waitAny knows absolute times only: futex_waitv takes no others. The kernel
// restarts it after a signal.
func waitAny(ws []Waiter, deadline time.Time) (int, error) {
	for {
		var until kernelTimespec
		timed := !deadline.IsZero()
		if timed {
			rest, ok := remaining(deadline)
			if !ok {
				return -1, os.ErrDeadlineExceeded
			}
			var err error
			if until, err = monotonicAfter(min(rest, maxSleep)); err != nil {
				return -1, err
			}
		}
		woken, errno := futexWaitAny(ws, timed, until)
		switch errno {
		case 0:
			return woken, nil
		case unix.EINTR, unix.ETIMEDOUT:
		case unix.EAGAIN:
			return -1, ErrChanged
		case unix.EFAULT:
			return -1, ErrFault
		case unix.ENOSYS:
			return -1, fmt.Errorf("futex: WaitAny needs Linux 5.16 (futex_waitv), this kernel has none; wait on one word: %w", errors.ErrUnsupported)
		default:
			return -1, os.NewSyscallError("futex_waitv", errno)
		}
	}
}

// monotonicAfter is the instant d from now on CLOCK_MONOTONIC.
func monotonicAfter(d time.Duration) (kernelTimespec, error) {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return kernelTimespec{}, os.NewSyscallError("clock_gettime", err)
	}
	nsec := int64(now.Nsec) + int64(d%time.Second)
	return kernelTimespec{
		Sec:  int64(now.Sec) + int64(d/time.Second) + nsec/int64(time.Second),
		Nsec: nsec % int64(time.Second),
	}, nil
}
