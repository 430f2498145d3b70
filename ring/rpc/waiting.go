package rpc

import (
	"context"
	"encoding/binary"

	"annulus/ring"
)

// waiter is a call that another goroutine receives for.
type waiter struct {
	dst  []byte
	done chan outcome
}

// outcome is what a waiter is told: its reply, or to receive for all from now on.
type outcome struct {
	lead   bool
	status uint32
	out    []byte
	err    error
}

// leave takes a waiter away; if it was told to lead meanwhile, another one will.
func (c *Client) leave(id uint64, w *waiter) {
	c.mu.Lock()
	delete(c.waiting, id)
	c.mu.Unlock()
	select {
	case o := <-w.done:
		if o.lead {
			c.handOver()
		}
	default:
	}
}

// wait waits for what the leader says.
func (c *Client) wait(ctx context.Context, id uint64, w *waiter) outcome {
	select {
	case o := <-w.done:
		return o
	case <-ctx.Done():
		c.leave(id, w)
		return outcome{err: ctx.Err()}
	}
}

// handOver lets one of those who wait lead, if there is one.
func (c *Client) handOver() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for id, w := range c.waiting {
		delete(c.waiting, id)
		w.done <- outcome{lead: true}
		return
	}
	c.leading = false
}

// lead receives, for all, until the reply to call id has come.
func (c *Client) lead(ctx context.Context, id uint64, dst []byte) outcome {
	defer c.handOver()
	for {
		o, mine, err := c.receive(ctx, id, dst, true)
		if err != nil {
			return outcome{err: c.because(err)}
		}
		if mine {
			return o
		}
	}
}

// catchUp receives what has come before the leader's call is sent: it answers others, or nobody.
func (c *Client) catchUp(ctx context.Context) error {
	for {
		if _, _, err := c.receive(ctx, greeting, nil, false); err == ring.ErrEmpty {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// receive takes one reply; where there is none it waits, or returns ring.ErrEmpty.
func (c *Client) receive(ctx context.Context, id uint64, dst []byte, wait bool) (o outcome, mine bool, err error) {
	b, err := c.c.TryPeek()
	if err == ring.ErrEmpty && wait {
		b, err = c.c.Peek(ctx)
	}
	if err != nil {
		return o, false, err
	}
	o, mine = c.deal(b, id, dst)
	if err = c.c.Release(); err == nil && !mine {
		err = c.over(ctx)
	}
	return o, mine, err
}

// over tells whether to wait on: there may be replies to others without end.
func (c *Client) over(ctx context.Context) error {
	if c.closed.Load() {
		return c.errClosed()
	}
	return ctx.Err()
}

// deal makes a reply the outcome of the leader's call id, if it is its, or else gives it to the one who
// waits for it, who may have left, or died. A greeting is the outcome of all.
func (c *Client) deal(b []byte, id uint64, dst []byte) (o outcome, mine bool) {
	if len(b) < replyHead {
		return o, false
	}
	call, status := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:])
	if call == id && call != greeting {
		return outcome{status: status, out: append(dst, b[replyHead:]...)}, true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if call == greeting {
		o = outcome{err: c.errGone()}
		for call, w := range c.waiting {
			delete(c.waiting, call)
			w.done <- o
		}
		return o, true
	}
	if w, ok := c.waiting[call]; ok {
		delete(c.waiting, call)
		w.done <- outcome{status: status, out: append(w.dst, b[replyHead:]...)}
	}
	return o, false
}
