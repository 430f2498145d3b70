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
func (c *Client) lead(ctx context.Context, id uint64, dst []byte) (o outcome) {
	defer c.handOver()
	for found := false; ; {
		b, err := c.c.TryPeek()
		if err == ring.ErrEmpty {
			b, err = c.c.Peek(ctx)
		}
		if err != nil {
			return outcome{err: c.because(err)}
		}
		if len(b) >= replyHead {
			call, status := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint32(b[8:])
			if found = call == id; found {
				o = outcome{status: status, out: append(dst, b[replyHead:]...)}
			} else {
				c.deliver(call, status, b[replyHead:])
			}
		}
		if err := c.c.Release(); err != nil {
			return outcome{err: c.because(err)}
		}
		if found {
			return o
		}
	}
}

// deliver gives a reply to the one who waits for it; it may have left, or died.
func (c *Client) deliver(call uint64, status uint32, b []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if w, ok := c.waiting[call]; ok {
		delete(c.waiting, call)
		w.done <- outcome{status: status, out: append(w.dst, b...)}
	}
}
