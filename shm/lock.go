package shm

import (
	"fmt"
	"io/fs"
)

// LockBase is the file offset of lock byte 0, far behind any data: lock byte i
// is the file's byte LockBase+i.
const LockBase int64 = 1 << 40

// maxLock bounds lock numbers to something that fits every off_t.
const maxLock = 1<<30 - 1

// TryLock takes lock byte i exclusively, without waiting. It is released by
// Unlock, by the end of the region, or by the kernel once this process has left
// its memory, however it died. ErrLocked: another description of the file, or
// this same Region, holds it. A read-only region cannot lock
// (fs.ErrPermission). os.ErrClosed after the region was unmapped; a holder may
// lock after Close.
func (r *Region) TryLock(i int) error {
	if err := r.enterLock(i); err != nil {
		return err
	}
	defer r.Drop()
	if r.readOnly {
		return fmt.Errorf("shm: lock %d of %s: a read-only region can ask but not lock; open it for writing: %w",
			i, r.title(), fs.ErrPermission)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, mine := r.held[i]; mine {
		return fmt.Errorf("shm: lock %d of %s is held by this Region: %w", i, r.title(), ErrLocked)
	}
	if r.file != nil {
		switch got, err := r.lockByte(i); {
		case err != nil:
			return fmt.Errorf("shm: lock %d of %s: %w", i, r.title(), err)
		case !got:
			return fmt.Errorf("shm: lock %d of %s is held by somebody else: %w", i, r.title(), ErrLocked)
		}
	}
	if r.held == nil {
		r.held = make(map[int]struct{})
	}
	r.held[i] = struct{}{}
	return nil
}

// Unlock releases lock byte i. It is an error (fs.ErrInvalid) when this Region
// does not hold it. os.ErrClosed after the region was unmapped: the lock is
// gone with it.
func (r *Region) Unlock(i int) error {
	if err := r.enterLock(i); err != nil {
		return err
	}
	defer r.Drop()
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, mine := r.held[i]; !mine {
		return invalid("unlock %d of %s: this Region does not hold it", i, r.title())
	}
	if r.file != nil {
		if err := r.unlockByte(i); err != nil {
			return fmt.Errorf("shm: unlock %d of %s: %w", i, r.title(), err)
		}
	}
	delete(r.held, i)
	return nil
}

// Locked reports whether anybody, this Region included, holds lock byte i. It
// costs at most one fcntl (about 1.3 us). The answer may be old when it arrives
// if it is true; a dead owner's lock stays free once it was seen free, unless
// somebody takes it anew.
func (r *Region) Locked(i int) (bool, error) {
	if err := r.enterLock(i); err != nil {
		return false, err
	}
	defer r.Drop()
	r.mu.Lock()
	_, mine := r.held[i]
	r.mu.Unlock()
	if mine || r.file == nil {
		return mine, nil
	}
	// Our own locks do not show in the probe, so no mutex is needed here: a
	// concurrent TryLock of this Region is as if it came later.
	held, err := r.probeByte(i)
	if err != nil {
		return false, fmt.Errorf("shm: probe lock %d of %s: %w", i, r.title(), err)
	}
	return held, nil
}

func (r *Region) enterLock(i int) error {
	if i < 0 || i > maxLock {
		return invalid("lock %d: must be from 0 to %d", i, maxLock)
	}
	return r.enter()
}
