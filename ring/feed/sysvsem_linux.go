//go:build amd64 || arm64 || loong64 || riscv64

package feed

import (
	"context"
	"fmt"
	"os"
	"strings"

	"annulus/internal/ipc"

	"golang.org/x/sys/unix"
)

// OpenSysVSemaphore opens a semaphore, or makes its set. Its errors are those of semget(2),
// which name the limit that is in the way: os.ErrNotExist, os.ErrPermission,
// os.ErrInvalid; elsewhere than on 64-bit Linux errors.ErrUnsupported.
func OpenSysVSemaphore(s SysVSet) (*SysVSemaphore, error) {
	count := max(s.Count, 1)
	if s.Index < 0 || s.Index > 0xffff || s.Create && s.Index >= count || s.Value < 0 || s.Value > semMax || s.Count < 0 {
		return nil, fmt.Errorf("feed: %v: index %d of %d, value %d: expected an index within the set and a value from 0 to %d: %w", s, s.Index, count, s.Value, semMax, os.ErrInvalid)
	}
	if err := wakeable(s); err != nil {
		return nil, err
	}
	id, made, err := s.get(count)
	if err != nil {
		return nil, fmt.Errorf("feed: open %v: %w%s", s, err, semLimit(err))
	}
	if made && s.Value > 0 {
		// One post, so that whoever opens the set meanwhile waits, and sees no other value.
		err = semOp(id, semBuf{uint16(s.Index), int16(s.Value), 0})
	} else if !made {
		_, err = semControl(id, s.Index, semGetVal)
	}
	if err != nil {
		return nil, fmt.Errorf("feed: open %v: %w%s", s, err, removed(err))
	}
	sem := &SysVSemaphore{s}
	sem.Key, sem.ID, sem.Create = 0, id, false
	return sem, nil
}

func (s *SysVSet) get(count int) (id int, made bool, err error) {
	if s.Key == 0 && !s.Create {
		return s.ID, false, nil
	}
	return openOrMake(s.Key != 0, s.Create, ipc.Creat|ipc.Excl, func(flags int) (int, error) {
		if flags == 0 {
			return semGet(s.Key, 0, 0, 0)
		}
		return semGet(s.Key, count, flags, permOf(s.Perm))
	})
}

func semLimit(err error) string {
	b, rerr := os.ReadFile("/proc/sys/kernel/sem")
	if rerr != nil || err != unix.ENOSPC && err != unix.EINVAL {
		return ""
	}
	return fmt.Sprintf(": the limits kernel.sem are %s (of a set, of all sets, operations, sets)", strings.Join(strings.Fields(string(b)), " "))
}

func (s *SysVSemaphore) op(n, flags int) semBuf {
	return semBuf{uint16(s.Index), int16(n), int16(flags)}
}

func (s *SysVSemaphore) undo() int {
	if s.Undo {
		return semUndo
	}
	return 0
}

// TryAcquire takes a token if there is one, and never sleeps. False may also mean
// that the set was removed: Acquire tells.
func (s *SysVSemaphore) TryAcquire() bool {
	return again(func() error { return semOp(s.ID, s.op(-1, s.undo()|ipc.NoWait)) }) == nil
}

// Acquire takes a token, and sleeps until there is one or ctx is done; then it returns
// ctx.Err().
func (s *SysVSemaphore) Acquire(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	err := again(func() error { return semOp(s.ID, s.op(-1, s.undo()|ipc.NoWait)) })
	if err == unix.EAGAIN {
		var sleep sleeper
		defer context.AfterFunc(ctx, sleep.stop)()
		err = sleep.call(func() error { return semOp(s.ID, s.op(-1, s.undo())) })
		if err == ErrStopped {
			return ctx.Err()
		}
	}
	return s.wrap("take a token of", err)
}

// Release adds a token, and wakes one who waits. At 32767 it adds none and returns ERANGE.
// What was acquired with Undo goes back by GiveBack.
func (s *SysVSemaphore) Release() error { return s.add(1, 0) }

// GiveBack adds n tokens that were acquired, and that are not confirmed if Undo is set.
func (s *SysVSemaphore) GiveBack(n int) error { return s.add(n, s.undo()) }

func (s *SysVSemaphore) add(n, flags int) error {
	if n <= 0 {
		return nil
	}
	err := semOp(s.ID, s.op(n, flags))
	if err == unix.ERANGE {
		return fmt.Errorf("feed: %v: %w: it is at its maximum, %d: nobody takes what is posted", s.SysVSet, err, semMax)
	}
	return s.wrap("post", err)
}

// Confirm makes n tokens that were acquired with Undo taken for good.
func (s *SysVSemaphore) Confirm(n int) error {
	if !s.Undo || n <= 0 {
		return nil
	}
	// Nobody else comes between the two of one call: the value stays, the undo goes. Which comes first
	// is for the value, that goes neither below none nor above its maximum meanwhile.
	for {
		err := again(func() error { return semOp(s.ID, s.op(-n, ipc.NoWait), s.op(n, semUndo)) })
		if err == unix.EAGAIN {
			err = semOp(s.ID, s.op(n, semUndo), s.op(-n, 0))
			if err == unix.ERANGE && 2*n <= semMax { // posts have come between the two calls
				continue
			}
		}
		return s.wrap("confirm tokens of", err)
	}
}

// Value returns the number of free tokens. It may be out of date when it returns.
func (s *SysVSemaphore) Value() (int, error) {
	n, err := semControl(s.ID, s.Index, semGetVal)
	return n, s.wrap("look at", err)
}

// Remove removes the set.
func (s *SysVSemaphore) Remove() error {
	_, err := semControl(s.ID, 0, ipc.Rmid)
	return s.wrap("remove", err)
}

func (s *SysVSemaphore) wrap(what string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("feed: %s %v: %w%s", what, s.SysVSet, err, removed(err))
}
