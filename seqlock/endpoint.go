package seqlock

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// endpoint is what a writer and a reader have in common. Its methods belong to
// the goroutine that owns the endpoint, but for those that say otherwise.
type endpoint struct {
	// Hot words of the owner; first in the struct so that 32-bit machines align
	// them for atomic access.
	quiet   uint64  // 0: look closer before the next operation
	busy    uint64  // 1 while the owner is inside an operation
	blocked uint64  // 1 from the first pause of a wait to its end
	state   *uint64 // layout.CellState.State
	lengths mem.Ptr // the two lengths
	data    mem.Ptr // the two copies
	stride  uint64  // bytes between these

	// Colder.
	fenced bool  // no membarrier here: a fence in each operation
	failed error // latched by fail
	role   string
	h      *handle
	gate   futex.Gate // writer: to wake readers; reader: to sleep on

	closing atomic.Bool

	mu       sync.Mutex // guards what follows, and shared memory against detach
	detached bool
	ctxDone  <-chan struct{}
	ctxStop  func() bool
}

// attach makes e an endpoint of h.
func (e *endpoint) attach(h *handle, role string) error {
	if err := h.region.Hold(); err != nil {
		return fmt.Errorf("cell %s: %w", h.name(), err)
	}
	g := &h.geometry
	e.h, e.role = h, role
	e.state = &h.value.State
	base := mem.Of(h.mem)
	e.lengths = base.At(g.WriterArea + layout.WordSize)
	e.data = base.At(g.DataArea)
	e.stride = g.CopyStride
	e.gate = futex.Gate{
		Seq: mem.Atomic32(&h.seq.Seq), Arm: mem.Atomic64(&h.arm.Arm),
		Wakes: &h.seq.Wakes, Parks: &h.arm.Parks,
		Shared: true, Blind: h.region.ReadOnly(),
	}
	e.fenced = !futex.Register()
	return nil
}

// enter and exit bracket every operation, so that Close on another goroutine
// knows when the memory is no longer used. The store is plain: Close makes this
// processor pass a barrier instead, as in package ring.
func (e *endpoint) enter() { mem.Publish(&e.busy, 1) } // [E1] pairs with the load in awaitIdle
func (e *endpoint) exit()  { mem.Publish(&e.busy, 0) }

// look is the slow half of the check before an operation.
func (e *endpoint) look() error {
	if e.gone() {
		return e.closed()
	}
	if e.failed == nil && e.h.region.Faulted() {
		return e.lost("")
	}
	return e.failed
}

// gone tells, after enter, whether Close has reached this endpoint. Without
// membarrier, Close relies on the fence here between busy and closing.
func (e *endpoint) gone() bool {
	if e.fenced {
		atomic.AddUint64(&e.busy, 0)
	}
	return e.closing.Load()
}

// closed is the error of an endpoint that Close has reached.
func (e *endpoint) closed() error {
	return fmt.Errorf("cell %s: this %s is %w", e.h.name(), e.role, ErrClosed)
}

// lost says why shared memory no longer makes sense, and latches it; symptom is
// what was seen if its file is not the reason.
func (e *endpoint) lost(symptom string, args ...any) error {
	return e.fail(e.h.implausible(symptom, args...))
}

// implausible is the error for words that no correct peer writes: ErrCorrupt, or
// ErrTruncated if they are zeros in the place of what was lost.
func (h *handle) implausible(symptom string, args ...any) error {
	if err := h.region.Check(); err != nil {
		return fmt.Errorf("cell %s: %w", h.name(), err)
	}
	return fmt.Errorf("cell %s: %w: %s", h.name(), ErrCorrupt, fmt.Sprintf(symptom, args...))
}

func (e *endpoint) fail(err error) error {
	e.failed = err
	e.setQuiet(0)
	return err
}

// setQuiet sets quiet, unless Close wants a closer look.
func (e *endpoint) setQuiet(w uint64) {
	if e.fenced {
		w = 0
	}
	old := atomic.LoadUint64(&e.quiet)
	if e.closing.Load() {
		return
	}
	atomic.CompareAndSwapUint64(&e.quiet, old, w)
	if e.closing.Load() {
		atomic.StoreUint64(&e.quiet, 0)
	}
}

// close ends the endpoint, from any goroutine. last runs when the owner is
// idle, while the memory is still there.
func (e *endpoint) close(last func() error) error {
	e.closing.Store(true)
	atomic.StoreUint64(&e.quiet, 0)
	e.awaitIdle()
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.detached {
		return e.closed()
	}
	e.detached = true
	if e.ctxStop != nil {
		e.ctxStop()
	}
	err := last()
	if errors.Is(err, futex.ErrFault) {
		err = e.h.implausible("the memory under the gate is gone")
	}
	e.h.forget(e)
	e.h.region.Drop()
	return err
}

// awaitIdle waits until the owner is outside every operation, breaking its
// sleeps, after closing and quiet were set.
func (e *endpoint) awaitIdle() {
	futex.Barrier() // [E1] now busy is visible, or the owner will see quiet == 0
	for i := 0; mem.Load(&e.busy) != 0; i++ {
		if i%(1<<10) == 0 {
			e.interrupt()
		}
		if i < 1<<10 {
			runtime.Gosched()
		} else {
			time.Sleep(time.Microsecond)
		}
	}
}

// interrupt ends a sleep of the owner. Any goroutine may call it.
func (e *endpoint) interrupt() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.detached {
		// An error here would mean that memory is gone: then nobody sleeps.
		_ = e.gate.Interrupt()
	}
}
