package ring

import (
	"errors"
	"os"

	"annulus/internal/element"
	"annulus/internal/layout"
	"annulus/shm"
)

// Ordinary answers of the Try operations, returned bare: compare with ==.
var (
	// ErrFull: the message does not fit now; the consumer has to release some.
	ErrFull = errors.New("ring: full")
	// ErrEmpty: nothing to receive now.
	ErrEmpty = errors.New("ring: empty")
)

// Errors of endpoints.
var (
	// ErrClosed: the consumer has closed the ring, or this endpoint or ring
	// handle was closed here.
	ErrClosed = os.ErrClosed
	// ErrTooLarge: the message is longer than Config.MaxMessage allows.
	ErrTooLarge = errors.New("message too large")
	// ErrSize: the message is not of the ring's slot size.
	ErrSize = errors.New("message of the wrong size")
	// ErrAttached: the role is held by a live endpoint.
	ErrAttached = errors.New("role already taken")
	// ErrReserved: a reservation is open; Commit, Stage or Abort it first.
	ErrReserved = errors.New("a reservation is open")
	// ErrNotReserved: there is no reservation to commit.
	ErrNotReserved = errors.New("no reservation is open")
	// ErrCorrupt: shared memory holds what no correct peer writes. The
	// endpoint is dead for every purpose but Close.
	ErrCorrupt = errors.New("ring corrupt")
	// ErrRemoved: the ring lost its name and its other side is gone: nobody
	// can ever come.
	ErrRemoved = errors.New("ring removed")
	// ErrTruncated: the file under the ring became shorter.
	ErrTruncated = shm.ErrTruncated
)

// Errors of Create, Open and the endpoint constructors.
var (
	// ErrMismatch: the ring is not of the kind, type or geometry asked for.
	ErrMismatch = errors.New("ring of another kind")
	// ErrPointers: the element type holds pointers.
	ErrPointers = element.ErrPointers

	ErrNotRing  = layout.ErrMagic
	ErrEndian   = layout.ErrEndian
	ErrNotReady = layout.ErrNotReady
	ErrVersion  = layout.ErrVersion
	ErrFeature  = layout.ErrFeature
	ErrChecksum = layout.ErrChecksum
	ErrGeometry = layout.ErrGeometry
	ErrShort    = layout.ErrShort
)
