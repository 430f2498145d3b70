//go:build !linux

package cpu

import (
	"errors"
	"fmt"
)

// Allowed cannot be answered on this system.
func Allowed() ([]int, error) {
	return nil, fmt.Errorf("choosing CPUs needs Linux: %w", errors.ErrUnsupported)
}

// On calls f, on given CPUs only where that can be had.
func On(cpus []int, f func() error) error {
	if len(cpus) > 0 {
		return fmt.Errorf("pinning to CPUs needs Linux: %w", errors.ErrUnsupported)
	}
	return f()
}
