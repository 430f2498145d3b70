package feed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"annulus/ring"
)

// ListenInto returns a pump from every connection that l accepts, TLS ones included, into the rings of
// ps: each connection keeps to one of them, so that the order of its messages holds.
// Several connections share a producer, a batch of each in turn. A connection that breaks, or
// holds what the framing does not allow, ends alone: see OnConn. A full ring stops all. Finish,
// and the end of Run's context, close the listener and the connections.
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
		source := Reader(c, f)
		defer s.track(source)()
		return in.pump(ctx, source)
	}
	s.watched = func(stop func()) func() error { return newIntake(ps[0], &pump.counters, o).watch(stop) }
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
// as rings do that (see ring.Consumer). Finish lets each receive what is committed.
func ListenOutOf(l net.Listener, f Framing, open func() (*ring.Consumer, error), opts ...Option) *Pump {
	pump := new(Pump)
	o := optionsOf(opts)
	s := newServer(l, &pump.counters, o)
	s.serve = func(ctx context.Context, conn net.Conn) error {
		c, err := s.consumer(ctx, open)
		if err != nil {
			return errors.Join(err, conn.Close())
		}
		sink := Writer(conn, f)
		defer s.track(finisher{c})()
		err = newOutlet(c, sink, &pump.counters, o).run(ctx)
		return errors.Join(err, c.Close())
	}
	pump.finish, pump.run = s.finish, s.run
	return pump
}

// finisher ends a pump to a connection in order.
type finisher struct{ c *ring.Consumer }

func (f finisher) Stop() { _ = f.c.Finish() } // it fails only where it has ended

// server accepts connections and serves each in a goroutine.
type server struct {
	l       net.Listener
	total   *counters
	options options
	serve   func(context.Context, net.Conn) error
	watched func(stop func()) (end func() error) // looks whether anybody wants more; may be nil

	mu     sync.Mutex
	ended  bool
	served map[int]interface{ Stop() }
	next   int
	freed  chan struct{} // one connection has ended
	all    sync.WaitGroup
}

func newServer(l net.Listener, total *counters, o options) *server {
	return &server{l: l, total: total, options: o, served: map[int]interface{ Stop() }{}, freed: make(chan struct{}, 1)}
}

// track lets finish stop what is served, until the function that it returns is called.
func (s *server) track(what interface{ Stop() }) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next++
	s.served[id] = what
	if s.ended {
		what.Stop()
	}
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.served, id)
	}
}

// finish accepts no more and ends what is served.
func (s *server) finish() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ended {
		return nil
	}
	s.ended = true
	for _, w := range s.served {
		w.Stop()
	}
	return s.l.Close()
}

// run accepts connections until finish or the end of ctx.
func (s *server) run(ctx context.Context) (err error) {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var closeErr error
	stop := sync.OnceFunc(func() { closeErr = s.finish() })
	defer context.AfterFunc(ctx, stop)()
	end := func() error { return nil }
	if s.watched != nil {
		end = s.watched(stop)
	}
	err = s.accept(inner)
	s.all.Wait()
	if werr := end(); werr != nil {
		err = werr
	}
	stop()
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return errors.Join(err, closeErr)
}

func (s *server) accept(ctx context.Context) error {
	delay := time.Duration(0)
	for {
		c, err := s.l.Accept()
		if err != nil {
			if s.over() {
				return nil
			}
			if !temporary(err) {
				return fmt.Errorf("feed: accept: %w", err)
			}
			// No descriptor, no memory: others go on, so it may pass.
			delay = min(max(2*delay, 5*time.Millisecond), time.Second)
			select {
			case <-time.After(delay):
			case <-ctx.Done():
			}
			continue
		}
		delay = 0
		s.total.opened.Add(1)
		s.all.Go(func() {
			err := s.serve(ctx, c)
			if err != nil && !s.over() {
				s.total.failed.Add(1)
			}
			if s.options.conn != nil {
				s.options.conn(c.RemoteAddr(), err)
			}
			select {
			case s.freed <- struct{}{}:
			default:
			}
		})
	}
}

func (s *server) over() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.ended
}

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
		case <-time.After(idleSlice): // held by another process, or somebody else was faster
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

// temporary tells whether an error of Accept may pass.
func temporary(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
