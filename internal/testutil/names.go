package testutil

import (
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
)

// prefix begins the names that belong to this run of a test binary.
var prefix = fmt.Sprintf("annulus-test-%d-", os.Getpid())

var names atomic.Int64

// ShmName returns a name that is free in POSIX shared memory. The tests remove what
// they make of it: Main fails if something is left.
func ShmName() string { return fmt.Sprint(prefix, names.Add(1)) }

var mustGo = []string{"/dev/shm/" + prefix + "*"}

// MustGo names files by a pattern of filepath.Glob that may not be left when the tests
// are over. Call it in init.
func MustGo(pattern string) { mustGo = append(mustGo, pattern) }

// leftFiles lists what the tests have left.
func leftFiles() (left []string) {
	for _, pattern := range mustGo {
		files, _ := filepath.Glob(pattern)
		left = append(left, files...)
	}
	return left
}
