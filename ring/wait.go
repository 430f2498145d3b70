package ring

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"time"

	"annulus/futex"
	"annulus/internal/mem"
)

// spin is the short way out of short waits: no bookkeeping, no look at a clock
// or a context. It looks at *word every step pauses; true: it differs from old.
func (e *endpoint) spin(word *uint64, old uint64, step uint32) bool {
	if e.hasty++; e.hasty > haste {
		return false // pause looks at context and deadline
	}
	e.enter()
	changed := mem.Load(&e.quiet) != 0 && e.waiter.Spin(word, old, step)
	e.exit()
	return changed
}

// haste is how many short waits may follow each other before the context is looked at:
// what is watched may change all the time and never for good.
const haste = 1 << 10

// pause waits a little for *word to differ from old. It returns an error when
// waiting on is pointless.
func (e *endpoint) pause(ctx context.Context, word *uint64, old uint64) error {
	mem.Publish(&e.blocked, 1)
	e.hasty = 0
	if err := ctx.Err(); err != nil {
		return err
	}
	end, err := e.until(ctx)
	if err != nil {
		return err
	}
	if e.ring.apart.left() {
		if e.alone {
			return e.deserted()
		}
		e.alone = true // what was committed before is visible now: look once more
		return nil
	}
	if e.waiter.Parking() {
		e.follow(ctx)
	}
	e.enter()
	defer e.exit()
	if e.gone() {
		return e.closed()
	}
	slept, err := e.waiter.Pause(word, old, end)
	if e.ring.region.Faulted() || errors.Is(err, futex.ErrFault) {
		return e.lost()
	}
	if err != nil {
		return fmt.Errorf("ring %s: %w", e.ring.name(), err)
	}
	if slept {
		e.idle++
		if e.idle%4 == 0 {
			return e.forlorn()
		}
	}
	return nil
}

// until returns when a wait has to end, or that it has to end now.
func (e *endpoint) until(ctx context.Context) (time.Time, error) {
	end, _ := ctx.Deadline()
	if ns := e.deadline.Load(); ns != 0 {
		t := epoch.Add(time.Duration(ns))
		if !time.Now().Before(t) {
			return t, fmt.Errorf("ring %s: %w", e.ring.name(), os.ErrDeadlineExceeded)
		}
		if end.IsZero() || t.Before(end) {
			end = t
		}
	}
	return end, nil
}

// forlorn finds out, after some sleeps in vain, whether anybody can still come.
func (e *endpoint) forlorn() error {
	if err := e.ring.region.Check(); err != nil {
		return e.fail(fmt.Errorf("ring %s: %w", e.ring.name(), err))
	}
	if n, err := e.ring.region.Links(); err != nil || n > 0 {
		return err
	}
	if alive, err := e.ring.alive(e.peer, 0); err != nil || alive {
		return err
	}
	return fmt.Errorf("ring %s: %w: its name is gone and no %s is attached", e.ring.name(), ErrRemoved, e.peer.role)
}

// follow makes the end of ctx end a sleep at once. It is registered once for a
// context, not for each wait.
func (e *endpoint) follow(ctx context.Context) {
	done := ctx.Done()
	e.mu.Lock()
	defer e.mu.Unlock()
	if done == e.ctxDone || e.detached {
		return
	}
	if e.ctxStop != nil {
		e.ctxStop()
		e.ctxStop = nil
	}
	e.ctxDone = done
	if done != nil {
		e.ctxStop = context.AfterFunc(ctx, e.interrupt)
	}
}

// interrupt ends a sleep of the owner. Any goroutine may call it.
func (e *endpoint) interrupt() {
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.detached {
		// An error here would mean that memory is gone: then nobody sleeps.
		_ = e.waiter.Gate.Interrupt()
	}
}

// endWait closes a wait that pause was called for.
func (e *endpoint) endWait() {
	e.idle, e.alone = 0, false
	mem.Publish(&e.blocked, 0)
	e.enter()
	if !e.gone() {
		e.waiter.Done()
	}
	e.exit()
}

// Waiting reports whether a blocking call of this endpoint is waiting at this
// moment. Any goroutine.
func (e *endpoint) Waiting() bool { return mem.Load(&e.blocked) != 0 }

// Wakes returns the number of system calls this side of the ring has made to
// wake the other, by this endpoint and those before it. Any goroutine.
func (e *endpoint) Wakes() uint64 {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.detached {
		return e.lastWakes
	}
	return mem.Load(e.wake.Wakes)
}

// epoch is what deadlines are kept relative to: it has a reading of the monotonic
// clock, so that nothing changes where the wall clock is stepped.
var epoch = time.Now()

// setDeadline is SetDeadline of both endpoints.
func (e *endpoint) setDeadline(t time.Time) error {
	ns := int64(0)
	if !t.IsZero() {
		if ns = int64(t.Sub(epoch)); ns == 0 { // what a Duration cannot say is far away
			ns = 1
		}
	}
	e.deadline.Store(ns)
	e.interrupt()
	return nil
}

// awaitIdle waits until the owner is outside every operation, breaking its
// sleeps, after closing and quiet were set.
func (e *endpoint) awaitIdle() {
	futex.Barrier() // [E1] now busy is visible, or the owner will see quiet == 0
	for i := 0; mem.Load(&e.busy) != 0; i++ {
		if i%(1<<10) == 0 { // not each time: a semaphore keeps every post
			e.interrupt()
		}
		if i < 1<<10 {
			runtime.Gosched()
		} else {
			time.Sleep(time.Microsecond)
		}
	}
}

// Ring returns the ring that this is an end of. Any goroutine, also after Close.
func (e *endpoint) Ring() *Ring { return e.ring }
