package shm

import (
	"errors"
	"fmt"
)

// Region.uses is one word: bit 0 says closed, the rest counts users. Whoever
// brings it to exactly regionClosed unmaps; nobody leaves that state again.
const (
	regionClosed = 1
	regionUse    = 2
)

// Hold adds a user: the memory stays mapped until the matching Drop, whatever
// Close does. It returns os.ErrClosed once Close was called.
func (r *Region) Hold() error {
	for {
		s := r.uses.Load()
		if s&regionClosed != 0 {
			return r.closedErr()
		}
		if r.uses.CompareAndSwap(s, s+regionUse) {
			return nil
		}
	}
}

// Drop ends one Hold. The last one after Close unmaps. A Drop without a Hold
// panics: it would pull the memory from under somebody else.
func (r *Region) Drop() {
	for {
		s := r.uses.Load()
		if s < regionUse {
			panic("shm: Drop without Hold")
		}
		if r.uses.CompareAndSwap(s, s-regionUse) {
			if s-regionUse == regionClosed {
				// Nobody is left to hear of an error; the memory is gone anyway.
				_ = r.release()
			}
			return
		}
	}
}

// Close forbids further Holds and releases memory, descriptor and locks: at
// once when there is no holder (its error is then that of the release), else at
// the last Drop. A second Close returns os.ErrClosed.
func (r *Region) Close() error {
	for {
		s := r.uses.Load()
		if s&regionClosed != 0 {
			return r.closedErr()
		}
		if r.uses.CompareAndSwap(s, s|regionClosed) {
			if s == 0 {
				return r.release()
			}
			return nil
		}
	}
}

// enter is Hold for the methods of a Region: holders may still use them after
// Close, as long as the memory is there.
func (r *Region) enter() error {
	for {
		s := r.uses.Load()
		if s == regionClosed {
			return r.closedErr()
		}
		if r.uses.CompareAndSwap(s, s+regionUse) {
			return nil
		}
	}
}

func (r *Region) closedErr() error {
	return closedError(fmt.Sprintf("shm: this %s is closed", r.title()))
}

// release frees everything, in an order in which no fault can go unguarded and
// no lock outlives the memory it speaks for.
func (r *Region) release() error {
	r.forgetLocks()
	guardRemove(r.guard)
	r.guard = -1
	var errs []error
	if r.unmap != nil {
		if err := r.unmap(); err != nil {
			errs = append(errs, sysErr("munmap", r.title(), err))
		}
	}
	if r.file != nil {
		if err := r.file.Close(); err != nil {
			errs = append(errs, sysErr("close", r.title(), err))
		}
	}
	return errors.Join(errs...)
}
