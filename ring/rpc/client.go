package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"annulus/futex"
	"annulus/ring"
)

// A Client calls a server. Any number of goroutines may Call at once: one of those that
// wait receives for all.
type Client struct {
	name     string
	requests *ring.Ring
	replies  *ring.Ring
	place    uint32

	send sync.Mutex // of the producer
	p    *ring.Producer

	c *ring.Consumer // of whoever leads

	mu      sync.Mutex
	next    uint64
	leading bool
	waiting map[uint64]*waiter

	calls  atomic.Int32 // under way
	gone   atomic.Bool  // the server is, as far as watch has seen
	closed atomic.Bool
	quit   chan struct{}
	watch  sync.WaitGroup
}

// A DialOption is a choice of one client.
type DialOption func(*dialOptions)

type dialOptions struct{ wait futex.Strategy }

// WithStrategy chooses how calls wait for their replies. Default: futex.Adaptive.
func WithStrategy(s futex.Strategy) DialOption { return func(o *dialOptions) { o.wait = s } }

// Dial becomes a client of the server of a name. ErrNoServer if there is none, or it was killed,
// ring.ErrAttached while it has as many clients as it takes.
func Dial(name string, opts ...DialOption) (_ *Client, err error) {
	var o dialOptions
	for _, f := range opts {
		f(&o)
	}
	c := &Client{name: name, waiting: map[uint64]*waiter{}, quit: make(chan struct{})}
	defer func() {
		if err != nil {
			err = errors.Join(err, c.release())
		}
	}()
	if c.requests, err = ring.Open(name); errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("rpc: %w: nobody listens as %q: %w", ErrNoServer, name, err)
	} else if err != nil {
		return nil, err
	}
	if t := c.requests.Config().Topology; t != ring.MPSC {
		return nil, fmt.Errorf("rpc: %w: ring %q is %v, not one of requests", ErrNoServer, name, t)
	}
	// A killed server leaves its rings, which the next one takes over.
	if s, err := c.requests.Stats(); err != nil {
		return nil, err
	} else if !s.Consumer.Attached {
		return nil, c.errGone()
	}
	if c.p, err = c.requests.Producer(); err != nil {
		return nil, err
	}
	c.place = uint32(c.p.Place())
	// Its last holder may be on the way out: it has given up the consumer before.
	if c.replies, err = ring.Open(replyName(name, int(c.place))); err != nil {
		return nil, fmt.Errorf("rpc: %w: it has no ring of replies: %w", ErrNoServer, err)
	}
	var wait []ring.EndpointOption
	if !o.wait.IsZero() {
		wait = append(wait, ring.WithStrategy(o.wait))
	}
	if c.c, err = c.replies.Consumer(wait...); err != nil {
		return nil, err
	}
	c.next = uint64(rand.Uint32()) << 32
	c.watch.Go(c.look)
	return c, nil
}

// Call sends a request and appends the reply to dst. Its errors are ctx's, a RemoteError that
// the handler has returned, ErrNoServer, ErrNoMethod, ErrExpired, ErrTooLarge and
// ErrClosed. After an error of ctx the server may run it all the same.
func (c *Client) Call(ctx context.Context, method string, dst, req []byte) ([]byte, error) {
	if c.closed.Load() {
		return dst, c.errClosed()
	}
	c.calls.Add(1)
	defer c.calls.Add(-1)
	id, w := c.enter(dst)
	if err := c.request(ctx, id, methodID(method), req); err != nil {
		return dst, c.give(ctx, id, w, c.because(err))
	}
	o := outcome{lead: w == nil}
	if w != nil {
		if o = c.wait(ctx, id, w); o.err != nil {
			return dst, o.err
		}
	}
	if o.lead {
		o = c.lead(ctx, id, dst)
	}
	return result(method, dst, o)
}

