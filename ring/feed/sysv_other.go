//go:build !(linux && (amd64 || arm64 || loong64 || riscv64))

package feed

import (
	"context"
	"errors"
	"fmt"
)

// sysv completes the types; there is none here.
type sysv struct {
	SysVQueue
	id   int
	most int
}

type sysvStat struct{ Bytes uint64 }

func ftok(string, byte) (int32, error) { return 0, errNoSysV }

var errNoSysV = fmt.Errorf("feed: System V queues and semaphores need 64-bit Linux: %w", errors.ErrUnsupported)

// Remove removes the queue.
func (q SysVQueue) Remove() error { return errNoSysV }

func (q SysVQueue) open() (*sysv, error)        { return nil, errNoSysV }
func (*sysv) stat() (sysvStat, error)           { return sysvStat{}, errNoSysV }
func (*sysv) receive([]byte, bool) (int, error) { return 0, errNoSysV }
func (*sysv) send([]byte, bool) error           { return errNoSysV }

// Stop is Source.Stop and Sink.Stop.
func (*sysv) Stop() {}

// Close is Source.Close and Sink.Close.
func (*sysv) Close() error { return nil }

// OpenSysVSemaphore opens a semaphore, or makes its set.
func OpenSysVSemaphore(SysVSet) (*SysVSemaphore, error) { return nil, errNoSysV }

// TryAcquire takes a token if there is one, and never sleeps.
func (s *SysVSemaphore) TryAcquire() bool { return false }

// Acquire takes a token, and sleeps until there is one or ctx is done.
func (s *SysVSemaphore) Acquire(context.Context) error { return errNoSysV }

// Release adds a token, and wakes one who waits.
func (s *SysVSemaphore) Release() error { return errNoSysV }

// GiveBack adds n tokens that were acquired.
func (s *SysVSemaphore) GiveBack(int) error { return errNoSysV }

// Confirm makes n tokens that were acquired with Undo taken for good.
func (s *SysVSemaphore) Confirm(int) error { return errNoSysV }

// Value returns the number of free tokens.
func (s *SysVSemaphore) Value() (int, error) { return 0, errNoSysV }

// Remove removes the set.
func (s *SysVSemaphore) Remove() error { return errNoSysV }
