package seqlock

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/internal/proc"
	"annulus/shm"
)

// writer is what Writer and BlockWriter have in common. For a writer, quiet is
// the last value of arm that asked for nothing.
type writer struct {
	endpoint
	odd      uint64 // what state is while the next version is being written
	into     uint64 // offset of the copy that it goes to
	arm      *uint64
	reserved bool // a reservation or an Update is open
}

// takeRole takes the writer's role and finds out where to go on.
func (w *writer) takeRole(h *handle) error {
	if h.region.ReadOnly() {
		return fmt.Errorf("cell %s: %w: it was opened read-only, a writer writes", h.name(), os.ErrPermission)
	}
	if err := w.attach(h, "writer"); err != nil {
		return err
	}
	switch err := h.region.TryLock(layout.CellLockWriter); {
	case errors.Is(err, shm.ErrLocked):
		h.region.Drop()
		return fmt.Errorf("cell %s: %w: a writer is attached (pid %d); wait until it closes or dies",
			h.name(), ErrAttached, mem.Load(&h.owner.PID))
	case err != nil:
		h.region.Drop()
		return fmt.Errorf("cell %s: lock the writer's role: %w", h.name(), err)
	}
	w.arm = &h.arm.Arm
	// A predecessor that died in a write left state odd: its version is
	// written again, and nobody has seen it.
	w.odd = mem.Load(w.state) | 1
	w.into = (w.odd + 1) >> 1 & 1 * w.stride
	if arm := mem.Load(w.arm); uint32(arm) != w.gate.Seq.Load() && arm&layout.ArmFence == 0 {
		w.setQuiet(arm)
	}
	o := h.owner
	atomic.StoreUint64(&o.PID, uint64(os.Getpid()))
	atomic.StoreUint64(&o.StartTime, proc.StartTime())
	atomic.StoreUint64(&o.Attached, uint64(time.Now().UnixNano()))
	atomic.StoreUint32(&o.State, 1)
	atomic.AddUint32(&o.Session, 1)
	if err := h.remember(&w.endpoint, w.Close); err != nil {
		return errors.Join(err, w.Close())
	}
	return nil
}

// ready looks closer before a write.
func (w *writer) ready() error {
	if err := w.look(); err != nil {
		return err
	}
	if w.reserved {
		return fmt.Errorf("cell %s: %w", w.h.name(), ErrReserved)
	}
	return nil
}

// begin starts a write that the caller makes in place. Its stores are not ours:
// some, as those of a great memmove, go around the caches, and only a full fence
// orders them behind the announcement.
func (w *writer) begin() error {
	if err := w.ready(); err != nil {
		return err
	}
	atomic.SwapUint64(w.state, w.odd)
	mem.Announce(w.state, w.odd) // [S1]
	w.reserved = true
	return nil
}

// publish makes the version visible that was written.
func (w *writer) publish() error {
	odd := w.odd
	mem.Publish(w.state, odd+1) // [S2]
	w.odd = odd + 2
	w.into ^= w.stride
	if mem.Load(w.arm) == mem.Load(&w.quiet) {
		return nil
	}
	return w.signal()
}

// signal is the slow half of the check after a publish: wake the readers that
// sleep. Its error says that what was published may have gone nowhere.
func (w *writer) signal() error {
	arm := mem.Load(w.arm)
	if w.fenced || arm&layout.ArmFence != 0 {
		atomic.AddUint64(&w.busy, 0) // order the publish before the load below
		arm = mem.Load(w.arm)
	}
	if arm&layout.ArmValid == 0 {
		return w.lost("the readers' arm word has lost its valid bit")
	}
	if w.failed != nil || w.closing.Load() {
		return w.failed
	}
	if _, err := w.gate.WakeUp(arm); errors.Is(err, futex.ErrFault) {
		return w.lost("the memory under the gate is gone")
	} else if err != nil {
		return w.fail(fmt.Errorf("cell %s: wake the readers: %w", w.h.name(), err))
	}
	if arm&layout.ArmFence != 0 {
		arm = 0
	}
	w.setQuiet(arm)
	return nil
}

// commit ends what begin has begun.
func (w *writer) commit() error {
	w.reserved = false
	return w.publish()
}

// reservation is nil if one is open, and may be used.
func (w *writer) reservation() error {
	if err := w.look(); err != nil {
		return err
	}
	if !w.reserved {
		return fmt.Errorf("cell %s: %w", w.h.name(), ErrNotReserved)
	}
	return nil
}

// Abort gives a reservation up; readers stay with the version they have.
// Harmless when there is none.
func (w *writer) Abort() { w.reserved = false }

// Version returns the version last written, by this writer or those before it;
// 0: none. It may be called by the writer's goroutine.
func (w *writer) Version() uint64 { return w.odd >> 1 }

// Close ends this writer's session: the last value stays, readers that wait get
// io.EOF, the role is free. A reservation is given up. Any goroutine may call it.
// The second Close returns ErrClosed.
func (w *writer) Close() error {
	return w.close(func() error {
		o := w.h.owner
		atomic.StoreUint32(&o.Closed, atomic.LoadUint32(&o.Session)) // [S4] pairs with the load in ended
		atomic.StoreUint32(&o.State, 0)
		// Not for one that was asleep: for all readers.
		return errors.Join(w.gate.Interrupt(), w.h.region.Unlock(layout.CellLockWriter))
	})
}
