package shm

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// Memfd makes a region of size bytes, rounded up to whole pages, in an anonymous
// memory file, sealed so that nobody can change its size. It has no name that
// others could open: send File by SendFiles, or inherit it to a child. label
// shows in /proc and need not be unique.
func Memfd(label string, size int, opts ...Option) (*Region, error) {
	return newConfig(opts).memfd(label, size)
}

func (c *config) memfd(label string, size int) (*Region, error) {
	if err := c.forCreate(); err != nil {
		return nil, err
	}
	// memfd_create allows NAME_MAX less its own prefix.
	if most := unix.NAME_MAX - len("memfd:"); len(label) > most || strings.ContainsRune(label, 0) {
		return nil, fmt.Errorf("shm: memfd label %q: longer than %d bytes, or with a NUL: %w", label, most, ErrName)
	}
	var f *os.File
	var err error
	if c.huge != HugeOff && !c.sealed {
		var most int
		if f, most, err = memfdFile(label, size, unix.MFD_HUGETLB); err == nil {
			size = most
		} else {
			c.poolErr = err
		}
	}
	if f == nil {
		if f, size, err = memfdFile(label, size, 0); err != nil {
			return nil, err
		}
	}
	return newMemfd(f, label, size, c)
}

// memfdFile makes the file and gives it its memory.
func memfdFile(label string, size, flags int) (_ *os.File, rounded int, err error) {
	fd, err := memfdCreate(label, flags)
	if err != nil {
		return nil, 0, sysErr("memfd_create", label, err)
	}
	where, page := "memory", os.Getpagesize()
	if flags&unix.MFD_HUGETLB != 0 {
		var st unix.Statfs_t
		if err = unix.Fstatfs(fd, &st); err == nil {
			where, page = "the hugetlb pool", int(st.Bsize)
		}
	}
	if rounded, err = roundSize(size, page); err == nil {
		err = allocate(fd, int64(rounded), where)
	}
	if err != nil {
		unix.Close(fd)
		return nil, 0, fmt.Errorf("shm: memfd %s: %w", label, err)
	}
	return os.NewFile(uintptr(fd), "memfd:"+label), rounded, nil
}

func newMemfd(f *os.File, label string, size int, c *config) (_ *Region, err error) {
	var r *Region
	done := false
	defer func() { // also when the init callback panics
		if done {
			return
		}
		if r != nil {
			r.detach()
		}
		f.Close()
	}()
	fd := int(f.Fd())
	if err := unix.Fchmod(fd, uint32(c.mode)); err != nil {
		return nil, sysErr("chmod", label, err)
	}
	if !c.sealed {
		if err := seal(fd, label, unix.F_SEAL_SHRINK|unix.F_SEAL_GROW|unix.F_SEAL_SEAL); err != nil {
			return nil, err
		}
	}
	if r, err = attach(f, label, BackedByMemfd, size, false, c); err != nil {
		return nil, err
	}
	if err := r.runInit(c); err != nil {
		return nil, err
	}
	if c.sealed { // not before it is mapped: nobody can map it for writing from now on
		if err := seal(fd, label, sealedSeals); isErrno(err, unix.EINVAL) {
			return nil, fmt.Errorf("%w: sealing against future writes needs Linux 5.1: %w", err, errors.ErrUnsupported)
		} else if err != nil {
			return nil, err
		}
	}
	done = true
	return r, nil
}

func seal(fd int, label string, seals int) error {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_ADD_SEALS, seals); err != nil {
		return sysErr("seal", label, err)
	}
	return nil
}

// memfdCreate asks for a file that can be sealed and not be executed; kernels
// before 6.3 do not know the latter.
func memfdCreate(label string, flags int) (int, error) {
	flags |= unix.MFD_CLOEXEC | unix.MFD_ALLOW_SEALING
	fd, err := unix.MemfdCreate(label, flags|unix.MFD_NOEXEC_SEAL)
	if err == unix.EINVAL {
		fd, err = unix.MemfdCreate(label, flags)
	}
	return fd, err
}
