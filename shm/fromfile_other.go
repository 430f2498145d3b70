//go:build !linux

package shm

import (
	"path/filepath"

	"golang.org/x/sys/unix"
)

// reopen can only duplicate here; process locks do not mind.
func reopen(fd, _ int) (int, error) {
	return unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 0)
}

func describe(_ int, name string, _ uint64) target {
	dir, base := filepath.Split(name)
	return target{name: name, dir: dir, base: base, backing: BackedByFile}
}

func sealedAgainstShrinking(int) bool { return false }

func sealedAgainstWriting(int) bool { return false }
