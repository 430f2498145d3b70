package shm

import (
	"fmt"
	"math"
	"os"
	"slices"

	"golang.org/x/sys/unix"
)

// OpenFile maps a whole existing file. ErrNotRegular: the path leads to a
// directory, a FIFO, a device, a socket or a symbolic link. ErrOwner: the file
// belongs to somebody else (see WithOwner). ErrSize: it is empty, or larger than
// the address space. Further: ErrName, ErrFilesystem, fs.ErrNotExist,
// fs.ErrPermission. It never waits and never changes the file.
func OpenFile(path string, opts ...Option) (*Region, error) {
	t, err := fileTarget(path)
	if err != nil {
		return nil, err
	}
	return open(t, newConfig(opts))
}

func open(t target, c *config) (*Region, error) {
	if err := c.forOpen(); err != nil {
		return nil, err
	}
	// The type first: opening a device or a FIFO may do something already. It is
	// looked at once more when the file is open.
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstatat(unix.AT_FDCWD, t.path(), &st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return nil, sysErr("open", t.path(), err)
	}
	if err := regular(&st, t.path()); err != nil {
		return nil, err
	}
	fd, err := openat(unix.AT_FDCWD, t.path(), c.openFlags()|unix.O_NOFOLLOW, 0)
	if isErrno(err, unix.ELOOP) {
		return nil, fmt.Errorf("shm: %s is a symbolic link, which is not followed: %w", t.path(), ErrNotRegular)
	}
	if err != nil {
		return nil, sysErr("open", t.path(), err)
	}
	return adopt(fd, t, c)
}

func (c *config) openFlags() int {
	flags := unix.O_CLOEXEC | unix.O_NONBLOCK | unix.O_NOCTTY
	if c.readOnly {
		return flags | unix.O_RDONLY
	}
	return flags | unix.O_RDWR
}

// adopt checks an open file and makes a Region of it; fd is closed on errors.
func adopt(fd int, t target, c *config) (*Region, error) {
	f := os.NewFile(uintptr(fd), t.path())
	size, err := vet(fd, t.path(), c)
	if err == nil {
		var r *Region
		if r, err = attach(f, t.name, t.backing, size, !sealedAgainstShrinking(fd), c); err == nil {
			return r, nil
		}
	}
	f.Close()
	return nil, err
}

// vet returns the size of a file that may be mapped.
func vet(fd int, path string, c *config) (int, error) {
	var st unix.Stat_t
	if err := fstat(fd, &st); err != nil {
		return 0, sysErr("fstat", path, err)
	}
	if err := regular(&st, path); err != nil {
		return 0, err
	}
	if euid := os.Geteuid(); int(st.Uid) != euid && !slices.Contains(c.owners, int(st.Uid)) {
		return 0, fmt.Errorf("shm: %s belongs to uid %d, expected %d; run as that user or pass WithOwner(%d): %w",
			path, st.Uid, euid, st.Uid, ErrOwner)
	}
	if err := checkFilesystem(fd, path); err != nil {
		return 0, err
	}
	if st.Size == 0 {
		return 0, fmt.Errorf("shm: %s: the file is empty (0 bytes): it was not made by Create, or was truncated; remove it and create it anew: %w", path, ErrSize)
	}
	if st.Size < 0 || uint64(st.Size) > math.MaxInt {
		return 0, fmt.Errorf("shm: %s: %d bytes are more than this platform can address: %w", path, st.Size, ErrSize)
	}
	return int(st.Size), nil
}

// regular refuses everything that is not a regular file, by name.
func regular(st *unix.Stat_t, path string) error {
	kind := ""
	switch uint32(st.Mode) & unix.S_IFMT {
	case unix.S_IFREG:
		return nil
	case unix.S_IFDIR:
		kind = "a directory"
	case unix.S_IFIFO:
		kind = "a FIFO"
	case unix.S_IFSOCK:
		kind = "a socket"
	case unix.S_IFCHR:
		kind = "a character device"
	case unix.S_IFBLK:
		kind = "a block device"
	case unix.S_IFLNK:
		kind = "a symbolic link, which is not followed"
	default:
		kind = fmt.Sprintf("of file type %#o", uint32(st.Mode)&unix.S_IFMT)
	}
	return fmt.Errorf("shm: %s is %s: %w", path, kind, ErrNotRegular)
}

// RemoveFile removes the name of a region. Those who have it open keep it
// (Region.Links is 0 then). fs.ErrNotExist, fs.ErrPermission; ErrNotRegular for
// anything but a regular file.
func RemoveFile(path string) error {
	t, err := fileTarget(path)
	if err != nil {
		return err
	}
	return remove(t)
}

func remove(t target) error {
	var st unix.Stat_t
	if err := retry(func() error { return unix.Fstatat(unix.AT_FDCWD, t.path(), &st, unix.AT_SYMLINK_NOFOLLOW) }); err != nil {
		return sysErr("remove", t.path(), err)
	}
	if err := regular(&st, t.path()); err != nil {
		return err
	}
	if err := retry(func() error { return unix.Unlink(t.path()) }); err != nil {
		return sysErr("remove", t.path(), err)
	}
	return nil
}
