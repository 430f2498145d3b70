package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"annulus/ring"
)

// A Client calls a server. Any number of goroutines may Call at once: one of those that
// wait receives for all. Close may be called by any of them.
type Client struct {
	name     string
	requests *ring.Ring
	replies  *ring.Ring
	place    uint32

	send chan struct{} // held by who uses p: a lock that can be waited for with a context
	p    *ring.Producer

	c *ring.Consumer // of whoever leads

	mu      sync.Mutex
	next    uint64
	leading bool // somebody is, which is so while calls are under way
	waiting map[uint64]*waiter

	inside sync.RWMutex // calls, shared; who unmaps the rings, alone
	gone   atomic.Bool  // the server is, as far as watch has seen
	closed atomic.Bool
	quit   chan struct{}
	watch  sync.WaitGroup
}

// Call sends a request and returns dst with the reply appended. It may use what dst has of
// room behind its length, also when it fails; it returns dst as it was then. Its
// errors are ctx's, a RemoteError that the handler has returned, ErrNoServer, ErrNoMethod, ErrExpired,
// ErrTooLarge and ErrClosed; and ring.ErrCorrupt, where the server or another process has
// written nonsense: Close then, and Dial again. A ctx that has ended sends nothing. When it ends
// later the server may run the request all the same; it does so, or not, after ErrNoServer and ErrClosed too.
func (c *Client) Call(ctx context.Context, method string, dst, req []byte) ([]byte, error) {
	c.inside.RLock()
	defer c.inside.RUnlock()
	if c.closed.Load() {
		return dst, c.errClosed()
	}
	if err := ctx.Err(); err != nil {
		return dst, err
	}
	if c.gone.Load() { // its successor would not run it
		return dst, c.errGone()
	}
	id, w := c.enter(dst)
	var err error
	if w == nil {
		err = c.catchUp(ctx)
	}
	if err == nil {
		err = c.request(ctx, id, methodID(method), req)
	}
	if err != nil {
		return dst, c.give(id, w, c.because(err))
	}
	o := outcome{lead: w == nil}
	if w != nil {
		o = c.wait(ctx, id, w)
	}
	if o.lead {
		o = c.lead(ctx, id, dst)
	}
	return c.result(method, dst, o)
}

// result makes of an outcome what Call returns.
func (c *Client) result(method string, dst []byte, o outcome) ([]byte, error) {
	if o.err != nil {
		return dst, o.err
	}
	switch o.status {
	case statusOK:
		return o.out, nil
	case statusNoMethod:
		return dst, fmt.Errorf("rpc: %w: %q", ErrNoMethod, method)
	case statusExpired:
		return dst, fmt.Errorf("rpc: %s: %w: %w", method, ErrExpired, context.DeadlineExceeded)
	}
	text := string(o.out[len(dst):])
	if o.status == statusTooLarge {
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
	select {
	case c.send <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-c.send }()
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
	r := request{call: id, method: method, place: c.place, deadline: deadline(ctx)}
	r.put(b)
	copy(b[requestHead:], req)
	return c.p.Commit(n)
}

// give gives a call up that could not be sent.
func (c *Client) give(id uint64, w *waiter, err error) error {
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

func (c *Client) errClosed() error { return fmt.Errorf("rpc: client of %s: %w", c.name, ErrClosed) }

func (c *Client) errGone() error {
	return fmt.Errorf("rpc: %w: that of %q is gone", ErrNoServer, c.name)
}

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
		c.mu.Lock()
		idle := !c.leading
		c.mu.Unlock()
		if idle && !c.gone.Load() {
			continue
		}
		s, err := c.requests.Stats()
		gone := err == nil && !s.Consumer.Attached
		if gone == c.gone.Load() {
			continue
		}
		c.gone.Store(gone)
		c.interrupt(gone)
	}
}

// interrupt ends what waits in a ring, or lets it wait again.
func (c *Client) interrupt(end bool) {
	var until time.Time
	if end {
		until = time.Unix(1, 0)
	}
	// They fail only where the ring is closed, which every call finds.
	_ = errors.Join(c.c.SetDeadline(until), c.p.SetDeadline(until))
}

// Close ends the client; calls under way fail with ErrClosed, and have returned when it does.
func (c *Client) Close() error {
	if c.closed.Swap(true) {
		return c.errClosed()
	}
	close(c.quit)
	c.watch.Wait()
	c.interrupt(true)
	c.inside.Lock()
	defer c.inside.Unlock()
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
