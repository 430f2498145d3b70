//go:build !linux

package rig

import (
	"os"
	"os/exec"
)

// Tether does nothing here: a worker sees its parent's death at the end of the
// pipe that brought its job.
func Tether(*exec.Cmd) {}

// AnonymousFile returns an empty file without a name, for memory that processes share.
func AnonymousFile() (*os.File, error) {
	f, err := os.CreateTemp("", "ringbench")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}
