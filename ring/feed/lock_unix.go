//go:build unix && !solaris && !aix

package feed

import (
	"os"
	"syscall"
)

// lockFile makes a file its holder's alone among those who lock it, until it is closed.
func lockFile(f *os.File) error {
	raw, err := f.SyscallConn()
	if err != nil {
		return err
	}
	if cerr := raw.Control(func(fd uintptr) { err = syscall.Flock(int(fd), syscall.LOCK_EX|syscall.LOCK_NB) }); cerr != nil {
		return cerr
	}
	return err
}
