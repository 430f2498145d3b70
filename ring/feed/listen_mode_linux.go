package feed

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// ownerOnly makes the file that a Unix socket will be bound to its owner's: Linux gives
// it the socket's own mode.
func ownerOnly(_, _ string, c syscall.RawConn) error {
	var err error
	if cerr := c.Control(func(fd uintptr) { err = unix.Fchmod(int(fd), 0o600) }); cerr != nil {
		return cerr
	}
	return err
}
