//go:build amd64 || arm64 || loong64 || riscv64

package main

import "annulus/cmd/ringbench/internal/rig"

// kernelTransports are queues and signals of Linux.
func kernelTransports() []*rig.Transport {
	return []*rig.Transport{mqTransport(), sysvTransport(), signalTransport()}
}
