//go:build !linux

package top

import (
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopHere stops this process by SIGTSTP and returns when it goes on. A process group
// without a shell is not stopped by it; then the call returns after a moment.
func stopHere(c chan os.Signal) {
	signal.Reset(syscall.SIGTSTP)
	defer signal.Notify(c, syscall.SIGTSTP, syscall.SIGCONT)
	_ = syscall.Kill(os.Getpid(), syscall.SIGTSTP) // to itself: cannot fail
	select {
	case <-c:
	case <-time.After(100 * time.Millisecond):
	}
}
