//go:build !linux

package topo

import (
	"errors"
	"fmt"
	"runtime"
)

func pin(int) error {
	return fmt.Errorf("pinning to CPUs needs Linux: %w", errors.ErrUnsupported)
}

func yield() { runtime.Gosched() }

func newLine() (line []byte, free func(), err error) { return make([]byte, 4096), func() {}, nil }
