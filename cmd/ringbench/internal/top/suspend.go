package top

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// stopHere stops the process group, as ^Z does, and returns when it goes on: signals gets
// SIGCONT. Where no shell is there to let it go on it does nothing: then the group is the
// session's first. It is SIGSTOP, for the Go runtime keeps a handler for SIGTSTP once
// there was a Notify.
func stopHere(signals <-chan os.Signal) {
	session, err := unix.Getsid(0)
	if err != nil || session == unix.Getpgrp() {
		return
	}
	if unix.Kill(0, unix.SIGSTOP) != nil {
		return
	}
	for sig := range signals {
		if sig == syscall.SIGCONT {
			return
		}
	}
}
