package shm

import (
	"fmt"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

func openDir(dir string) (int, error) {
	return openat(unix.AT_FDCWD, dir, unix.O_PATH|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
}

// unnamedDraft makes a file without any name: a creator that dies leaves
// nothing. It returns nil, nil where the file system does not know O_TMPFILE.
func unnamedDraft(dir int, t target) (*draft, error) {
	fd, err := openat(dir, ".", unix.O_TMPFILE|unix.O_RDWR|unix.O_CLOEXEC, 0o600)
	if isErrno(err, unix.EOPNOTSUPP, unix.EISDIR, unix.ENOENT, unix.EINVAL) {
		return nil, nil
	}
	if err != nil {
		return nil, sysErr("create a file in", t.dir, err)
	}
	d := &draft{fd: fd, file: os.NewFile(uintptr(fd), t.path())}
	d.publish = func() error {
		// By way of /proc, for AT_EMPTY_PATH needs a capability.
		err := unix.Linkat(unix.AT_FDCWD, procFD(fd), dir, t.base, unix.AT_SYMLINK_FOLLOW)
		if err == unix.ENOENT {
			err = unix.Linkat(fd, "", dir, t.base, unix.AT_EMPTY_PATH)
		}
		return err
	}
	d.discard = func() { _ = d.file.Close() }
	return d, nil
}

func procFD(fd int) string { return "/proc/self/fd/" + strconv.Itoa(fd) }

// allocate gives a file its size and all its memory or disk space. It goes in
// steps: a signal undoes no more than one.
func allocate(fd int, size int64, dir string) error {
	if isMemory(fd) {
		if err := fitsMemory(size, dir); err != nil {
			return err
		}
	}
	const step = 64 << 20
	for off := int64(0); off < size; off += step {
		err := retry(func() error { return unix.Fallocate(fd, 0, off, min(step, size-off)) })
		if isErrno(err, unix.EOPNOTSUPP, unix.ENOSYS) {
			err = writeZeros(fd, size)
			if err == nil {
				return nil
			}
		}
		if err != nil {
			return spaceErr(err, size, dir)
		}
	}
	return nil
}

func freeBytes(dir string) (uint64, bool) {
	var st unix.Statfs_t
	if err := unix.Statfs(dir, &st); err != nil {
		return 0, false
	}
	return st.Bavail * uint64(st.Bsize), true
}

// refused are file systems on which memory is not shared between all that open
// the file, or whose locks the kernel here does not attest.
var refused = map[uint32]string{
	unix.NFS_SUPER_MAGIC:  "nfs",
	unix.FUSE_SUPER_MAGIC: "fuse",
	unix.V9FS_MAGIC:       "9p",
	unix.SMB_SUPER_MAGIC:  "smb",
	unix.SMB2_SUPER_MAGIC: "smb",
	unix.CIFS_SUPER_MAGIC: "cifs",
}

// statfsType is replaced by a test.
var statfsType = func(fd int) (uint32, error) {
	var st unix.Statfs_t
	err := retry(func() error { return unix.Fstatfs(fd, &st) })
	return uint32(st.Type), err
}

func checkFilesystem(fd int, path string) error {
	typ, err := statfsType(fd)
	if err != nil {
		return sysErr("statfs", path, err)
	}
	if name, bad := refused[typ]; bad {
		return fmt.Errorf("shm: %s is on %s, where memory or locks are not shared; use a local file system such as tmpfs, ext4 or xfs: %w",
			path, name, ErrFilesystem)
	}
	return nil
}
