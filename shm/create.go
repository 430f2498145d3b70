package shm

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// A target is where a named region lives: base in directory dir.
type target struct {
	dir, base string
	name      string // as the user gave it
	backing   Backing
}

func (t target) path() string { return filepath.Join(t.dir, t.base) }

// fileTarget checks a path.
func fileTarget(path string) (target, error) {
	if path == "" || strings.ContainsRune(path, 0) {
		return target{}, fmt.Errorf("shm: path %q: empty or with a NUL: %w", path, ErrName)
	}
	dir, base := filepath.Split(path)
	if base == "" || base == "." || base == ".." {
		return target{}, fmt.Errorf("shm: path %q: ends in a directory, not in a file name: %w", path, ErrName)
	}
	if strings.HasPrefix(base, tempPrefix) {
		return target{}, fmt.Errorf("shm: path %q: %s... is for files in the making: %w", path, tempPrefix, ErrName)
	}
	return target{dir: filepath.Clean(dir), base: base, name: path, backing: BackedByFile}, nil
}

// CreateFile makes a region of size bytes, rounded up to whole pages, in a new
// file. The file appears under its name in one step, complete: allocated,
// mapped, initialised. fs.ErrExist: the name is taken, also by another creator
// who was faster. ErrNoSpace: the file system, a quota or RLIMIT_FSIZE does not
// allow it. Further: ErrName, ErrSize, ErrFilesystem, fs.ErrNotExist (no such
// directory), fs.ErrPermission. After any error nothing is left behind.
func CreateFile(path string, size int, opts ...Option) (*Region, error) {
	t, err := fileTarget(path)
	if err != nil {
		return nil, err
	}
	return create(t, size, newConfig(opts))
}

func create(t target, size int, c *config) (_ *Region, err error) {
	if err := c.forCreate(); err != nil {
		return nil, err
	}
	size, err = roundSize(size, os.Getpagesize())
	if err != nil {
		return nil, err
	}
	dir, err := openDir(t.dir)
	if err != nil {
		return nil, sysErr("open directory", t.dir, err)
	}
	defer unix.Close(dir)
	if err := checkFilesystem(dir, t.dir); err != nil {
		return nil, err
	}
	// Only for a quick answer: publish decides.
	var st unix.Stat_t
	if unix.Fstatat(dir, t.base, &st, unix.AT_SYMLINK_NOFOLLOW) == nil {
		return nil, existErr(t)
	}
	d, err := newDraft(dir, t)
	if err != nil {
		return nil, err
	}
	var r *Region
	done := false
	defer func() { // also when the init callback panics
		if done {
			return
		}
		if r != nil {
			r.detach()
		}
		d.discard()
	}()
	if err := allocate(d.fd, int64(size), t.dir); err != nil {
		return nil, fmt.Errorf("shm: create %s: %w", t.path(), err)
	}
	if r, err = attach(d.file, t.name, t.backing, size, true, c); err != nil {
		return nil, err
	}
	if err := r.runInit(c); err != nil {
		return nil, err
	}
	// Exact, whatever the umask made of the mode at open, and not before the
	// contents are complete.
	if err := retry(func() error { return unix.Fchmod(d.fd, uint32(c.mode)) }); err != nil {
		return nil, sysErr("chmod", t.path(), err)
	}
	if err := d.publish(); err != nil {
		if isErrno(err, unix.EEXIST) {
			return nil, existErr(t)
		}
		return nil, sysErr("link", t.path(), err)
	}
	done = true
	return r, nil
}

func existErr(t target) error {
	return fmt.Errorf("shm: create %s: open it, or remove it first: %w", t.path(), fs.ErrExist)
}

// writeZeros fills a file where the file system cannot allocate.
func writeZeros(fd int, size int64) error {
	zeros := make([]byte, min(size, 1<<20))
	for off := int64(0); off < size; {
		n, err := unix.Pwrite(fd, zeros[:min(size-off, int64(len(zeros)))], off)
		if err == unix.EINTR {
			continue
		}
		if err != nil {
			return err
		}
		off += int64(n)
	}
	return nil
}

// spaceErr turns what an allocation failed with into an error that says what
// there is and what to do.
func spaceErr(err error, size int64, dir string) error {
	switch {
	case isErrno(err, unix.ENOSPC):
		free := "an unknown number of"
		if n, ok := freeBytes(dir); ok {
			free = fmt.Sprint(n)
		}
		return fmt.Errorf("%w: %s has %s bytes free, %d were asked for; free some, enlarge the file system, or ask for less: %w",
			ErrNoSpace, dir, free, size, err)
	case isErrno(err, unix.EDQUOT):
		return fmt.Errorf("%w: the quota in %s does not allow %d bytes; raise it or ask for less: %w", ErrNoSpace, dir, size, err)
	case isErrno(err, unix.ENOMEM):
		return fmt.Errorf("%w: the system has no memory for %d bytes in %s; ask for less: %w", ErrNoSpace, size, dir, err)
	case isErrno(err, unix.EFBIG):
		var lim unix.Rlimit
		if unix.Getrlimit(unix.RLIMIT_FSIZE, &lim) == nil && uint64(lim.Cur) < uint64(size) {
			return fmt.Errorf("%w: RLIMIT_FSIZE is %d bytes, %d were asked for; raise it (ulimit -f) or ask for less: %w",
				ErrNoSpace, lim.Cur, size, err)
		}
		return fmt.Errorf("%w: the file system of %s has no files of %d bytes; ask for less: %w", ErrNoSpace, dir, size, err)
	}
	return fmt.Errorf("allocating %d bytes in %s: %w", size, dir, err)
}
