package feed

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"syscall"

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
	s       Sink
	settles settler // s, if it learns later what has arrived
	options options
	total   *counters

	msgs  [][]byte // peeked and not given back, in order
	room  [][]byte // where they are listed
	taken int      // so many of the first the sink has; they have not arrived yet
	over  tally    // of these, those that the sink refused
	most  int      // peeked at once
	bytes int      // handed over at once, about
	limit uint64   // messages that may still be peeked
	timed bool     // the consumer has a deadline
}

// OutOf returns a pump from the ring of c into s. What c has peeked and not released is handed
// over first. When Run has ended by an error, what was not taken comes next out of c, for
// another pump or a Recv, and in the rings that do that (see ring.Consumer) for the next consumer once c is
// closed.
func OutOf(c *ring.Consumer, s Sink, opts ...Option) *Pump {
	pump := new(Pump)
	if k, ok := within[counted](s); ok {
		k.countIn(&pump.counters)
	}
	pump.finish = c.Finish
	pump.run = func(ctx context.Context) error { return newOutlet(c, s, &pump.counters, optionsOf(opts)).run(ctx) }
	return pump
}

func newOutlet(c *ring.Consumer, s Sink, total *counters, options options) *outlet {
	o := &outlet{c: c, s: s, options: options, total: total, bytes: batchBytes, most: batchMessages, limit: options.limit}
	if o.limit == 0 {
		o.limit = math.MaxUint64
	}
	if o.settles, _ = within[settler](s); o.settles != nil && options.trusting {
		o.settles.trust()
	}
	if k, ok := within[checked](s); ok {
		k.lies(o.sound)
	}
	switch cfg := c.Config(); {
	case cfg.Kind == ring.Bytes:
		o.bytes = min(o.bytes, cfg.Capacity/4)
	case cfg.Topology == ring.MPMC:
		o.most = min(o.most, max(1, cfg.Capacity/8)) // leave some to the other consumers
	}
	o.room = make([][]byte, 0, o.most)
	o.msgs = o.room
	return o
}

func (o *outlet) run(ctx context.Context) (err error) {
	defer func() { err = errors.Join(err, o.s.Close()) }()
	defer context.AfterFunc(ctx, o.s.Stop)()
	defer func() { err = errors.Join(err, o.deadline(0)) }()
	if err := o.c.Unpeek(); err != nil { // what releases count begins here
		return err
	}
	for err == nil {
		if o.taken == len(o.msgs) {
			err = o.collect(ctx)
		}
		switch {
		case err == nil:
			err = o.pass()
		case err == io.EOF && o.taken > 0:
			err = o.arrive(ctx)
		}
	}
	if err == io.EOF {
		return nil
	}
	if ctx.Err() != nil && (errors.Is(err, ErrStopped) || errors.Is(err, ctx.Err())) {
		err = ctx.Err()
	}
	return o.left(err)
}

// checked is a sink that copies messages before it passes them on. It is given what tells
// whether the copies are good: of a ring whose file was truncated they are zeros.
type checked interface{ lies(sound func() error) }

// sound fails once the ring's memory was found gone.
func (o *outlet) sound() error {
	if o.c.Ring().Region().Faulted() {
		return fmt.Errorf("feed: ring %q: %w", o.c.Ring().Name(), ring.ErrTruncated)
	}
	return nil
}

// collect peeks a batch: what is there, and waits for the first. It may come back with none.
func (o *outlet) collect(ctx context.Context) error {
	if o.limit == 0 {
		return io.EOF
	}
	b, err := o.c.TryPeek()
	if err == ring.ErrEmpty || err == ring.ErrHeld {
		b, err = o.wait(ctx)
	}
	if err == errAgain {
		return nil
	}
	if err != nil {
		return o.overrun(err) // the next call goes on
	}
	n := len(o.msgs)
	o.makeRoom()
	o.msgs = append(o.msgs, b)
	o.limit--
	k, err := o.c.TryPeekBatch(o.msgs[n+1 : n+1+int(min(o.limit, uint64(o.most-1)))])
	o.msgs = o.msgs[:n+1+k]
	o.limit -= uint64(k)
	o.own(o.msgs[n:])
	if err == ring.ErrEmpty || err == ring.ErrHeld || err == io.EOF {
		err = nil // io.EOF comes again
	}
	return o.overrun(err)
}

// own puts copies in place of messages that a stranger can change while the sink looks at them.
func (o *outlet) own(msgs [][]byte) {
	if _, strange := o.c.Ring().Peer(); !strange {
		return
	}
	for i := range msgs {
		msgs[i] = bytes.Clone(msgs[i])
	}
}

// overrun tells of messages that were overwritten, which is no end; other errors it returns.
func (o *outlet) overrun(err error) error {
	var lost *ring.OverrunError
	if !errors.As(err, &lost) {
		return err
	}
	o.total.lost.Add(lost.Lost)
	if o.options.lost == nil {
		return nil
	}
	return o.options.lost(lost)
}

// makeRoom makes room in the list for another batch.
func (o *outlet) makeRoom() {
	n := len(o.msgs)
	if cap(o.msgs) >= n+o.most {
		return
	}
	if cap(o.room) < 2*(n+o.most) { // else it is moved too often
		o.room = make([][]byte, 0, 4*(n+o.most))
	}
	o.msgs = append(o.room[:0], o.msgs...)
}

// pass hands over what is there, a piece at a time, and gives back what has
// arrived. What was not taken is peeked again by who comes next.
func (o *outlet) pass() error {
	for o.taken < len(o.msgs) {
		if err := o.sound(); err != nil {
			return err
		}
		n, err := o.s.Take(o.piece())
		o.taken += n
		if n > 0 {
			o.total.batches.Add(1)
		}
		if errors.Is(err, syscall.EFAULT) {
			if cerr := o.c.Ring().Region().Check(); cerr != nil { // no fault of the sink's
				return fmt.Errorf("ring %q: %w: %w", o.c.Ring().Name(), cerr, err)
			}
		}
		again, serr := o.settle()
		if again {
			continue
		}
		if serr != nil {
			return serr
		}
		if err != nil && o.taken < len(o.msgs) && refused(err) && o.options.skip != nil && o.options.skip(err) {
			err = o.passOver()
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// piece is what to hand over next.
func (o *outlet) piece() [][]byte {
	end := o.taken
	for bytes := 0; end < len(o.msgs) && bytes < o.bytes; end++ {
		bytes += len(o.msgs[end])
	}
	return o.msgs[o.taken:end]
}

// release gives the first n messages back, which the sink has taken.
func (o *outlet) release(n int) error {
	if n == 0 {
		return nil
	}
	t := tally{messages: n}
	for _, m := range o.msgs[:n] {
		t.bytes += len(m)
	}
	if err := o.c.ReleaseFirst(n); err != nil {
		return err
	}
	// Which of them the sink refused does not matter in the end.
	over := tally{min(o.over.messages, t.messages), min(o.over.bytes, t.bytes)}
	o.over = tally{o.over.messages - over.messages, o.over.bytes - over.bytes}
	o.total.refused.Add(uint64(over.messages))
	o.total.messages.Add(uint64(t.messages - over.messages))
	o.total.bytes.Add(uint64(t.bytes - over.bytes))
	clear(o.msgs[:n])
	o.msgs = o.msgs[n:]
	o.taken -= n
	if len(o.msgs) == 0 {
		o.msgs = o.room[:0]
	}
	return nil
}

// refused tells whether err is about the next message alone.
func refused(err error) bool {
	return errors.Is(err, ring.ErrTooLarge) || errors.Is(err, ring.ErrSize)
}
