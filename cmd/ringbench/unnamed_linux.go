package main

import (
	"os"

	"golang.org/x/sys/unix"
)

// unnamedFile returns an empty file in dir that never has a name, where its file system can do that.
func unnamedFile(dir string) (*os.File, error) {
	if f, err := os.OpenFile(dir, os.O_RDWR|unix.O_TMPFILE, 0o600); err == nil {
		return f, nil
	}
	return removedFile(dir)
}
