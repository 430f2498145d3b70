//go:build !linux

package main

import "os"

// unnamedFile returns an empty file in dir whose name is gone.
func unnamedFile(dir string) (*os.File, error) { return removedFile(dir) }
