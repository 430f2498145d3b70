package rival

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

// claim is a directory that its maker holds by a lock for as long as it lives, so that
// the next maker can tell what a killed one has left, and removes that.
type claim struct {
	dir  string
	lock *os.File
}

// newClaim makes a directory in parent, which begins with prefix, after removing those
// of dead makers. What is beside it and begins with its name and an underscore
// belongs to it.
func newClaim(parent, prefix string) (*claim, error) {
	if err := sweep(parent, prefix); err != nil {
		return nil, err
	}
	for {
		dir, err := os.MkdirTemp(parent, prefix)
		if err != nil {
			return nil, err
		}
		lock, err := lockDir(dir)
		if err == nil {
			return &claim{dir, lock}, nil
		}
		if !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
		// Another maker has swept it before it was locked.
	}
}

// beside is the place of that name in the directory's parent.
func (c *claim) beside(name string) string {
	return filepath.Join(filepath.Dir(c.dir), filepath.Base(name))
}

// close removes the directory and what belongs to it.
func (c *claim) close() error {
	return errors.Join(removeClaimed(c.dir), c.lock.Close())
}

// sweep removes what dead makers have left in parent.
func sweep(parent, prefix string) error {
	entries, err := os.ReadDir(parent)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !e.IsDir() || !strings.HasPrefix(e.Name(), prefix) {
			continue
		}
		dir := filepath.Join(parent, e.Name())
		lock, err := lockDir(dir)
		if err != nil {
			continue // it is in use, or gone, or not ours
		}
		err = errors.Join(removeClaimed(dir), lock.Close())
		if err != nil && !errors.Is(err, fs.ErrPermission) {
			return err
		}
	}
	return nil
}

// lockDir locks a directory that is still there; fs.ErrNotExist if it is not, EWOULDBLOCK
// if it is locked.
func lockDir(dir string) (*os.File, error) {
	f, err := os.Open(dir)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		f.Close()
		return nil, os.NewSyscallError("flock", err)
	}
	locked, err := f.Stat()
	if err == nil {
		var named os.FileInfo
		if named, err = os.Stat(dir); err == nil && !os.SameFile(locked, named) {
			err = fs.ErrNotExist
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// removeClaimed removes what stands beside dir first: dir is what it is found by.
func removeClaimed(dir string) error {
	parent, base := filepath.Split(dir)
	entries, err := os.ReadDir(parent) // no pattern: who has chosen the name is not known
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), base+"_") {
			err = errors.Join(err, os.RemoveAll(filepath.Join(parent, e.Name())))
		}
	}
	return errors.Join(err, os.RemoveAll(dir))
}
