package shm

import (
	"fmt"
	"io/fs"
	"os"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// posixDir is where shm_open puts its objects.
const posixDir = "/dev/shm"

// posixTarget checks a name: what shm_open("/"+name) accepts.
func posixTarget(name string) (target, error) {
	why := ""
	switch {
	case name == "":
		why = "empty"
	case name == "." || name == "..":
		why = "a directory"
	case strings.HasPrefix(name, "/"):
		why = "begins with a slash; leave it out"
	case strings.ContainsAny(name, "/\x00"):
		why = "contains a slash or a NUL"
	case len(name) > unix.NAME_MAX:
		why = fmt.Sprintf("is %d bytes long, at most %d are allowed", len(name), unix.NAME_MAX)
	case strings.HasPrefix(name, tempPrefix):
		why = "is for objects in the making"
	}
	if why != "" {
		return target{}, fmt.Errorf("shm: name %q: %s: %w", name, why, ErrName)
	}
	return target{dir: posixDir, base: name, name: name, backing: BackedByPOSIX}, nil
}

// Create makes a region of size bytes, rounded up to whole pages, in POSIX
// shared memory: the object that C opens by shm_open("/NAME"). name has no
// slash. Promises and errors are those of CreateFile. The object stays until
// Remove or a reboot.
func Create(name string, size int, opts ...Option) (*Region, error) {
	t, err := posixTarget(name)
	if err != nil {
		return nil, err
	}
	return create(t, size, newConfig(opts))
}

// Open maps an existing POSIX shared memory object. Errors are those of OpenFile.
func Open(name string, opts ...Option) (*Region, error) {
	t, err := posixTarget(name)
	if err != nil {
		return nil, err
	}
	return open(t, newConfig(opts))
}

// Remove removes a POSIX shared memory object, as RemoveFile removes a file.
func Remove(name string) error {
	t, err := posixTarget(name)
	if err != nil {
		return err
	}
	return remove(t)
}

// List returns the POSIX shared memory objects of this machine, those of other
// programs included, by name.
func List() ([]Info, error) {
	entries, err := os.ReadDir(posixDir)
	if err != nil {
		return nil, fmt.Errorf("shm: list: %w", err)
	}
	var list []Info
	for _, e := range entries {
		if !e.Type().IsRegular() || strings.HasPrefix(e.Name(), tempPrefix) {
			continue
		}
		var st unix.Stat_t
		if unix.Lstat(posixDir+"/"+e.Name(), &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
			continue // gone, or replaced, since the directory was read
		}
		list = append(list, Info{
			Name: e.Name(), Size: st.Size, Mode: fs.FileMode(st.Mode & 0o777), UID: int(st.Uid), Inode: st.Ino,
			ModTime: time.Unix(st.Mtim.Unix()),
		})
	}
	return list, nil
}
