package feed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"annulus/ring"
)

// ListenInto returns a pump from every connection that l accepts, TLS ones included, into the rings of
// ps: each connection keeps to one of them, so that the order of its messages holds.
// Several connections share a producer, a batch of each in turn. A connection that breaks, or
// holds what the framing does not allow, ends alone: see OnConn. A full ring stops all. Finish,
// and the end of Run's context, close the listener and the connections. Connections of a unixpacket
// listener keep messages apart themselves: f is not used, and may be nil.
func ListenInto(l net.Listener, f Framing, ps []*ring.Producer, opts ...Option) *Pump {
	pump := new(Pump)
	o := optionsOf(opts)
	s := newServer(l, &pump.counters, o)
	places := make([]place, len(ps))
	for i, p := range ps {
		places[i].p = p
	}
	s.serve = func(ctx context.Context, c net.Conn) error {
		at := s.least(places)
		defer places[at].users.Add(-1)
		in := newIntake(places[at].p, &pump.counters, o)
		in.share = &places[at].share
		source, err := sourceOf(c, f)
		if err != nil {
			return errors.Join(err, c.Close())
		}
		defer s.track(ender(func() { in.finish(); source.Stop() }))()
		err = in.pump(ctx, source)
		if in.failed() {
			s.fail(err) // the ring's: it fails all
		}
		return err
	}
	intakes := make([]*Intake, len(ps))
	for i, p := range ps {
		intakes[i] = newIntake(p, &pump.counters, o)
		if i > 0 {
			intakes[i].options.idle = nil // once is enough
		}
	}
	s.watched = func(stop func()) func() error { return lookAround(intakes, stop) }
	pump.finish, pump.run = s.finish, s.run
	return pump
}

// place is a producer and those who share it.
type place struct {
	p     *ring.Producer
	share sync.Mutex
	users atomic.Int32
}

// ListenOutOf returns a pump that gives every connection that l accepts a consumer of its own, from
// open, and writes what it receives to it: each message goes to all of them in a broadcast ring, to one
// of them in others. Where open returns ring.ErrAttached a connection waits until another has
// ended. What a connection that broke did not take stays in the ring for the next, as far
// as rings do that (see ring.Consumer). Finish lets each receive what is committed. f as in ListenInto.
func ListenOutOf(l net.Listener, f Framing, open func() (*ring.Consumer, error), opts ...Option) *Pump {
	pump := new(Pump)
	o := optionsOf(opts)
	o.limit = 0
	s := newServer(l, &pump.counters, o)
	s.serve = func(outer context.Context, conn net.Conn) error {
		ctx, cancel := context.WithCancelCause(outer)
		defer cancel(nil)
		h := hear(conn, cancel)
		c, err := s.consumer(ctx, open)
		if err != nil {
			return errors.Join(err, h.Close())
		}
		defer s.track(finisher{c})()
		sink, err := linkTo(h, f)
		if err != nil {
			return errors.Join(err, h.Close(), c.Close())
		}
		err = newOutlet(c, sink, &pump.counters, o).run(ctx)
		if ctx.Err() != nil && outer.Err() == nil { // the peer is gone
			err = fmt.Errorf("feed: %w", context.Cause(ctx))
		}
		return errors.Join(err, c.Close())
	}
	pump.finish, pump.run = s.finish, s.run
	return pump
}

// finisher ends a pump to a connection in order.
type finisher struct{ c *ring.Consumer }

func (f finisher) Stop() { _ = f.c.Finish() } // it fails only where it has ended

// least returns the place that the fewest connections use, and uses it.
func (s *server) least(places []place) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	at := 0
	for i := range places {
		if places[i].users.Load() < places[at].users.Load() {
			at = i
		}
	}
	places[at].users.Add(1)
	return at
}

// consumer takes a consumer, and waits while all are taken.
func (s *server) consumer(ctx context.Context, open func() (*ring.Consumer, error)) (*ring.Consumer, error) {
	for {
		c, err := open()
		if !errors.Is(err, ring.ErrAttached) {
			return c, err
		}
		if s.over() {
			return nil, ErrStopped
		}
		select {
		case <-s.freed:
		case <-s.ended:
		case <-time.After(idleSlice): // held by another process, or somebody else was faster
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
	}
}
