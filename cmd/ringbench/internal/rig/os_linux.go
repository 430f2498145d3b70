package rig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// tether makes the kernel kill cmd's process when the calling thread dies. The
// caller has locked its goroutine to the thread until the process has ended.
func tether(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}

// withBlocked calls f, in which processes are started, with signals blocked in the calling thread: they
// inherit that. The caller has locked its goroutine to the thread.
func withBlocked(sigs []syscall.Signal, f func() error) error {
	if len(sigs) == 0 {
		return f()
	}
	var set, before unix.Sigset_t
	word := uint(1024 / len(set.Val)) // bits
	for _, s := range sigs {
		set.Val[uint(s-1)/word] |= 1 << (uint(s-1) % word)
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &set, &before); err != nil {
		return fmt.Errorf("block signals: %w", err)
	}
	err := f()
	return errors.Join(err, unix.PthreadSigmask(unix.SIG_SETMASK, &before, nil))
}

// CPUTime is the processor time that a process has taken so far; 0 where that cannot be known.
func CPUTime(pid int) time.Duration {
	var t unix.Timespec
	if unix.ClockGettime(int32(^pid<<3|2), &t) != nil { // as clock_getcpuclockid
		return 0
	}
	return time.Duration(t.Nano())
}

// Nap sleeps for d as exactly as the kernel does: time.Sleep may be late by a millisecond
// where nothing else runs. The thread is the caller's meanwhile.
func Nap(d time.Duration) {
	unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // this thread; else it adds 50 us
	t := unix.NsecToTimespec(int64(d))
	for unix.Nanosleep(&t, &t) == unix.EINTR {
	}
}

// anonymousFile returns an empty file without a name, for memory that processes share.
func anonymousFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("ringbench", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "ringbench control page"), nil
}

// UnnamedFile returns an empty file in dir that never has a name, where its file system can do that.
func UnnamedFile(dir string) (*os.File, error) {
	if f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600); err == nil {
		return f, nil
	}
	return removedFile(dir)
}
