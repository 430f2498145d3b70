package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"

	"annulus/cmd/ringbench/internal/rig"

	"golang.org/x/sys/unix"
)

// fifoTransport is a pair of named pipes, whose names are gone as soon as both ends are open.
func fifoTransport() *rig.Transport {
	return &rig.Transport{
		Name: "fifo", Topology: "spsc", Sleeps: "netpoller", Family: "pipe",
		Setup: func(*rig.Params) (*rig.Wiring, error) { return twoPipes(openFIFO) },
		Open:  openPipes,
	}
}

var fifos atomic.Int64

func openFIFO() (r, w *os.File, err error) {
	name := filepath.Join(os.TempDir(), fmt.Sprintf("ringbench-%d-%d.fifo", os.Getpid(), fifos.Add(1)))
	if err := unix.Mkfifo(name, 0o600); err != nil {
		return nil, nil, &os.PathError{Op: "mkfifo", Path: name, Err: err}
	}
	defer func() { err = errors.Join(err, os.Remove(name)) }()
	if r, err = os.OpenFile(name, os.O_RDONLY|unix.O_NONBLOCK, 0); err != nil {
		return nil, nil, err
	}
	if w, err = os.OpenFile(name, os.O_WRONLY|unix.O_NONBLOCK, 0); err != nil {
		return nil, nil, errors.Join(err, r.Close())
	}
	return r, w, nil
}
