package shm

import (
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// reopen makes a new description of the same file: locks belong to descriptions.
func reopen(fd, flags int) (int, error) {
	return openat(unix.AT_FDCWD, procFD(fd), flags, 0)
}

// describe finds out what kind of file this is, and its name.
func describe(fd int, name string, links uint64) target {
	t := target{base: name, name: name, backing: BackedByFile}
	link, err := os.Readlink(procFD(fd))
	if err != nil {
		return t
	}
	if label, ok := strings.CutPrefix(link, "/memfd:"); ok && links == 0 {
		t.backing = BackedByMemfd
		t.name = strings.TrimSuffix(label, " (deleted)")
		return t
	}
	dir, base := filepath.Split(link)
	posix := filepath.Clean(dir) == posixDir
	if posix {
		t.backing = BackedByPOSIX
	}
	// A file that was linked only after it was opened never gets its name.
	if !strings.HasSuffix(link, " (deleted)") {
		t.dir, t.base, t.name = dir, base, link
		if posix {
			t.name = base
		}
	}
	return t
}

func seals(fd int) int {
	s, err := unix.FcntlInt(uintptr(fd), unix.F_GET_SEALS, 0)
	if err != nil {
		return 0 // not a file that can be sealed
	}
	return s
}

func sealedAgainstShrinking(fd int) bool { return seals(fd)&unix.F_SEAL_SHRINK != 0 }

func sealedAgainstWriting(fd int) bool {
	return seals(fd)&(unix.F_SEAL_WRITE|unix.F_SEAL_FUTURE_WRITE) != 0
}
