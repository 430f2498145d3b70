package seqlock

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"sync/atomic"
	"time"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// reader is what Reader and BlockReader have in common.
type reader struct {
	endpoint
	waiter futex.Idler
	idle   int // sleeps of this wait that brought nothing
}

// ReaderOption is a choice of one reader.
type ReaderOption func(*readerOptions)

type readerOptions struct{ strategy futex.Strategy }

// WithStrategy chooses how Wait waits: futex.Adaptive (the default), Futex, Spin,
// Yield, or one that polls. Semaphores and eventfds wake one sleeper each, so they
// are not to be had here.
func WithStrategy(s futex.Strategy) ReaderOption {
	return func(o *readerOptions) { o.strategy = s }
}

func (r *reader) join(h *handle, opts []ReaderOption) error {
	var o readerOptions
	for _, f := range opts {
		f(&o)
	}
	if o.strategy.IsZero() {
		o.strategy = futex.Adaptive()
	}
	switch o.strategy.Park {
	case futex.ParkSemaphore, futex.ParkEventfd:
		return fmt.Errorf("cell %s: readers sleep on a futex or poll, choose such a strategy: %w", h.name(), errors.ErrUnsupported)
	}
	if err := r.attach(h, "reader"); err != nil {
		return err
	}
	r.waiter = futex.Idler{Gate: &r.gate, Strategy: o.strategy}
	r.setQuiet(1)
	if err := h.remember(&r.endpoint, r.Close); err != nil {
		return errors.Join(err, r.Close())
	}
	return nil
}

// judge says what a copy is worth that was made between s and t, two loads of
// state: good, to be made again, or the last.
func (r *reader) judge(s, t uint64, try int) (good bool, err error) {
	base := s &^ 1
	switch {
	case t-base <= 2: // [S3]: the copy was not touched again
		if base == 0 && r.h.region.Faulted() {
			return false, r.lost("")
		}
		return true, nil
	case int64(t-base) < 0:
		return false, r.lost("its state went from %d back to %d", s, t)
	case try%64 == 63:
		runtime.Gosched() // let Close, and whoever shares this processor, come through
	}
	return false, r.look()
}

// Version returns the version that can be read now; 0: nothing was written yet,
// or this reader is closed. One load, no copy.
func (r *reader) Version() uint64 {
	s := uint64(0)
	r.enter()
	if mem.Load(&r.quiet) != 0 || r.look() == nil {
		s = mem.Load(r.state)
	}
	r.exit()
	return s >> 1
}

// Changed tells whether the version that can be read now is another than the
// given one. Of a reader that is closed or lost its memory too: the next Load
// says why.
func (r *reader) Changed(version uint64) bool { return r.Version() != version }

// await waits until there is a version beyond the given one.
func (r *reader) await(ctx context.Context, version uint64) error {
	for {
		s, err := r.beyond(version)
		if err != nil || s>>1 > version {
			return err
		}
		if err := r.pause(ctx, s); err != nil {
			return err
		}
	}
}

// beyond returns state; io.EOF when it is not beyond version and never will be.
func (r *reader) beyond(version uint64) (s uint64, err error) {
	r.enter()
	defer r.exit()
	if mem.Load(&r.quiet) == 0 {
		if err := r.look(); err != nil {
			return 0, err
		}
	}
	s = mem.Load(r.state)
	if s>>1 <= version && r.ended() {
		// What was written before the close is visible now.
		if s = mem.Load(r.state); s>>1 <= version {
			err = io.EOF
		}
	}
	return s, err
}

// ended tells whether the last writer has closed in order.
func (r *reader) ended() bool {
	closed := atomic.LoadUint32(&r.h.owner.Closed) // [S4]
	return closed != 0 && closed == atomic.LoadUint32(&r.h.owner.Session)
}

// pause waits a little for state to differ from old. It returns an error when
// waiting on is pointless.
func (r *reader) pause(ctx context.Context, old uint64) error {
	mem.Publish(&r.blocked, 1)
	if err := ctx.Err(); err != nil {
		return err
	}
	end, bounded := ctx.Deadline()
	if bounded && !time.Now().Before(end) {
		return context.DeadlineExceeded // ctx will say so soon
	}
	if r.waiter.Parking() {
		r.follow(ctx)
	}
	r.enter()
	defer r.exit()
	if r.gone() {
		return r.closed()
	}
	slept, err := r.waiter.Pause(r.state, old, end)
	if r.h.region.Faulted() || errors.Is(err, futex.ErrFault) {
		return r.lost("the memory under the gate is gone")
	}
	if err != nil {
		return fmt.Errorf("cell %s: %w", r.h.name(), err)
	}
	if slept {
		if r.idle++; r.idle%4 == 0 {
			return r.forlorn()
		}
	}
	return nil
}

// forlorn finds out, after some sleeps in vain, whether anybody can still come.
func (r *reader) forlorn() error {
	region := r.h.region
	if err := region.Check(); err != nil {
		return r.fail(fmt.Errorf("cell %s: %w", r.h.name(), err))
	}
	if n, err := region.Links(); err != nil || n > 0 {
		return err
	}
	if alive, err := region.Locked(layout.CellLockWriter); err != nil || alive {
		return err
	}
	return fmt.Errorf("cell %s: %w: its name is gone and no writer is attached", r.h.name(), ErrRemoved)
}

// follow makes the end of ctx end a sleep at once. It is registered once for a
// context, not for each wait.
func (r *reader) follow(ctx context.Context) {
	done := ctx.Done()
	r.mu.Lock()
	defer r.mu.Unlock()
	if done == r.ctxDone || r.detached {
		return
	}
	if r.ctxStop != nil {
		r.ctxStop()
		r.ctxStop = nil
	}
	r.ctxDone = done
	if done != nil {
		r.ctxStop = context.AfterFunc(ctx, func() {
			// A sleep ends by itself at the deadline; an interrupt would rouse
			// the other readers too.
			if end, ok := ctx.Deadline(); !ok || time.Now().Before(end) {
				r.interrupt()
			}
		})
	}
}

// waited ends a wait if there was one.
func (r *reader) waited() {
	if r.blocked == 0 {
		return
	}
	r.idle = 0
	mem.Publish(&r.blocked, 0)
	r.enter()
	if !r.gone() {
		r.waiter.Done()
	}
	r.exit()
}

// Waiting reports whether a Wait of this reader is waiting at this moment. Any
// goroutine.
func (r *reader) Waiting() bool { return mem.Load(&r.blocked) != 0 }

// Close ends this reader; a running Wait returns ErrClosed. Any goroutine may
// call it. The second Close returns ErrClosed.
func (r *reader) Close() error { return r.close(func() error { return nil }) }
