package shm

import (
	"errors"
	"fmt"
	"os"

	"golang.org/x/sys/unix"
)

// sealedSeals keep a memfd from being written but through the mapping that is there,
// from changing its size, also by holes, and from losing these seals.
const sealedSeals = unix.F_SEAL_FUTURE_WRITE | unix.F_SEAL_SHRINK | unix.F_SEAL_GROW | unix.F_SEAL_SEAL

// Sealed is Memfd for memory that this Region alone can ever write, to be shown to a
// process that is not trusted. It is mapped, initialised, and then sealed: whoever is
// handed its file, by Copy, can read it and do nothing else, this user's other
// processes and root included. It lies between two pages that nobody may touch. All of
// it is allocated from the start. Linux 5.1 is needed.
func Sealed(label string, size int, opts ...Option) (*Region, error) {
	c := newConfig(opts)
	c.sealed, c.noGuard = true, true
	if c.huge == HugeRequire {
		return nil, fmt.Errorf("shm: sealed memfd %s: from the hugetlb pool its receiver could not be sure of its pages: %w", label, errHuge)
	}
	return c.memfd(label, size)
}

// FromSealed maps a file that another process made with Sealed and sent a Copy of,
// for reading only and between two pages that nobody may touch. It believes nothing:
// the file must have the seals, be of memory, and have from least to most bytes
// (ErrSeals, ErrSize). All of its pages are there before this returns, and none can go
// later, so that reading it never faults; what it says may change at any time.
// f stays the caller's and may be closed at once.
func FromSealed(f *os.File, least, most int) (*Region, error) {
	var r *Region
	err := control(f, func(fd int) error {
		size, err := vetSealed(fd, least, most)
		if err != nil {
			return err
		}
		own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
		if err != nil {
			return sysErr("fcntl", "a received file", err)
		}
		file := os.NewFile(uintptr(own), "received memfd")
		c := &config{readOnly: true, noGuard: true, sealed: true}
		if r, err = attach(file, file.Name(), BackedByMemfd, size, false, c); err != nil {
			file.Close()
			return err
		}
		if err := prefault(r.mem, true); err != nil {
			return fmt.Errorf("shm: the received memfd's %d bytes cannot all be had: %w", size, errors.Join(err, r.Close()))
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	return r, nil
}

// vetSealed returns the size of a file that may be mapped. The seals come first: the
// file systems that have them answer by themselves, others may let the asker wait.
func vetSealed(fd, least, most int) (int, error) {
	got, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return 0, fmt.Errorf("shm: the received file cannot be sealed (%w): it is no memfd: %w", err, ErrSeals)
	}
	if got&sealedSeals != sealedSeals {
		return 0, fmt.Errorf("shm: the received memfd has seals %#x, expected %#x: %w", got, sealedSeals, ErrSeals)
	}
	var fs unix.Statfs_t
	if err := retry(func() error { return unix.Fstatfs(fd, &fs) }); err != nil {
		return 0, sysErr("fstatfs", "the received memfd", err)
	}
	if uint32(fs.Type) != unix.TMPFS_MAGIC {
		return 0, fmt.Errorf("shm: the received memfd lies in a file system of type %#x, expected memory (%#x): %w", fs.Type, unix.TMPFS_MAGIC, ErrSeals)
	}
	var st unix.Stat_t
	if err := fstat(fd, &st); err != nil {
		return 0, sysErr("fstat", "the received memfd", err)
	}
	if st.Size < int64(least) || st.Size > int64(most) {
		return 0, fmt.Errorf("shm: the received memfd has %d bytes, expected from %d to %d: %w", st.Size, least, most, ErrSize)
	}
	return int(st.Size), nil
}

// Copy opens the region's file anew, for reading only: a description to be sent to
// another process, that carries no locks. It is the caller's to close.
func (r *Region) Copy() (*os.File, error) {
	if err := r.enter(); err != nil {
		return nil, err
	}
	defer r.Drop()
	fd, err := reopen(r.fd, unix.O_RDONLY|unix.O_CLOEXEC)
	if err != nil {
		return nil, sysErr("reopen", r.title(), err)
	}
	return os.NewFile(uintptr(fd), r.name), nil
}
