package feed

import (
	"context"
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"
	"time"
)

// server accepts connections and serves each in a goroutine.
type server struct {
	l       net.Listener
	total   *counters
	options options
	serve   func(context.Context, net.Conn) error
	watched func(stop func()) (end func() error) // looks whether anybody wants more; may be nil

	mu     sync.Mutex
	ended  chan struct{} // closed: no more are accepted
	err    error         // why, if it is not finish
	served map[int]interface{ Stop() }
	next   int
	freed  chan struct{} // one connection has ended
	all    sync.WaitGroup
}

func newServer(l net.Listener, total *counters, o options) *server {
	return &server{l: l, total: total, options: o, served: map[int]interface{ Stop() }{},
		ended: make(chan struct{}), freed: make(chan struct{}, 1)}
}

// track lets finish stop what is served, until the function that it returns is called.
func (s *server) track(what interface{ Stop() }) func() {
	s.mu.Lock()
	defer s.mu.Unlock()
	id := s.next
	s.next++
	s.served[id] = what
	if s.over() {
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
	if s.over() {
		return nil
	}
	close(s.ended)
	for _, w := range s.served {
		w.Stop()
	}
	if err := s.l.Close(); !errors.Is(err, net.ErrClosed) { // as it is after the last of so many
		return err
	}
	return nil
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
	if s.err != nil {
		err = s.err
	}
	if ctx.Err() != nil {
		err = ctx.Err()
	}
	return errors.Join(err, closeErr)
}

func (s *server) accept(ctx context.Context) error {
	const soon, late = 5 * time.Millisecond, time.Second
	nap := backoff{soon, late}
	for n := 0; s.options.conns == 0 || n < s.options.conns; {
		c, err := s.l.Accept()
		if err != nil {
			if s.over() {
				return nil
			}
			if !temporary(err) {
				return fmt.Errorf("feed: accept: %w", err)
			}
			s.total.failed.Add(1)
			// No descriptor, no memory: others go on, so it may pass.
			nap.wait(s.ended) // then over tells
			continue
		}
		nap = backoff{soon, late}
		n++
		s.total.opened.Add(1)
		s.all.Go(func() {
			err := s.shake(ctx, c)
			if err == nil {
				err = s.serve(ctx, c)
			}
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
	return s.l.Close() // who comes now is refused, not left waiting
}

// fail is finish because of err, which run returns.
func (s *server) fail(err error) {
	s.mu.Lock()
	if s.err == nil {
		s.err = err
	}
	s.mu.Unlock()
	_ = s.finish() // err is more to the point
}

func (s *server) over() bool {
	select {
	case <-s.ended:
		return true
	default:
		return false
	}
}

// shake makes a TLS client shake hands in time, before it is given anything.
func (s *server) shake(ctx context.Context, c net.Conn) error {
	h, ok := c.(interface{ HandshakeContext(context.Context) error })
	if !ok {
		return nil
	}
	limit := s.options.handshake
	if limit <= 0 {
		limit = handshakeTime
	}
	ctx, cancel := context.WithTimeoutCause(ctx, limit, fmt.Errorf("it was not done within %v", limit))
	defer cancel()
	defer s.track(ender(cancel))()
	err := h.HandshakeContext(ctx)
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		err = errors.Join(cause, err)
	}
	_ = newStreamSink(c, nil).Close() // err says what is wrong with it
	return fmt.Errorf("feed: TLS handshake: %w", err)
}

// ender stops by a function.
type ender func()

func (f ender) Stop() { f() }

// temporary tells whether an error of Accept may pass.
func temporary(err error) bool {
	for _, e := range []error{syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED} {
		if errors.Is(err, e) {
			return true
		}
	}
	return false
}
