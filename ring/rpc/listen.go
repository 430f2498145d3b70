package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"annulus/futex"
	"annulus/ring"
)

// Config says how large a server is. Zero fields are defaults.
type Config struct {
	Clients      int // at a time, in all processes together; default 16, at most MaxClients
	RequestBytes int // capacity of each client's lane, a power of two; a request takes at most half of it; default 64 KiB
	ReplyBytes   int // the same of each client's ring of replies; default 64 KiB

	// Workers is how many requests are run at once, each in a goroutine of its own, with a
	// copy of the request. 0: each is run by Serve itself, where it lies in the ring: the
	// fastest way, for handlers that do not wait.
	Workers int
	// Wait is how the server waits for requests. Default: futex.Adaptive.
	Wait futex.Strategy
}

// MaxClients is the most that Config.Clients can be.
const MaxClients = 4095

func (c Config) withDefaults() (Config, error) {
	if c.Clients == 0 {
		c.Clients = 16
	}
	if c.RequestBytes == 0 {
		c.RequestBytes = 64 << 10
	}
	if c.ReplyBytes == 0 {
		c.ReplyBytes = 64 << 10
	}
	if c.Clients < 1 || c.Clients > MaxClients {
		return c, fmt.Errorf("%w: Config.Clients is %d, want from 1 to %d", ring.ErrGeometry, c.Clients, MaxClients)
	}
	if c.Workers < 0 {
		return c, fmt.Errorf("%w: Config.Workers is %d, want 0, to run requests in Serve, or more", ring.ErrGeometry, c.Workers)
	}
	return c, nil
}

// serverTag keeps the server's own place in the table from its clients, also while it is dead.
const serverTag = 1

// Listen makes the server of a name in POSIX shared memory. ring.ErrAttached while
// another one lives. Where one was killed it takes over: the clients stay, their calls under way
// fail with ErrNoServer, and of these none is run any more. ring.ErrMismatch if the dead one had
// another Config: then nothing is changed; see Remove.
func Listen(name string, c Config) (_ *Server, err error) {
	c, err = c.withDefaults()
	if err != nil {
		return nil, fmt.Errorf("rpc: listen as %q: %w", name, err)
	}
	s := &Server{name: name, config: c, methods: map[uint64]method{}, lanes: make([]lane, c.Clients+1)}
	s.quit, s.stop = context.WithCancel(context.Background())
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("rpc: listen as %q: %w", name, err), s.release())
		}
	}()
	if err = s.takeName(); err != nil {
		return nil, err
	}
	for i := range s.lanes {
		if err = s.lanes[i].open(replyName(name, i), c.ReplyBytes, &s.dropped); err != nil {
			return nil, err
		}
	}
	if err = s.forget(); err != nil {
		return nil, err
	}
	for i := range s.lanes {
		if err = s.lanes[i].greet(); err != nil {
			return nil, err
		}
	}
	s.lasting = true
	return s, nil
}

// takeName becomes the one server of the name.
func (s *Server) takeName() error {
	for {
		var err error
		s.requests, err = ring.OpenOrCreate(s.name, ring.Config{
			Topology: ring.MPSC, Kind: ring.Bytes, Members: s.config.Clients + 1, Capacity: s.config.RequestBytes,
		})
		if errors.Is(err, ring.ErrMismatch) {
			return fmt.Errorf("%w (its members are Config.Clients and one more, its capacity is Config.RequestBytes; or see Remove)", err)
		}
		if err != nil {
			return err
		}
		if s.open, err = s.requests.Producer(ring.WithTag(serverTag)); errors.Is(err, ring.ErrAttached) {
			return fmt.Errorf("there is a server: %w", err)
		}
		if err != nil {
			return err
		}
		if s.c, err = s.requests.Consumer(ring.WithStrategy(s.config.Wait)); err != nil { // from here on nobody else is the server
			return err
		}
		st, err := s.requests.Stats()
		if err != nil {
			return err
		}
		s.first = st.Consumer.Sessions == 1
		if n, err := s.requests.Region().Links(); err != nil || n > 0 {
			return err
		}
		// Its last server was about to close, and has taken the name away.
		if err := errors.Join(s.c.Close(), s.open.Close(), s.requests.Close()); err != nil {
			return err
		}
		s.c, s.open, s.requests = nil, nil, nil
	}
}

// forget drops the requests of a dead server's clients: nobody waits for the answers once
// the greeting is read, and one of them may be what it died of.
func (s *Server) forget() error {
	st, err := s.requests.Stats()
	if err != nil {
		return err
	}
	for left := int64(st.Occupied); left > 0; { // as much as there was: they may be sending more
		b, err := s.next(s.c.TryPeek)
		if err == ring.ErrEmpty || err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		left -= int64(len(b))
		if err := s.c.Release(); err != nil {
			return err
		}
	}
	return nil
}

// Close ends the server: calls under way fail with ErrNoServer, the contexts of handlers
// end. The names of its rings go. It does not wait for Serve, which returns when handlers
// under way have: any goroutine may call it, handlers too.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("rpc: server %s: %w", s.name, ErrClosed)
	}
	s.closed = true
	return s.release()
}

func (s *Server) release() error {
	var errs []error
	// A Listen that fails leaves what it has not made as it was.
	remove := s.c != nil && (s.first || s.lasting)
	for i := range s.lanes {
		errs = append(errs, s.lanes[i].close(remove))
	}
	s.stop() // not before: what a handler returns for that reason is no answer
	if remove {
		errs = append(errs, unname(s.requests)) // before the role is free: nobody else's may go
	}
	if s.c != nil {
		errs = append(errs, s.c.Close())
	}
	if s.open != nil {
		errs = append(errs, s.open.Close())
	}
	if s.requests != nil {
		errs = append(errs, s.requests.Close())
	}
	return errors.Join(errs...)
}

// unname takes the name of a ring away, unless it has gone already: it may be another's now.
func unname(r *ring.Ring) error {
	if n, err := r.Region().Links(); err != nil || n == 0 {
		return err
	}
	if err := ring.Remove(r.Name()); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}
