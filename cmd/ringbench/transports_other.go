//go:build !(linux && (amd64 || arm64 || loong64 || riscv64))

package main

import "annulus/cmd/ringbench/internal/rig"

// kernelTransports are not to be had here.
func kernelTransports() []*rig.Transport { return nil }
