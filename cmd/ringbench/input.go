package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// errStopped: a read was ended by Stop.
var errStopped = errors.New("stopped")

// errImpatient: nothing came for as long as patience.
var errImpatient = errors.New("nothing came")

// input reads a file in a way that another goroutine can end. It asks poll(2)
// before each read, because O_NONBLOCK would not be ours alone: it stays with
// the terminal or pipe, for everybody who shares it.
type input struct {
	file     *os.File
	patience time.Duration // of one read; 0: endless
	idle     func() error  // asked now and then while nothing comes; its error ends the read
	stopped  *os.File      // readable once stop is closed
	stop     func() error
}

// idleSlice is how often a read that waits asks idle.
const idleSlice = 250 * time.Millisecond

func newInput(f *os.File) (*input, error) {
	r, w, err := os.Pipe()
	if err != nil {
		return nil, fmt.Errorf("make a pipe: %w", err)
	}
	return &input{file: f, stopped: r, stop: sync.OnceValue(w.Close)}, nil
}

// Stop ends a read that waits, and all later ones, with errStopped. Any
// goroutine.
func (in *input) Stop() { in.stop() }

// Close leaves the file open, it is the caller's.
func (in *input) Close() error { return errors.Join(in.stop(), in.stopped.Close()) }

// Read is one read(2), as soon as there is something to read.
func (in *input) Read(b []byte) (int, error) {
	timeout := -1
	switch {
	case in.patience > 0:
		timeout = int(in.patience.Milliseconds())
	case in.idle != nil:
		timeout = int(idleSlice.Milliseconds())
	}
	for len(b) > 0 {
		fds := []unix.PollFd{{Fd: int32(in.file.Fd()), Events: unix.POLLIN}, {Fd: int32(in.stopped.Fd()), Events: unix.POLLIN}}
		ready, err := unix.Poll(fds, timeout)
		switch {
		case err == unix.EINTR:
			continue
		case err != nil:
			return 0, fmt.Errorf("wait for stdin: %w", err)
		case fds[1].Revents != 0:
			return 0, errStopped
		case ready == 0 && in.patience > 0:
			return 0, errImpatient
		case ready == 0:
			if err := in.idle(); err != nil {
				return 0, err
			}
			continue
		}
		n, err := unix.Read(int(in.file.Fd()), b)
		switch {
		case err == unix.EINTR || err == unix.EAGAIN: // somebody else took it
			continue
		case err != nil:
			return 0, fmt.Errorf("read stdin: %w", err)
		case n == 0:
			return 0, io.EOF
		}
		return n, nil
	}
	return 0, nil
}
