package futex

import (
	"fmt"
	"os"
	"strings"
)

// NamedSemaphore is a POSIX named semaphore: the one that C programs with glibc have from
// sem_open("/NAME"), the file /dev/shm/sem.NAME. It stays until RemoveSemaphore or
// a reboot. What is said of Semaphore holds; it may not be used any more after Close.
type NamedSemaphore struct {
	Semaphore
	mem []byte
}

// semPrefix is what glibc puts before a name, as it does for sem_open.
const semPrefix = "sem."

// semBase returns the name of the file of a semaphore. As in C the name may begin with
// slashes.
func semBase(name string) (string, error) {
	base := strings.TrimLeft(name, "/")
	if base == "" || len(semPrefix+base) > 255 || strings.ContainsAny(base, "/\x00") {
		return "", fmt.Errorf("futex: semaphore %q: expected a name of 1 to %d bytes, without a slash but before it: %w", name, 255-len(semPrefix), os.ErrInvalid)
	}
	return semPrefix + base, nil
}
