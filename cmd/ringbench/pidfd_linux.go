package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// processHandle returns what kills process pid, and only that one, whoever has its
// number later.
func processHandle(pid int) (kill func() error, done func(), err error) {
	fd, err := unix.PidfdOpen(pid, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("pidfd_open", err)
	}
	return func() error {
			return os.NewSyscallError("pidfd_send_signal", unix.PidfdSendSignal(fd, unix.SIGKILL, nil, 0))
		},
		func() { unix.Close(fd) }, nil
}
