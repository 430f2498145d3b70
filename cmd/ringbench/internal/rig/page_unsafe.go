package rig

import (
	"os"
	"sync/atomic"
	"unsafe"

	"golang.org/x/sys/unix"
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

func newPage() (*page, *os.File, func(), error) {
	f, err := AnonymousFile()
	if err != nil {
		return nil, nil, nil, err
	}
	if err := f.Truncate(pageBytes); err != nil {
		f.Close()
		return nil, nil, nil, err
	}
	p, unmap, err := mapPage(f)
	if err != nil {
		f.Close()
		return nil, nil, nil, err
	}
	return p, f, func() { unmap(); f.Close() }, nil
}

func mapPage(f *os.File) (*page, func(), error) {
	mem, err := unix.Mmap(int(f.Fd()), 0, pageBytes, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_SHARED)
	if err != nil {
		return nil, nil, os.NewSyscallError("mmap", err)
	}
	return (*page)(unsafe.Pointer(&mem[0])), func() { unix.Munmap(mem) }, nil
}
