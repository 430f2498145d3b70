package ring

import (
	"context"
	"fmt"
	"io"
	"iter"
	"time"

	"annulus/internal/element"
	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// ConsumerOf is the receiving end of a ring of slots that hold one T each. What
// is said of Consumer holds for it too.
type ConsumerOf[T any] struct{ c *Consumer }

// NewConsumerOf takes the consumer role of a ring of T.
func NewConsumerOf[T any](r *Ring, opts ...EndpointOption) (*ConsumerOf[T], error) {
	if err := check[T](r); err != nil {
		return nil, err
	}
	if r.apart != nil && element.HoldsBool[T]() {
		return nil, fmt.Errorf("ring %s: %w: %s holds a bool, which its peer can make neither true nor false, and the compiler relies on that; make it a uint8",
			r.name(), ErrMismatch, describe[T]().Name)
	}
	c, err := r.Consumer(opts...)
	if err != nil {
		return nil, err
	}
	return &ConsumerOf[T]{c}, nil
}

// TryRecv takes the next T and releases everything peeked before it, or returns
// the errors of Consumer.TryRecv.
func (t *ConsumerOf[T]) TryRecv() (v T, err error) {
	c := t.c
	c.enter()
	slot, data := c.slot, c.data
	if mem.Load(&c.quiet) == 0 || c.peeked || mem.Load(data.Word(slot)) != c.slotWord { // [P1]
		if c.form == formTickets {
			err = t.recvTicket(&v)
			return v, err
		}
		return t.tryRecvSlow()
	}
	mem.Read(&v, data, slot+layout.SlotPayload)
	c.step()
	pos := c.pos
	mem.Publish(&c.cursor.Position, pos) // [C1] pairs with the load in consumed
	if mem.Load(c.arm) != mem.Load(&c.quiet) || int64(c.ahead-pos) < 0 {
		return v, c.received()
	}
	c.exit()
	return v, nil
}

// tryRecvSlow is TryRecv, entered, when a closer look is due.
func (t *ConsumerOf[T]) tryRecvSlow() (v T, err error) {
	c := t.c
	off, _, err := c.next()
	if err == nil {
		mem.Read(&v, c.data, off)
		err = c.release()
	}
	c.exit()
	return v, err
}

// recvTicket is TryRecv, entered, for MPMC rings: recvShared without its calls.
func (t *ConsumerOf[T]) recvTicket(v *T) (err error) {
	c := t.c
	if mem.Load(&c.quiet) != 0 && !c.peeked && c.shared.claimed == 0 {
		k := c.shared.counter.Load()
		off, lap, data := c.ticketOffset(k), c.ticketLap(k), c.data
		word := data.Word(off)
		if mem.Load(word) == lapWord(lap, layout.SlotCommitted) && c.drawOne(k) { // [P1]
			killpoint.Here("drawn")
			mem.Read(v, data, off+layout.SlotPayload)
			killpoint.Here("settling")
			mem.Publish(word, lapWord(lap+1, layout.SlotFree)) // [C2] pairs with the load in claimSlots
			c.receivedOne(c.max)
			if mem.Load(c.arm) != mem.Load(&c.quiet) {
				err = c.releasedSlow()
			}
			c.exit()
			return err
		}
	}
	*v, err = t.tryRecvSlow()
	return err
}

// Recv is TryRecv that waits while the ring is empty, with the errors of
// Consumer.Recv.
func (t *ConsumerOf[T]) Recv(ctx context.Context) (T, error) {
	v, err := t.TryRecv()
	for err == ErrEmpty {
		if err = t.c.waitData(ctx); err == nil {
			v, err = t.TryRecv()
		}
	}
	t.c.waited()
	return v, err
}

// TryRecvBatch takes as many T as there are and dst has room, and releases them,
// and everything peeked before, at once; ErrEmpty or io.EOF only with 0.
func (t *ConsumerOf[T]) TryRecvBatch(dst []T) (n int, err error) {
	c := t.c
	c.enter()
	if c.form == formTickets {
		c.shared.want = min(uint64(len(dst)), layout.IntentMaxCount)
		defer func() { c.shared.want = 1 }()
	}
	for n < len(dst) {
		var off uint64
		if off, _, err = c.next(); err != nil {
			break
		}
		mem.Read(&dst[n], c.data, off)
		c.peeked = true // until the release below
		// As long as there are more, without a call for each; but not so many that
		// tally runs over.
		end := min(len(dst), n+1<<16)
		for n++; n < end && mem.Load(c.data.Word(c.slot)) == c.slotWord; n++ { // [P1]
			mem.Read(&dst[n], c.data, c.slot+layout.SlotPayload)
			c.step()
		}
	}
	if n > 0 {
		if err == ErrEmpty || err == io.EOF || err == ErrHeld {
			err = nil
		}
		if rerr := c.release(); rerr != nil {
			err = rerr
		}
	}
	c.exit()
	return n, err
}

// RecvBatch is TryRecvBatch that waits for at least one T.
func (t *ConsumerOf[T]) RecvBatch(ctx context.Context, dst []T) (int, error) {
	n, err := t.TryRecvBatch(dst)
	for err == ErrEmpty {
		if err = t.c.waitData(ctx); err == nil {
			n, err = t.TryRecvBatch(dst)
		}
	}
	t.c.waited()
	return n, err
}

// TryPeek returns the next T in place, valid until Release, ReleaseFirst of it, TryRecv, Recv,
// TryRecvBatch, RecvBatch or Close, or until the next step of All.
func (t *ConsumerOf[T]) TryPeek() (*T, error) {
	b, err := t.c.TryPeek()
	if err != nil {
		return nil, err
	}
	return mem.As[T](mem.Of(b), 0), nil
}

// Peek is TryPeek that waits while the ring is empty, with the errors of
// Consumer.Recv.
func (t *ConsumerOf[T]) Peek(ctx context.Context) (*T, error) {
	b, err := t.c.Peek(ctx)
	if err != nil {
		return nil, err
	}
	return mem.As[T](mem.Of(b), 0), nil
}

// Redelivered is Consumer.Redelivered.
func (t *ConsumerOf[T]) Redelivered() int { return t.c.Redelivered() }

// Release is Consumer.Release.
func (t *ConsumerOf[T]) Release() error { return t.c.Release() }

// All returns an iterator over copies of the elements: the T of each step is the
// caller's. It ends at io.EOF, or yields an error once and ends.
func (t *ConsumerOf[T]) All(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		for {
			v, err := t.Recv(ctx)
			if err == io.EOF {
				return
			}
			if !yield(v, err) || err != nil {
				return
			}
		}
	}
}

// Waiting is Consumer.Waiting.
func (t *ConsumerOf[T]) Waiting() bool { return t.c.Waiting() }

// Wakes is Consumer.Wakes.
func (t *ConsumerOf[T]) Wakes() uint64 { return t.c.Wakes() }

// SetDeadline is Consumer.SetDeadline.
func (t *ConsumerOf[T]) SetDeadline(d time.Time) error { return t.c.SetDeadline(d) }

// Finish is Consumer.Finish.
func (t *ConsumerOf[T]) Finish() error { return t.c.Finish() }

// Close is Consumer.Close.
func (t *ConsumerOf[T]) Close() error { return t.c.Close() }
