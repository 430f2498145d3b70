package top

import (
	"os"
	"os/signal"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// stopHere stops this process by SIGTSTP and returns when it goes on. Sent to this thread
// it takes effect before the call returns; a process group without a shell is not stopped
// by it, and the call returns at once.
func stopHere(c chan os.Signal) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	signal.Reset(syscall.SIGTSTP)
	_ = unix.Tgkill(os.Getpid(), unix.Gettid(), unix.SIGTSTP) // to itself: cannot fail
	signal.Notify(c, syscall.SIGTSTP, syscall.SIGCONT)
}