// result makes of an outcome what Call returns.
func result(method string, dst []byte, o outcome) ([]byte, error) {
	if o.err != nil {
		return dst, o.err
	}
	text := string(o.out[min(len(dst), len(o.out)):])
	switch o.status {
	case statusOK:
		return o.out, nil
	case statusNoMethod:
		return dst, fmt.Errorf("rpc: %w: %q", ErrNoMethod, method)
	case statusExpired:
		return dst, fmt.Errorf("rpc: %s: %w", method, ErrExpired)
	case statusTooLarge:
		return dst, fmt.Errorf("rpc: %s: %w: %s", method, ErrTooLarge, text)
	}
	return dst, &RemoteError{method, text}
}

// enter numbers a call. Without a waiter it is to receive for all.
func (c *Client) enter(dst []byte) (id uint64, w *waiter) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.next++
	id = c.next
	if !c.leading {
		c.leading = true
		return id, nil
	}
	w = &waiter{dst: dst, done: make(chan outcome, 1)}
	c.waiting[id] = w
	return id, w
}

// request sends one.
func (c *Client) request(ctx context.Context, id, method uint64, req []byte) error {
	r := request{call: id, method: method, place: c.place}
	if t, ok := ctx.Deadline(); ok {
		r.deadline = t.UnixNano()
	}
	c.send.Lock()
	defer c.send.Unlock()
	n := requestHead + len(req)
	b, err := c.p.TryReserve(n)
	if err == ring.ErrFull {
		b, err = c.p.Reserve(ctx, n)
	}
	if errors.Is(err, ErrTooLarge) {
		return fmt.Errorf("rpc: %w: the request has %d bytes, its ring takes %d; make the server's Config.RequestBytes larger",
			ErrTooLarge, len(req), c.requests.Config().MaxMessage-requestHead)
	}
	if err != nil {
		return err
	}
	r.put(b)
	copy(b[requestHead:], req)
	return c.p.Commit(n)
}

// give gives a call up that could not be sent.
func (c *Client) give(ctx context.Context, id uint64, w *waiter, err error) error {
	if w == nil {
		c.handOver()
		return err
	}
	c.leave(id, w)
	return err
}

// because says what an error of a ring means for a call.
func (c *Client) because(err error) error {
	switch {
	case c.closed.Load():
		return c.errClosed()
	case errors.Is(err, os.ErrDeadlineExceeded), err == io.EOF, errors.Is(err, ring.ErrClosed), errors.Is(err, ring.ErrRemoved):
		return c.errGone()
	}
	return err
}

func (c *Client) errGone() error {
	return fmt.Errorf("rpc: %w: that of %q is gone", ErrNoServer, c.name)
}

func (c *Client) errClosed() error { return fmt.Errorf("rpc: client of %s: %w", c.name, ErrClosed) }

// lookEvery is how often a client with calls under way looks whether the server lives.
const lookEvery = 100 * time.Millisecond

// look ends the calls of a client whose server was killed: nothing else would tell.
func (c *Client) look() {
	t := time.NewTicker(lookEvery)
	defer t.Stop()
	for {
		select {
		case <-c.quit:
			return
		case <-t.C:
		}
		if c.calls.Load() == 0 && !c.gone.Load() {
			continue
		}
		s, err := c.requests.Stats()
		gone := err == nil && !s.Consumer.Attached
		if gone == c.gone.Load() {
			continue
		}
		c.gone.Store(gone)
		var until time.Time
		if gone {
			until = time.Unix(1, 0)
		}
		// They fail only where the ring is closed, which every call finds.
		_ = errors.Join(c.c.SetDeadline(until), c.p.SetDeadline(until))
	}
}

// Close ends the client; calls under way fail with ErrClosed.
func (c *Client) Close() error {
	if c.closed.Swap(true) {
		return c.errClosed()
	}
	close(c.quit)
	c.watch.Wait()
	return c.release()
}

// release gives the ring of replies up before the place: whoever takes that finds it free.
func (c *Client) release() error {
	var errs []error
	if c.c != nil {
		errs = append(errs, c.c.Close())
	}
	if c.replies != nil {
		errs = append(errs, c.replies.Close())
	}
	if c.p != nil {
		errs = append(errs, c.p.Close())
	}
	if c.requests != nil {
		errs = append(errs, c.requests.Close())
	}
	return errors.Join(errs...)
}
