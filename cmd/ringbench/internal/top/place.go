package top

import (
	"os"
	"path"
	"slices"
	"strings"
	"syscall"
	"time"

	"annulus/shm"
)

// place is where a ring may lie: an object of POSIX shared memory, or a file.
type place struct {
	name  string
	file  bool
	asked bool // by its name: then it is shown whatever it is
	here  bool
	uid   int
	inode uint64
	size  int64
	mod   time.Time
}

// same tells whether nothing speaks for another content than that of o.
func (p place) same(o place) bool {
	return p.here == o.here && p.uid == o.uid && p.inode == o.inode && p.size == o.size && p.mod.Equal(o.mod)
}

// region maps it for reading, whoever owns it.
func (p place) region() (*shm.Region, error) {
	opts := []shm.Option{shm.ReadOnly(), shm.WithOwner(p.uid)}
	if p.file {
		return shm.OpenFile(p.name, opts...)
	}
	return shm.Open(p.name, opts...)
}

// isFile tells whether an argument is the path of a file: names in shared memory have no
// slash.
func isFile(arg string) bool { return strings.Contains(arg, "/") }

// isPattern tells whether an argument stands for any number of names.
func isPattern(arg string) bool { return strings.ContainsAny(arg, `*?[\`) }

// Wrong says what is wrong with an argument; nil: nothing.
func Wrong(arg string) error {
	if isFile(arg) {
		return nil
	}
	_, err := path.Match(arg, "")
	return err
}

// places lists where to look: all of shared memory, or what args name.
func places(args []string) (all []place, err error) {
	objects, err := shm.List()
	if err != nil && (len(args) == 0 || !slices.ContainsFunc(args, isFile)) {
		return nil, err
	}
	wanted := func(name string) bool {
		return len(args) == 0 || slices.ContainsFunc(args, func(a string) bool {
			match, _ := path.Match(a, name) // Wrong has seen to its error
			return !isFile(a) && (match || a == name)
		})
	}
	for _, o := range objects {
		if wanted(o.Name) {
			all = append(all, place{name: o.Name, here: true, uid: o.UID, inode: o.Inode, size: o.Size, mod: o.ModTime, asked: slices.Contains(args, o.Name)})
		}
	}
	for _, a := range args {
		found := slices.ContainsFunc(all, func(p place) bool { return p.name == a })
		switch {
		case found:
		case isFile(a):
			all = append(all, fileAt(a))
		case !isPattern(a):
			all = append(all, place{name: a, asked: true})
		}
	}
	return all, nil
}

func fileAt(name string) place {
	p := place{name: name, file: true, asked: true, uid: os.Geteuid()}
	fi, err := os.Lstat(name)
	if err != nil {
		return p // opening it says why
	}
	p.here, p.size, p.mod = true, fi.Size(), fi.ModTime()
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		p.uid, p.inode = int(st.Uid), st.Ino
	}
	return p
}
