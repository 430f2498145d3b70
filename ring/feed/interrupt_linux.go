package feed

import (
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// sleeper makes system calls that sleep in the kernel on what cannot be polled, and ends
// them: see docs/decisions/0009-system-v-waits.md.
type sleeper struct {
	thread  atomic.Int64 // that is in the call, 0: none
	stopped atomic.Bool
}

// wakeable fails where the signal that ends waits for what would not.
func wakeable(what fmt.Stringer) error {
	if signal.Ignored(syscall.SIGURG) {
		return fmt.Errorf("feed: %v: SIGURG is ignored, so that no wait can be ended: signal.Reset(syscall.SIGURG): %w", what, os.ErrInvalid)
	}
	return nil
}

// call calls f until no signal has interrupted it, or returns ErrStopped.
func (s *sleeper) call(f func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	s.thread.Store(int64(unix.Gettid()))
	defer s.thread.Store(0)
	// The thread is told before the look at stopped, and stop sets it before it looks
	// for a thread: one of them sees the other.
	for !s.stopped.Load() {
		if err := f(); err != unix.EINTR {
			return err
		}
	}
	return ErrStopped
}

// stop ends the call under way and all later ones. The signal may come just before the call
// sleeps, where it does nothing, so it is sent until the thread has left.
func (s *sleeper) stop() {
	s.stopped.Store(true)
	for nap := (backoff{50 * time.Microsecond, 10 * time.Millisecond}); ; nap.wait(nil) {
		thread := s.thread.Load()
		if thread == 0 {
			return
		}
		// The runtime sends itself SIGURG at any time, to preempt goroutines, and takes any
		// for a false alarm. An error: that thread has ended.
		_ = unix.Tgkill(os.Getpid(), int(thread), unix.SIGURG)
	}
}
