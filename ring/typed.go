package ring

import (
	"context"
	"io"
	"iter"
	"time"

	"annulus/internal/layout"
	"annulus/internal/mem"
)

// ProducerOf is the sending end of a ring of slots that hold one T each. What is
// said of Producer holds for it too.
type ProducerOf[T any] struct{ p *Producer }

// ConsumerOf is the receiving end of a ring of slots that hold one T each. What
// is said of Consumer holds for it too.
type ConsumerOf[T any] struct{ c *Consumer }

// NewProducerOf takes the producer role of a ring created with SlotsOf[T], or
// by a peer with the same fields at the same offsets.
func NewProducerOf[T any](r *Ring, opts ...EndpointOption) (*ProducerOf[T], error) {
	if err := check[T](r); err != nil {
		return nil, err
	}
	p, err := r.Producer(opts...)
	if err != nil {
		return nil, err
	}
	return &ProducerOf[T]{p}, nil
}

// NewConsumerOf takes the consumer role of a ring of T.
func NewConsumerOf[T any](r *Ring, opts ...EndpointOption) (*ConsumerOf[T], error) {
	if err := check[T](r); err != nil {
		return nil, err
	}
	c, err := r.Consumer(opts...)
	if err != nil {
		return nil, err
	}
	return &ConsumerOf[T]{c}, nil
}

// TrySend commits v, or returns ErrFull or ErrClosed or what killed the
// endpoint.
func (t *ProducerOf[T]) TrySend(v T) error {
	p := t.p
	p.enter()
	if !p.open() || p.slot == p.slotRun {
		if err := p.admitSlot(); err != nil {
			p.exit()
			return err
		}
	}
	slot, data := p.slot, p.data
	mem.Write(data, slot+layout.SlotPayload, &v)
	mem.Publish(data.Word(slot), p.slotWord) // [P1] pairs with the consumer's load of this word
	slot += p.stride
	p.slot = slot
	if mem.Load(p.arm) != mem.Load(&p.quiet) || slot > p.claimed {
		return p.sentSlot()
	}
	p.exit()
	return nil
}

// Send is TrySend that waits while the ring is full.
func (t *ProducerOf[T]) Send(ctx context.Context, v T) error {
	p := t.p
	err := t.TrySend(v)
	for err == ErrFull {
		if err = p.waitSpace(ctx); err == nil {
			err = t.TrySend(v)
		}
	}
	p.waited()
	return err
}

// TrySendBatch commits as many of vs as fit, by one publish, and returns how
// many; ErrFull only with 0.
func (t *ProducerOf[T]) TrySendBatch(vs []T) (n int, err error) {
	p := t.p
	p.enter()
	defer p.exit()
	if err = p.ready(); err != nil {
		return 0, err
	}
	for n < len(vs) {
		if err = p.makeRoomSlot(); err != nil {
			break
		}
		// Up to the next closer look, which the wrap is one of.
		k := min(int((p.slotFree-p.slot)/p.stride), len(vs)-n)
		for i := range vs[n : n+k] {
			mem.Write(p.data, p.slot+layout.SlotPayload, &vs[n+i])
			if n+i == 0 {
				p.hold(p.data.Word(p.slot), p.slotWord)
			} else {
				mem.Prepare(p.data.Word(p.slot), p.slotWord)
			}
			p.slot += p.stride
		}
		n += k
	}
	if n > 0 {
		if err == ErrFull {
			err = nil
		}
		err = firstError(p.publish(), err)
	}
	return n, err
}

// SendBatch sends all of vs, waiting for room. It returns how many were
// committed.
func (t *ProducerOf[T]) SendBatch(ctx context.Context, vs []T) (n int, err error) {
	for n < len(vs) && err == nil {
		var k int
		if k, err = t.TrySendBatch(vs[n:]); err == ErrFull {
			err = t.p.waitSpace(ctx)
		}
		n += k
	}
	t.p.waited()
	return n, err
}

