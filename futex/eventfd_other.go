//go:build !linux

package futex

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"
)

// Eventfd needs Linux: on this platform none can be made.
type Eventfd struct{}

func errNoEventfd() error {
	return fmt.Errorf("futex: eventfd needs Linux, this is %s; use Wait and Wake: %w", runtime.GOOS, errors.ErrUnsupported)
}

// NewEventfd returns an error that wraps errors.ErrUnsupported.
func NewEventfd() (*Eventfd, error) { return nil, errNoEventfd() }

// EventfdFromFile returns an error that wraps errors.ErrUnsupported.
func EventfdFromFile(*os.File) (*Eventfd, error) { return nil, errNoEventfd() }

// Signal returns an error that wraps errors.ErrUnsupported.
func (*Eventfd) Signal() error { return errNoEventfd() }

// Wait returns an error that wraps errors.ErrUnsupported.
func (*Eventfd) Wait(time.Time) error { return errNoEventfd() }

// File returns nil.
func (*Eventfd) File() *os.File { return nil }

// Close returns an error that wraps errors.ErrUnsupported.
func (*Eventfd) Close() error { return errNoEventfd() }
