package ring

import (
	"errors"
	"os"
	"os/signal"
	"sync"
	"sync/atomic"
	"syscall"

	"annulus/internal/layout"
	"annulus/internal/mem"
)

// Finisher is an endpoint that can be asked to come to an end in order.
type Finisher interface{ Finish() error }

// CloseOnSignal lets the first SIGTERM or SIGINT of this process finish the
// endpoints: sends fail with ErrClosed, consumers receive what is committed and
// then io.EOF, so that both sides' loops end by themselves and their programs
// can exit with status 0: a Close that follows returns nil as ever. After that
// the signals do what they did before, so a second one is immediate. stop undoes
// it; call it when the endpoints are closed. The library handles no signal unless
// this is called.
func CloseOnSignal(endpoints ...Finisher) (stop func()) {
	ch := make(chan os.Signal, 1)
	signal.Notify(ch, os.Interrupt, syscall.SIGTERM)
	quit := make(chan struct{})
	var done sync.WaitGroup
	done.Go(func() {
		select {
		case <-ch:
			signal.Stop(ch)
			for _, e := range endpoints {
				// An endpoint that is closed already needs no finishing.
				_ = e.Finish()
			}
		case <-quit:
			signal.Stop(ch)
		}
	})
	return sync.OnceFunc(func() { close(quit); done.Wait() })
}

// Close ends this producer's session: what it has committed stays, the consumer
// gets io.EOF behind it, the role is free. A reservation or an unpublished batch
// is given up. Any goroutine may call it: a blocked Send returns ErrClosed.
// The second Close returns ErrClosed; the first after Finish, be it by
// CloseOnSignal, returns what Finish did.
func (p *Producer) Close() error {
	err := p.end(false)
	if errors.Is(err, ErrClosed) {
		if ferr, ok := p.endedByFinish(); ok {
			return ferr
		}
	}
	return err
}

// Finish does what Close does: a producer has nothing left to do once it may not
// send. Its owner may Close it afterwards, as a consumer that was finished.
func (p *Producer) Finish() error { return p.end(true) }

func (p *Producer) end(finish bool) error {
	p.closing.Store(true)
	atomic.StoreUint64(&p.quiet, 0)
	p.awaitIdle()
	return p.detach(func() error {
		p.byFinish = finish
		var err error
		if p.form.claims() {
			p.staged, p.shared.filled = 0, 0
			p.abortShared()
		} else {
			p.account()
		}
		if p.mine.many {
			err = p.endProducers()
			mem.Publish(&p.mine.member.holder.Tag, 0)
		} else {
			e := p.mine.endpoint
			atomic.StoreUint32(&e.Closed, atomic.LoadUint32(&e.Session)) // [P2] pairs with the load in ended
		}
		return errors.Join(err, p.wake.Interrupt())
	})
}

// Finish asks the producer to stop: its sends fail with ErrClosed from now on.
// The consumer goes on receiving what is committed, then gets io.EOF: when the
// producer has closed or is dead, or when the ring has been empty for
// futex.DefaultSlice. Any goroutine may call it. In a broadcast ring the producer goes
// on: this consumer receives what is committed now, then io.EOF.
func (c *Consumer) Finish() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.detached {
		return c.closed()
	}
	if c.form == formCast {
		return c.finishCast()
	}
	c.finish.Store(true)
	var err error
	if c.mine.many {
		_, err = c.endConsumers()
	} else {
		mem.Atomic64(&c.mine.arm.Arm).Or(layout.ArmClosed)
	}
	return errors.Join(err, c.wake.Interrupt(), c.waiter.Gate.Interrupt())
}

// Close ends this consumer: a live producer's sends fail with ErrClosed, unless
// its session is over anyway; what was peeked and not released, and all that
// was not peeked, stays in the ring. In a broadcast ring the producer goes on, also
// without consumers. Any goroutine may call it: a blocked Recv
// returns ErrClosed. The second Close returns ErrClosed.
func (c *Consumer) Close() error {
	c.closing.Store(true)
	atomic.StoreUint64(&c.quiet, 0)
	c.awaitIdle()
	return c.detach(func() error {
		if !c.peeked {
			c.count()
		}
		if c.form == formCast {
			return c.endCast()
		}
		var err error
		e := c.mine.endpoint
		session := atomic.LoadUint32(&e.Session) // before the look at the others
		last := true
		if c.form == formTickets && !c.ring.config.Redeliver {
			c.given = c.shared.claimed
			c.settle(c.given)
		}
		if c.mine.many {
			last, err = c.endConsumers()
		} else {
			mem.Atomic64(&c.mine.arm.Arm).Or(layout.ArmClosed)
		}
		if last {
			atomic.StoreUint32(&e.Closed, session) // the flag in arm goes when a producer comes
		}
		return errors.Join(err, c.wake.Interrupt())
	})
}
