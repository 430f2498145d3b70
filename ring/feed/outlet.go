package feed

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"annulus/ring"
)

// Bounds of what is handed to a sink at once: enough that the cost of a system call
// is spread, little enough that the producer can go on meanwhile.
const (
	batchMessages = 256
	batchBytes    = 256 << 10
)

// outlet is a pump out of a ring at work.
type outlet struct {
	c       *ring.Consumer
	options options
	total   *counters

	msgs  [batchMessages][]byte
	n     int // messages peeked
	most  int // peeked at once
	limit int // bytes handed over at once, about
}

// OutOf returns a pump from the ring of c into s.
func OutOf(c *ring.Consumer, s Sink, opts ...Option) *Pump {
	pump := new(Pump)
	if k, ok := s.(counted); ok {
		k.countIn(&pump.counters)
	}
	pump.finish = c.Finish
	pump.run = func(ctx context.Context) error { return newOutlet(c, &pump.counters, optionsOf(opts)).run(ctx, s) }
	return pump
}

func newOutlet(c *ring.Consumer, total *counters, options options) *outlet {
	o := &outlet{c: c, options: options, total: total, limit: batchBytes, most: batchMessages}
	switch cfg := c.Config(); {
	case cfg.Kind == ring.Bytes:
		o.limit = min(o.limit, cfg.Capacity/4)
	case cfg.Topology == ring.MPMC:
		o.most = min(o.most, max(1, cfg.Capacity/8)) // leave some to the other consumers
	}
	return o
}

func (o *outlet) run(ctx context.Context, s Sink) (err error) {
	defer func() { err = errors.Join(err, s.Close()) }()
	defer context.AfterFunc(ctx, s.Stop)()
	if o.options.idle != nil {
		defer func() { err = errors.Join(err, o.c.SetDeadline(time.Time{})) }()
	}
	for err == nil {
		if err = o.collect(ctx); err == nil {
			err = o.pass(s)
		}
	}
	switch {
	case err == io.EOF:
		return nil
	case ctx.Err() != nil && (errors.Is(err, ErrStopped) || errors.Is(err, ctx.Err())):
		return ctx.Err()
	}
	return err
}

// collect peeks a batch: what is there, and waits for the first.
func (o *outlet) collect(ctx context.Context) error {
	b, err := o.c.TryPeek()
	if err == ring.ErrEmpty {
		b, err = o.wait(ctx)
	}
	var lost *ring.OverrunError
	if errors.As(err, &lost) {
		o.total.lost.Add(lost.Lost)
		if o.options.lost != nil {
			err = o.options.lost(lost)
		} else {
			err = nil
		}
		return err // the next call goes on
	}
	if err != nil {
		return err
	}
	o.msgs[0] = b
	n, err := o.c.TryPeekBatch(o.msgs[1:o.most])
	o.n = 1 + n
	if err == ring.ErrEmpty || err == io.EOF {
		err = nil // io.EOF comes again
	}
	return err
}

// wait is Peek that looks around now and then.
func (o *outlet) wait(ctx context.Context) ([]byte, error) {
	if o.options.idle == nil {
		return o.c.Peek(ctx)
	}
	for {
		if err := o.c.SetDeadline(time.Now().Add(idleSlice)); err != nil {
			return nil, err
		}
		b, err := o.c.Peek(ctx)
		if !errors.Is(err, os.ErrDeadlineExceeded) {
			return b, err
		}
		if err := o.options.idle(); err != nil {
			return nil, err
		}
	}
}

// pass hands the batch to the sink, a piece at a time, and gives back what it has
// taken. What it has not is peeked again by the next consumer.
func (o *outlet) pass(s Sink) error {
	for done := 0; done < o.n; {
		n, err := s.Take(o.piece(done))
		bytes := 0
		for _, m := range o.msgs[done : done+n] {
			bytes += len(m)
		}
		if rerr := o.c.ReleaseFirst(n); rerr != nil {
			return rerr
		}
		done += n
		o.total.passed(uint64(n), uint64(bytes))
		if err != nil && done < o.n && refused(err) && o.options.skip != nil && o.options.skip(err) {
			done++
			o.total.refused.Add(1)
			err = o.c.ReleaseFirst(1)
		}
		if err != nil {
			return err
		}
	}
	clear(o.msgs[:o.n])
	o.n = 0
	return nil
}

// piece is what to hand over next: the messages from the i-th on.
func (o *outlet) piece(i int) [][]byte {
	end := i
	for bytes := 0; end < o.n && bytes < o.limit; end++ {
		bytes += len(o.msgs[end])
	}
	return o.msgs[i:end]
}

// refused tells whether err is about the next message alone.
func refused(err error) bool {
	return errors.Is(err, ring.ErrTooLarge) || errors.Is(err, ring.ErrSize)
}