// TryReserve opens a reservation: a slot to be filled in place, valid until
// Commit, Stage, Abort or Close.
func (t *ProducerOf[T]) TryReserve() (*T, error) {
	b, err := t.p.TryReserve(int(t.p.max))
	if err != nil {
		return nil, err
	}
	return mem.As[T](mem.Of(b), 0), nil
}

// Reserve is TryReserve that waits while the ring is full.
func (t *ProducerOf[T]) Reserve(ctx context.Context) (*T, error) {
	b, err := t.p.Reserve(ctx, int(t.p.max))
	if err != nil {
		return nil, err
	}
	return mem.As[T](mem.Of(b), 0), nil
}

// Stage settles the reservation; its slot becomes visible with the next Publish
// or Commit.
func (t *ProducerOf[T]) Stage() error { return t.p.Stage(int(t.p.max)) }

// Publish makes every staged slot visible at once.
func (t *ProducerOf[T]) Publish() error { return t.p.Publish() }

// Commit is Stage and Publish.
func (t *ProducerOf[T]) Commit() error { return t.p.Commit(int(t.p.max)) }

// Abort gives the reservation up.
func (t *ProducerOf[T]) Abort() { t.p.Abort() }

// Waiting is Producer.Waiting.
func (t *ProducerOf[T]) Waiting() bool { return t.p.Waiting() }

// Wakes is Producer.Wakes.
func (t *ProducerOf[T]) Wakes() uint64 { return t.p.Wakes() }

// SetDeadline is Producer.SetDeadline.
func (t *ProducerOf[T]) SetDeadline(d time.Time) error { return t.p.SetDeadline(d) }

// Finish is Producer.Finish.
func (t *ProducerOf[T]) Finish() error { return t.p.Finish() }

// Close is Producer.Close.
func (t *ProducerOf[T]) Close() error { return t.p.Close() }

// TryRecv takes the next T, or returns ErrEmpty or io.EOF.
func (t *ConsumerOf[T]) TryRecv() (v T, err error) {
	c := t.c
	c.enter()
	slot, data := c.slot, c.data
	if mem.Load(&c.quiet) == 0 || c.peeked || mem.Load(data.Word(slot)) != c.slotWord { // [P1]
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

// Recv is TryRecv that waits while the ring is empty.
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

// TryRecvBatch takes as many T as there are and dst has room, and releases them
// at once; ErrEmpty or io.EOF only with 0.
func (t *ConsumerOf[T]) TryRecvBatch(dst []T) (n int, err error) {
	c := t.c
	c.enter()
	for n < len(dst) {
		var off uint64
		if off, _, err = c.next(); err != nil {
			break
		}
		mem.Read(&dst[n], c.data, off)
		c.peeked = true // until the release below
		// As long as there are more, without a call for each.
		for n++; n < len(dst) && mem.Load(c.data.Word(c.slot)) == c.slotWord; n++ { // [P1]
			mem.Read(&dst[n], c.data, c.slot+layout.SlotPayload)
			c.step()
		}
	}
	if n > 0 {
		if err == ErrEmpty || err == io.EOF {
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

// TryPeek returns the next T in place, valid until Release.
func (t *ConsumerOf[T]) TryPeek() (*T, error) {
	b, err := t.c.TryPeek()
	if err != nil {
		return nil, err
	}
	return mem.As[T](mem.Of(b), 0), nil
}

// Peek is TryPeek that waits while the ring is empty.
func (t *ConsumerOf[T]) Peek(ctx context.Context) (*T, error) {
	b, err := t.c.Peek(ctx)
	if err != nil {
		return nil, err
	}
	return mem.As[T](mem.Of(b), 0), nil
}

// Release gives everything peeked so far back.
func (t *ConsumerOf[T]) Release() error { return t.c.Release() }

// All returns an iterator over copies of the elements.
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
