//go:build !linux

package main

import (
	"errors"
	"fmt"
)

func processHandle(pid int) (kill func() error, done func(), err error) {
	return nil, nil, fmt.Errorf("kill process %d: %w", pid, errors.ErrUnsupported)
}
