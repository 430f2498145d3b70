package ring

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"annulus/internal/layout"
	"annulus/internal/mem"
)

// Consumer is the receiving end of a ring. One goroutine at a time may use it,
// but Close, Finish and SetDeadline may come from any.
//
// Delivery is at least once: a consumer that dies with messages in its hands
// leaves them to the next one; of an MPMC ring only with Config.Redeliver, else they are
// dropped. In a Broadcast ring each has its own messages, and a next one begins anew. Whoever receives with Recv has a message in its
// hands only during the call; whoever peeks, until Release or ReleaseFirst.
type Consumer struct {
	endpoint

	tally   uint64 // messages (high bits) and bytes received since the last count or fold
	peeked  bool   // some of it is not released
	special bool   // peeked, or not of kind Bytes: not for the short way
	owed    uint64 // position at which the producer was last told of space
	seen    uint64 // what the word of the next message was when it was not there
	ahead   uint64 // position at which to ask for more lines
	tail    uint64 // the producer has come at least so far
	caught  uint64 // messages when it last caught up with the producer
	rested  uint64 // position of the last rest
	quarter uint64 // of the capacity: how much space is worth a wake

	folded, foldedBytes uint64 // what tally has grown to while peeked: see fold

	finish   atomic.Bool // Finish was called
	finished time.Time   // and the ring found empty since

	given       uint64 // MPMC: of the tickets held, those handed out
	redelivered int    // of the message handed out last

	lanes lanes      // MPSC
	whole lane       // the others, where they are treated as if they were one
	from  mem.Ptr    // what is peeked lies here: data, or private copies
	cast  castReader // of broadcast rings

	over        bool   // io.EOF was returned
	overSession uint32 // for this session of the producer
}

// Consumer takes the consumer role. ErrAttached while another consumer lives;
// after its death the new one goes on with what it had not released.
//
// In an MPSC or MPSCOrdered ring there is one, as in an SPSC ring. In an MPMC ring it is
// one more consumer, and each message goes to one of them; in a Broadcast ring too, and
// each message goes to all. ErrAttached when the endpoint table is full, but not with
// OverrunOverwrite, where the handle may be read-only as well. A broadcast consumer starts
// with the next message, or see WithBacklog; if the last session of the producer is over,
// it waits for another one.
func (r *Ring) Consumer(opts ...EndpointOption) (*Consumer, error) {
	o, err := r.endpointOptions(opts)
	if err != nil {
		return nil, err
	}
	c := new(Consumer)
	if err := c.attach(r, r.consumer, r.producer, o); err != nil {
		return nil, err
	}
	c.quarter = max(c.size/4, 1)
	if r.lanes != nil {
		c.form = formLanes
	}
	c.special = !c.shortWay()
	c.from = c.data
	switch c.form {
	case formTickets:
	case formLanes:
		c.openLanes()
	case formCast:
		if err := c.startCast(o.backlog); err != nil {
			return nil, c.abandon(err)
		}
	default:
		c.seek(mem.Load(&c.cursor.Position))
	}
	c.owed, c.ahead, c.caught = c.pos, c.pos, *c.messages
	if c.form == formRecords && c.pos%layout.WordSize != 0 {
		return nil, c.abandon(c.corrupt("head %d is not a multiple of %d", c.pos, layout.WordSize))
	}
	if c.form.claims() {
		e := c.peer.endpoint
		c.overSession = atomic.LoadUint32(&c.mine.endpoint.Drained)
		c.over = !r.single(c.mine) && c.overSession != 0 && c.overSession == atomic.LoadUint32(&e.Closed)
		if c.over && c.form == formTickets && r.config.Redeliver { // unless one that held a message then is dead now
			_, _, left, err := r.handed()
			if err != nil {
				return nil, c.abandon(err)
			}
			c.over = !left
		}
		c.announce() // before the flag: see endConsumers
		mem.Atomic64(&c.mine.arm.Arm).And(^layout.ArmClosed)
	} else if c.form != formCast {
		mem.Atomic64(&c.mine.arm.Arm).And(^layout.ArmClosed)
		c.announce()
	}
	if err := r.remember(&c.endpoint, c.Close); err != nil {
		_ = c.Close() // as Ring.Close would have, had it come later
		return nil, err
	}
	return c, nil
}

// shortWay tells whether receives may go the short way while nothing is peeked: the ring,
// or lane, holds records of one producer.
func (c *Consumer) shortWay() bool {
	return c.form == formRecords || c.form == formLanes && !c.slots
}

func (c *Consumer) abandon(err error) error {
	c.detach(func() error { return nil })
	return err
}

