package seqlock

import (
	"errors"
	"os"

	"annulus/internal/element"
	"annulus/internal/layout"
	"annulus/shm"
)

// Errors of writers and readers. io.EOF from a Wait: the writer has closed in
// order.
var (
	// ErrClosed: this writer, reader or handle was closed here.
	ErrClosed = os.ErrClosed
	// ErrAttached: a live writer has the role.
	ErrAttached = errors.New("writer role already taken")
	// ErrOvertaken: TryLoad's copy was overwritten while it was made. Returned
	// bare: compare with ==.
	ErrOvertaken = errors.New("seqlock: overtaken by the writer")
	// ErrTooLarge: more bytes than the block was made for.
	ErrTooLarge = errors.New("too large for the block")
	// ErrReserved: a reservation or an Update is open; Commit or Abort it first.
	ErrReserved = errors.New("a reservation is open")
	// ErrNotReserved: there is no reservation to commit.
	ErrNotReserved = errors.New("no reservation is open")
	// ErrCorrupt: shared memory holds what no correct peer writes. The writer or
	// reader is dead for every purpose but Close.
	ErrCorrupt = errors.New("cell corrupt")
	// ErrRemoved: the cell lost its name and its writer is gone: nobody can ever
	// come.
	ErrRemoved = errors.New("cell removed")
	// ErrTruncated: the file under the cell became shorter.
	ErrTruncated = shm.ErrTruncated
)

// Errors of creating and opening.
var (
	// ErrMismatch: the cell is not of the kind, type or size asked for.
	ErrMismatch = errors.New("cell of another kind")
	// ErrPointers: T holds pointers.
	ErrPointers = element.ErrPointers
	// ErrNoBytes: T has no bytes.
	ErrNoBytes = element.ErrNoBytes

	ErrNotCell  = layout.ErrCellMagic
	ErrEndian   = layout.ErrCellEndian
	ErrNotReady = layout.ErrCellNotReady
	ErrVersion  = layout.ErrCellVersion
	ErrFeature  = layout.ErrCellFeature
	ErrChecksum = layout.ErrCellChecksum
	ErrGeometry = layout.ErrCellGeometry
	ErrShort    = layout.ErrCellShort
)
