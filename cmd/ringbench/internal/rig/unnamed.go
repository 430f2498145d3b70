package rig

import (
	"errors"
	"os"
)

// removedFile returns an empty file in dir whose name is gone.
func removedFile(dir string) (*os.File, error) {
	f, err := os.CreateTemp(dir, "ringbench-")
	if err != nil {
		return nil, err
	}
	if err := os.Remove(f.Name()); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}
