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

// leftInShm lists what the tests have left in POSIX shared memory.
func leftInShm() []string {
	left, _ := filepath.Glob("/dev/shm/" + prefix + "*")
	return left
}
