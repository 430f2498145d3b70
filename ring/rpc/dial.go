package rpc

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"annulus/futex"
	"annulus/ring"
)

// A DialOption is a choice of one client.
type DialOption func(*dialOptions)

type dialOptions struct{ wait futex.Strategy }

// WithStrategy chooses how calls wait for their replies. Default: futex.Adaptive.
func WithStrategy(s futex.Strategy) DialOption { return func(o *dialOptions) { o.wait = s } }

// Dial becomes a client of the server of a name. ErrNoServer if there is none, or it was
// killed; ring.ErrAttached while it has as many clients as it takes; fs.ErrPermission and shm.ErrOwner
// where the name is another user's.
func Dial(name string, opts ...DialOption) (_ *Client, err error) {
	var o dialOptions
	for _, f := range opts {
		f(&o)
	}
	c := &Client{name: name, waiting: map[uint64]*waiter{}, send: make(chan struct{}, 1), quit: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("rpc: dial %q: %w", name, err), c.release())
		}
	}()
	if err = c.enrol(); err != nil {
		return nil, err
	}
	if err = c.listen(o); err != nil {
		return nil, err
	}
	// The rings of replies go before the name of the requests: with that still there, both are one server's.
	if n, err := c.requests.Region().Links(); err != nil {
		return nil, err
	} else if n == 0 {
		return nil, fmt.Errorf("%w: it has just closed", ErrNoServer)
	}
	c.next = uint64(rand.Uint32()) << 32
	c.watch.Go(c.look)
	return c, nil
}

// enrol takes a place among the clients, and with it a lane for requests.
func (c *Client) enrol() (err error) {
	if c.requests, err = ring.Open(c.name); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: nobody listens by that name: %w", ErrNoServer, err)
	} else if err != nil {
		return err
	}
	if err := isRequests(c.requests); err != nil {
		return fmt.Errorf("%w: %w", ErrNoServer, err)
	}
	s, err := c.requests.Stats()
	if err != nil {
		return err
	}
	if !s.Consumer.Attached {
		return fmt.Errorf("%w: it has died (pid %d); start it again", ErrNoServer, s.Consumer.PID)
	}
	c.p, err = c.requests.Producer()
	if errors.Is(err, ring.ErrAttached) {
		return fmt.Errorf("the server has all the clients that it takes; close some, or give it more Config.Clients: %w", err)
	}
	if err == nil {
		c.place = uint32(c.p.Place())
	}
	return err
}

// listen becomes the one who receives what is replied to that place.
func (c *Client) listen(o dialOptions) error {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for asked := false; ; time.Sleep(time.Millisecond) {
		err := c.takeReplies(o)
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case errors.Is(err, ring.ErrAttached):
			// The kernel takes one lock after the other from a process that dies: the last
			// holder of the place may be about to lose this one.
		case spoilt(err) || errors.Is(err, fs.ErrNotExist):
			// The server may be about to make it, or to close; or it finds out what is wrong, and makes a
			// new one, when it is to reply.
			if !asked {
				if rerr := c.request(ctx, nobody, 0, nil); rerr != nil {
					return errors.Join(err, c.because(rerr))
				}
				asked = true
			}
		default:
			return err
		}
	}
}

func (c *Client) takeReplies(o dialOptions) (err error) {
	if c.replies, err = ring.Open(replyName(c.name, int(c.place))); errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%w: it has no ring of replies: %w", ErrNoServer, err)
	} else if err != nil {
		return err
	}
	if err = isReplies(c.replies); err == nil {
		c.c, err = c.replies.Consumer(ring.WithStrategy(o.wait))
	}
	if err == nil {
		var n int
		if n, err = c.replies.Region().Links(); err == nil && n == 0 {
			err = fmt.Errorf("%w: its ring of replies has just been taken away: %w", ErrNoServer, fs.ErrNotExist)
		}
	}
	if err != nil {
		err = errors.Join(err, c.replies.Close())
		c.c, c.replies = nil, nil
	}
	return err
}
