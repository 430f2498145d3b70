package rig

import (
	"sync/atomic"

	"annulus/internal/mem"
)

// The phases of a measurement, in order.
const (
	phaseHold    = iota // workers wait at the barrier
	phaseWarm           // messages flow, nothing is counted
	phaseMeasure        // the window is open
	phaseStop           // the sender ends the stream
)

// page is the shared memory between the parent and its workers. Each word has
// two cache lines to itself, so that none disturbs another's readers.
//
//	word      written by   read by
//	phase     parent       both workers, once per quantum
//	ready     workers      parent
//	progress  one worker   parent
type page struct {
	phase    atomic.Uint32
	_        [124]byte
	ready    atomic.Uint32
	_        [124]byte
	progress atomic.Uint64
	_        [120]byte
}

const pageBytes = 4096

// newPage makes one, in memory to be closed.
func newPage() (*page, *Shared, error) {
	s, err := NewShared(pageBytes)
	if err != nil {
		return nil, nil, err
	}
	return mem.As[page](s.Ptr, 0), s, nil
}
