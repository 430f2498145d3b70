package shm

import (
	"fmt"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// FromFile maps a file that was received or opened elsewhere: a memfd or a
// regular file. On Linux it opens the file anew, so that the region's locks are
// this process' own, whoever else has the description of f. f stays the
// caller's and may be closed at once. A file that is open for reading only
// needs ReadOnly (fs.ErrPermission); so does one that is sealed against writing.
// Another user's file needs a mode that lets this process open it, besides
// WithOwner. Checks and further errors are those of OpenFile.
func FromFile(f *os.File, opts ...Option) (*Region, error) {
	c := newConfig(opts)
	if err := c.forOpen(); err != nil {
		return nil, err
	}
	var r *Region
	err := control(f, func(fd int) (err error) {
		r, err = fromFD(fd, f.Name(), c)
		return err
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// control runs use with the descriptor of f, which stays open for so long.
func control(f *os.File, use func(fd int) error) error {
	conn, err := f.SyscallConn()
	if err != nil {
		return fmt.Errorf("shm: %w", err)
	}
	var inner error
	if conn.Control(func(fd uintptr) { inner = use(int(fd)) }) != nil {
		return fmt.Errorf("shm: %s: %w", f.Name(), os.ErrClosed) // its only reason
	}
	return inner
}

func fromFD(fd int, name string, c *config) (*Region, error) {
	var st unix.Stat_t
	if err := fstat(fd, &st); err != nil {
		return nil, sysErr("fstat", name, err)
	}
	if err := regular(&st, name); err != nil {
		return nil, err
	}
	if !c.readOnly {
		flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0)
		if err != nil {
			return nil, sysErr("fcntl", name, err)
		}
		if flags&unix.O_ACCMODE != unix.O_RDWR || sealedAgainstWriting(fd) {
			return nil, fmt.Errorf("shm: %s cannot be written; pass ReadOnly: %w", name, fs.ErrPermission)
		}
	}
	own, err := reopen(fd, c.openFlags())
	if err != nil {
		return nil, sysErr("reopen", name, err)
	}
	return adopt(own, describe(own, name, uint64(st.Nlink)), c)
}