// TryRecv appends the next message to dst, releases it and everything peeked
// before it, and returns the extended slice. ErrEmpty when there is none, io.EOF
// when there will be none: the producer has closed and all is received; ErrClosed
// after Close, ErrTruncated or ErrCorrupt when the endpoint is dead; in a broadcast ring
// an OverrunError, once, in place of messages that were overwritten. It allocates
// only if dst has too little room. ErrEmpty may be stale for a moment, and an MPMC
// ring that says so may have messages behind a send under way: see there.
//
// One call without calls in it is what this takes for a small record; the rest
// is in tryRecvSlow.
func (c *Consumer) TryRecv(dst []byte) ([]byte, error) {
	c.enter()
	if mem.Load(&c.quiet) == 0 || c.special {
		return c.tryRecvSlow(dst)
	}
	i := c.pos & c.mask
	n := mem.Load(c.data.Word(i)) - layout.RecordCommitted // [P1]
	if n > c.mask-(layout.WordSize-1)-i {
		return c.tryRecvSlow(dst) // see nextRecord
	}
	next := c.pos + record(n)
	if n == 8 && cap(dst)-len(dst) >= 8 {
		dst = mem.AppendWord(dst, c.data, i+layout.WordSize)
	} else {
		if n > c.max {
			return c.tryRecvSlow(dst)
		}
		if int64(c.ahead-next) < 0 {
			c.lookAhead(next)
		}
		dst = append(dst, c.data.Bytes(i+layout.WordSize, n)...)
	}
	c.pos = next
	c.tally += oneMessage + n
	mem.Publish(&c.cursor.Position, next) // [C1] pairs with the load in consumed
	if mem.Load(c.arm) != mem.Load(&c.quiet) || int64(c.ahead-next) < 0 {
		return dst, c.received()
	}
	c.exit()
	return dst, nil
}

// tryRecvSlow is TryRecv, entered, for everything but the next record.
func (c *Consumer) tryRecvSlow(dst []byte) ([]byte, error) {
	switch c.form {
	case formTickets:
		if out, ok, err := c.recvShared(dst); ok {
			return out, err
		}
	case formOrdered:
		if out, ok, err := c.recvOrdered(dst); ok {
			return out, err
		}
	case formCast:
		return c.recvCast(dst)
	}
	off, n, err := c.next()
	if err == nil {
		dst = append(dst, c.data.Bytes(off, n)...)
		err = c.release()
	}
	c.exit()
	return dst, err
}

// Recv is TryRecv that waits while the ring is empty. Beside TryRecv's errors, but
// for ErrEmpty, it returns ctx.Err() or os.ErrDeadlineExceeded when ctx or the
// deadline has ended, and ErrRemoved when nobody can come to send. Both are
// looked at only when it has to wait: a message that is there is received
// although ctx is over.
func (c *Consumer) Recv(ctx context.Context, dst []byte) ([]byte, error) {
	out, err := c.TryRecv(dst)
	for err == ErrEmpty {
		if err = c.waitData(ctx); err == nil {
			out, err = c.TryRecv(dst)
		}
	}
	c.waited()
	return out, err
}

// TryPeek returns the next message that was not peeked yet, in place, or the
// errors of TryRecv. It is valid until Release, ReleaseFirst of it, TryRecv, Recv or Close. The
// bytes lie in shared memory: a peer that is not trusted (Accept, Offer) may change them at
// any time, also between two looks at one of them; receive by Recv, or read each once. In a broadcast ring with
// OverrunOverwrite they are a private copy, valid as long, since the producer waits for nobody.
func (c *Consumer) TryPeek() ([]byte, error) {
	c.enter()
	off, n, err := c.next()
	if err == nil && c.peeked {
		err = c.overpeeked()
	}
	if err != nil {
		c.exit()
		return nil, err
	}
	c.peeked, c.special = true, true
	c.exit()
	return c.from.Bytes(off, n), nil
}

// Peek is TryPeek that waits while the ring is empty, with the errors of Recv.
func (c *Consumer) Peek(ctx context.Context) ([]byte, error) {
	b, err := c.TryPeek()
	for err == ErrEmpty {
		if err = c.waitData(ctx); err == nil {
			b, err = c.TryPeek()
		}
	}
	c.waited()
	return b, err
}

// TryPeekBatch fills dst with messages in place, as many as there are and have
// room, and returns their number; ErrEmpty or io.EOF only with 0. They are valid
// as one of TryPeek.
func (c *Consumer) TryPeekBatch(dst [][]byte) (n int, err error) {
	c.enter()
	if c.form == formTickets {
		c.shared.want = min(uint64(len(dst)), layout.IntentMaxCount)
		defer func() { c.shared.want = 1 }()
	}
	for n < len(dst) {
		var off, size uint64
		if off, size, err = c.next(); err != nil {
			break
		}
		dst[n] = c.from.Bytes(off, size)
		c.peeked, c.special = true, true
		n++
		if c.form == formRecords {
			n += c.peekRecords(dst[n:])
		}
	}
	if n > 0 {
		err = firstError(c.overpeeked(), err)
	}
	if n > 0 && (err == ErrEmpty || err == io.EOF || err == ErrHeld || c.later(err)) {
		err = nil
	}
	c.exit()
	return n, err
}

// Release gives everything peeked so far back to the producer; nil where nothing
// was. Its error says that this consumer is closed, or that the memory was lost
// meanwhile, so that peeked bytes may have been zeros.
func (c *Consumer) Release() error {
	c.enter()
	var err error
	if mem.Load(&c.quiet) == 0 {
		err = c.look()
	}
	if err == nil {
		err = c.release()
	}
	c.exit()
	return err
}

// SetDeadline bounds every blocking call from now on, a running one included:
// os.ErrDeadlineExceeded after t, the zero time for none. Any goroutine.
func (c *Consumer) SetDeadline(t time.Time) error { return c.setDeadline(t) }

// Config returns what the ring is.
func (c *Consumer) Config() Config { return c.ring.config }
