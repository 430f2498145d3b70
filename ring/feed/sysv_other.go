//go:build !(linux && (amd64 || arm64 || loong64 || riscv64))

package feed

import (
	"errors"
	"fmt"
)

// sysv completes the types; there is none here.
type sysv struct {
	SysVQueue
	id   int
	most int
}

type sysvStat struct{ bytes uint64 }

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
