package rig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"

	"golang.org/x/sys/unix"
)

// Tether makes the kernel kill cmd's process when the calling thread dies. The
// caller has locked its goroutine to the thread until the process has ended.
func Tether(cmd *exec.Cmd) {
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

// AnonymousFile returns an empty file without a name, for memory that processes share.
func AnonymousFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("ringbench", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "ringbench control page"), nil
}
