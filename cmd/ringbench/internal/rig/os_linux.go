package rig

import (
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

// AnonymousFile returns an empty file without a name, for memory that processes share.
func AnonymousFile() (*os.File, error) {
	fd, err := unix.MemfdCreate("ringbench", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	return os.NewFile(uintptr(fd), "ringbench control page"), nil
}
