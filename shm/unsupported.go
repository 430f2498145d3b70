//go:build !linux

package shm

import (
	"errors"
	"fmt"
	"os"
	"runtime"
)

func unsupported(what string) error {
	return fmt.Errorf("shm: no %s on %s, use CreateFile: %w", what, runtime.GOOS, errors.ErrUnsupported)
}

// Create is not available on this platform; use CreateFile.
func Create(name string, size int, opts ...Option) (*Region, error) {
	return nil, unsupported("POSIX shared memory")
}

// Open is not available on this platform; use OpenFile.
func Open(name string, opts ...Option) (*Region, error) {
	return nil, unsupported("POSIX shared memory")
}

// Remove is not available on this platform; use RemoveFile.
func Remove(name string) error { return unsupported("POSIX shared memory") }

// List is not available on this platform.
func List() ([]Info, error) { return nil, unsupported("POSIX shared memory") }

// Sealed is not available on this platform.
func Sealed(label string, size int, opts ...Option) (*Region, error) {
	return nil, unsupported("sealed memfd")
}

// FromSealed is not available on this platform.
func FromSealed(f *os.File, least, most int) (*Region, error) {
	return nil, unsupported("sealed memfd")
}

// Copy is not available on this platform.
func (r *Region) Copy() (*os.File, error) { return nil, unsupported("sealed memfd") }

// Memfd is not available on this platform; use CreateFile.
func Memfd(label string, size int, opts ...Option) (*Region, error) { return nil, unsupported("memfd") }
