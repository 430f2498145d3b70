//go:build !linux

package rig

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"time"
)

// tether does nothing here: a worker sees its parent's death at the end of the
// pipe that brought its job.
func tether(*exec.Cmd) {}

// withBlocked calls f, with signals blocked only where that can be had.
func withBlocked(sigs []syscall.Signal, f func() error) error {
	if len(sigs) > 0 {
		return fmt.Errorf("starting programs with signals blocked needs Linux: %w", errors.ErrUnsupported)
	}
	return f()
}

// CPUTime cannot be known of another process here.
func CPUTime(int) time.Duration { return 0 }

// Nap sleeps for d.
func Nap(d time.Duration) { time.Sleep(d) }

// anonymousFile returns an empty file without a name, for memory that processes share.
func anonymousFile() (*os.File, error) { return removedFile("") }

// UnnamedFile returns an empty file in dir whose name is gone.
func UnnamedFile(dir string) (*os.File, error) { return removedFile(dir) }
