package shm

import (
	"crypto/rand"
	"os"
	"strings"
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// tempPrefix marks files in the making, where the file system has no unnamed
// ones. Their creator holds flock on them; without it they are left-overs.
const tempPrefix = ".annulus-new-"

// noUnnamed makes creation take the way of file systems without O_TMPFILE.
var noUnnamed atomic.Bool

// A draft is a file that has no name yet, or only a temporary one.
type draft struct {
	file    *os.File
	fd      int
	publish func() error // gives it its name; EEXIST when that is taken
	discard func()       // closes it and leaves nothing
}

func newDraft(dir int, t target) (*draft, error) {
	if !noUnnamed.Load() {
		d, err := unnamedDraft(dir, t)
		if d != nil || err != nil {
			return d, err
		}
	}
	cleanDrafts(dir)
	return tempDraft(dir, t)
}

// tempDraft makes a file under a temporary name. Its directory entry is what a
// killed creator leaves behind, for the next one to clean up.
func tempDraft(dir int, t target) (*draft, error) {
	for {
		temp := tempPrefix + rand.Text()
		fd, err := openat(dir, temp, unix.O_RDWR|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0o600)
		if err == unix.EEXIST {
			continue
		}
		if err != nil {
			return nil, sysErr("create a file in", t.dir, err)
		}
		// A cleaner may have come between open and flock: then it has the lock,
		// or the name is gone already. Begin again.
		if err := flock(fd, unix.LOCK_EX|unix.LOCK_NB); err != nil || !isNamed(dir, temp, fd) {
			unix.Close(fd)
			if err != nil && err != unix.EWOULDBLOCK {
				_ = unix.Unlinkat(dir, temp, 0)
				return nil, sysErr("flock", t.path(), err)
			}
			continue
		}
		d := &draft{fd: fd, file: os.NewFile(uintptr(fd), t.path())}
		d.publish = func() error {
			// link fails where rename would replace.
			if err := unix.Linkat(dir, temp, dir, t.base, 0); err != nil {
				return err
			}
			_ = unix.Unlinkat(dir, temp, 0)
			return flock(fd, unix.LOCK_UN)
		}
		d.discard = func() {
			_ = unix.Unlinkat(dir, temp, 0)
			_ = d.file.Close()
		}
		return d, nil
	}
}

// cleanDrafts removes the temporary files of creators that died. It is an
// attempt: what cannot be removed disturbs nobody.
func cleanDrafts(dir int) {
	fd, err := openat(dir, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	list := os.NewFile(uintptr(fd), ".")
	defer list.Close()
	names, _ := list.Readdirnames(-1)
	for _, name := range names {
		if strings.HasPrefix(name, tempPrefix) {
			cleanDraft(dir, name)
		}
	}
}

func cleanDraft(dir int, name string) {
	fd, err := openat(dir, name, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return
	}
	defer unix.Close(fd)
	if flock(fd, unix.LOCK_EX|unix.LOCK_NB) == nil && isNamed(dir, name, fd) {
		_ = unix.Unlinkat(dir, name, 0)
	}
}

// isNamed reports whether name in dir is the regular file fd.
func isNamed(dir int, name string, fd int) bool {
	var a, b unix.Stat_t
	return fstat(fd, &a) == nil && unix.Fstatat(dir, name, &b, unix.AT_SYMLINK_NOFOLLOW) == nil &&
		a.Mode&unix.S_IFMT == unix.S_IFREG && a.Dev == b.Dev && a.Ino == b.Ino
}

func flock(fd, how int) error { return retry(func() error { return unix.Flock(fd, how) }) }

func openat(dir int, name string, flags int, mode uint32) (fd int, err error) {
	err = retry(func() error {
		fd, err = unix.Openat(dir, name, flags, mode)
		return err
	})
	return fd, err
}
