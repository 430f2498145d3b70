package shm

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"
)

// Errors of this package, to be found with errors.Is. The standard ones are
// used where they exist: fs.ErrExist, fs.ErrNotExist, fs.ErrPermission,
// fs.ErrInvalid (a bad argument), os.ErrClosed and errors.ErrUnsupported.
var (
	// ErrName: the name or path cannot name a region.
	ErrName = errors.New("invalid name")
	// ErrNotRegular: the path leads to something else than a regular file.
	ErrNotRegular = errors.New("not a regular file")
	// ErrOwner: the file belongs to a user that was not accepted.
	ErrOwner = errors.New("unexpected owner")
	// ErrSize: a size that cannot be mapped, or an empty file.
	ErrSize = errors.New("invalid size")
	// ErrNoSpace: the memory or disk space of a new region could not be had.
	// The error also wraps the system's reason, mostly syscall.ENOSPC.
	ErrNoSpace = errors.New("not enough space")
	// ErrTruncated: the file under a mapping became shorter than the mapping.
	ErrTruncated = errors.New("file was truncated")
	// ErrLocked: somebody, perhaps this Region itself, holds the lock byte.
	ErrLocked = errors.New("already locked")
	// ErrSeals: a file that was received is not what Sealed makes.
	ErrSeals = errors.New("not sealed as expected")
	// ErrFilesystem: the file system cannot carry shared memory or its locks.
	ErrFilesystem = errors.New("unsuitable file system")
)

// errHuge: huge pages were required and could not be had.
var errHuge = fmt.Errorf("huge pages could not be had: %w", errors.ErrUnsupported)

// sysErr reports a failed system call on what.
func sysErr(op, what string, err error) error {
	return fmt.Errorf("shm: %s %s: %w", op, what, err)
}

// isErrno reports whether err is or wraps one of the given errnos.
func isErrno(err error, any ...syscall.Errno) bool {
	var e syscall.Errno
	if !errors.As(err, &e) {
		return false
	}
	for _, a := range any {
		if e == a {
			return true
		}
	}
	return false
}

func invalid(format string, args ...any) error {
	return fmt.Errorf("shm: "+format+": %w", append(args, fs.ErrInvalid)...)
}

// closedError is os.ErrClosed, whose own text is less exact.
type closedError string

func (e closedError) Error() string { return string(e) }

func (closedError) Unwrap() error { return os.ErrClosed }
