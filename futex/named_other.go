//go:build !linux

package futex

import (
	"errors"
	"fmt"
	"io/fs"
)

var errNoNamed = fmt.Errorf("futex: named semaphores are those of glibc on Linux: %w", errors.ErrUnsupported)

// OpenSemaphore opens a semaphore that is there.
func OpenSemaphore(name string) (*NamedSemaphore, error) { return nil, unnamed(name) }

// CreateSemaphore makes a semaphore with the given value.
func CreateSemaphore(name string, _ uint32, _ fs.FileMode) (*NamedSemaphore, error) {
	return nil, unnamed(name)
}

// RemoveSemaphore is sem_unlink.
func RemoveSemaphore(name string) error { return unnamed(name) }

// Close unmaps the semaphore.
func (s *NamedSemaphore) Close() error {
	s.mem = nil
	return nil
}

func unnamed(name string) error {
	if _, err := semBase(name); err != nil {
		return err
	}
	return errNoNamed
}
