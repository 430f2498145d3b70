package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/ring"
)

// Config says how large a server is. Zero fields are defaults.
type Config struct {
	Clients      int // at a time, in all processes together; default 16, at most 4095
	RequestBytes int // capacity of each client's lane, a power of two; a request takes at most half of it; default 64 KiB
	ReplyBytes   int // the same of each client's ring of replies; default 64 KiB

	// Workers is how many requests are run at once, each in a goroutine of its own, with a
	// copy of the request. 0: each is run by Serve itself, where it lies in the ring: the
	// fastest way, for handlers that do not wait.
	Workers int
	// Wait is how the server waits for requests. Default: futex.Adaptive.
	Wait futex.Strategy
}

// A Handler answers a request: it appends the reply to dst and returns the extended slice.
// req is valid until it returns. ctx ends at the call's deadline, or with Serve; an error
// reaches the caller as a RemoteError.
type Handler func(ctx context.Context, dst, req []byte) ([]byte, error)

// Stats is what a server has done so far.
type Stats struct {
	Calls   uint64 // run
	Failed  uint64 // of these, by an error of the handler
	Expired uint64 // not run: the deadline had passed
	Unknown uint64 // not run: no such method, or no request at all
	Dropped uint64 // replies to clients that were gone
}

// A Server runs the calls of its clients. Handle and Close may be called by any goroutine,
// Serve once.
type Server struct {
	name     string
	config   Config
	requests *ring.Ring
	c        *ring.Consumer
	open     *ring.Producer // never sends: while it is there, the end of the last client is not that of the requests
	lanes    []lane

	mu      sync.RWMutex
	methods map[uint64]method
	closed  bool

	calls, failed, expired, unknown, dropped atomic.Uint64
}

type method struct {
	name   string
	handle Handler
}

// maxClients and the server's own lane are as many members as a ring has.
const maxClients = layout.MaxMembers - 1

// Listen makes the server of a name in POSIX shared memory. ring.ErrAttached while
// another one lives; what a dead one has left is taken over, its unanswered requests included,
// by a server of the same Clients, RequestBytes and ReplyBytes: others get ring.ErrMismatch.
func Listen(name string, c Config) (_ *Server, err error) {
	if c.Clients == 0 {
		c.Clients = 16
	}
	if c.RequestBytes == 0 {
		c.RequestBytes = 64 << 10
	}
	if c.ReplyBytes == 0 {
		c.ReplyBytes = 64 << 10
	}
	if c.Clients < 1 || c.Clients > maxClients {
		return nil, fmt.Errorf("rpc: server %q: Config.Clients is %d, expected 1 to %d", name, c.Clients, maxClients)
	}
	s := &Server{name: name, config: c, methods: map[uint64]method{}, lanes: make([]lane, c.Clients+1)}
	defer func() {
		if errors.Is(err, ring.ErrMismatch) {
			err = fmt.Errorf("rpc: %q was made by a server of another Config, or for something else: %w", name, err)
		}
		if err != nil {
			// What a server of another Config has left, with its requests, is for one of that Config.
			err = errors.Join(err, s.release(!errors.Is(err, ring.ErrMismatch)))
		}
	}()
	s.requests, err = ring.OpenOrCreate(name, ring.Config{Topology: ring.MPSC, Members: c.Clients + 1, Capacity: c.RequestBytes})
	if err != nil {
		return nil, err
	}
	var wait []ring.EndpointOption
	if !c.Wait.IsZero() {
		wait = append(wait, ring.WithStrategy(c.Wait))
	}
	if s.c, err = s.requests.Consumer(wait...); err != nil { // from here on nobody else is the server
		if errors.Is(err, ring.ErrAttached) {
			err = fmt.Errorf("rpc: %q has a server already: %w", name, err)
		}
		return nil, err
	}
	if s.open, err = s.requests.Producer(); err != nil {
		return nil, err
	}
	for i := range s.lanes {
		if err = s.lanes[i].open(replyName(name, i), c.ReplyBytes, &s.dropped); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Handle makes f the handler of a method. It panics where there is one already.
func (s *Server) Handle(name string, f Handler) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if m, ok := s.methods[methodID(name)]; ok {
		panic(fmt.Sprintf("rpc: method %q: there is %q already", name, m.name))
	}
	s.methods[methodID(name)] = method{name, f}
}

// Stats may be called at any time.
func (s *Server) Stats() Stats {
	return Stats{Calls: s.calls.Load(), Failed: s.failed.Load(), Expired: s.expired.Load(), Unknown: s.unknown.Load(), Dropped: s.dropped.Load()}
}

// Finish brings Serve to an end in order: what was requested is answered. Any
// goroutine; ring.CloseOnSignal takes servers.
func (s *Server) Finish() error { return s.c.Finish() }

// Serve answers requests until ctx ends, then it returns its error; or until Finish and all
// that was requested is answered, or Close: then nil.
func (s *Server) Serve(ctx context.Context) error {
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	var workers sync.WaitGroup
	run := s.run
	if s.config.Workers > 0 {
		jobs := make(chan []byte)
		for range s.config.Workers {
			workers.Go(func() {
				w := new(worker)
				for job := range jobs {
					s.run(inner, w, job)
				}
			})
		}
		defer workers.Wait()
		defer close(jobs)
		run = func(_ context.Context, _ *worker, b []byte) { jobs <- append([]byte(nil), b...) }
	}
	own := new(worker)
	for {
		b, err := s.c.Peek(ctx)
		switch {
		case err == io.EOF || errors.Is(err, ring.ErrClosed):
			return nil
		case err != nil:
			return err
		}
		run(inner, own, b)
		if err := s.c.Release(); err != nil {
			if errors.Is(err, ring.ErrClosed) {
				return nil
			}
			return err
		}
	}
}

// worker is memory that one who runs handlers uses again and again.
type worker struct{ reply []byte }

// run answers one request.
func (s *Server) run(ctx context.Context, w *worker, b []byte) {
	var r request
	if !r.get(b) || int(r.place) >= len(s.lanes) {
		s.unknown.Add(1)
		return
	}
	if cap(w.reply) < replyHead {
		w.reply = make([]byte, replyHead, 1024)
	}
	s.mu.RLock()
	m, ok := s.methods[r.method]
	s.mu.RUnlock()
	status, out := uint32(statusOK), w.reply[:replyHead]
	switch {
	case !ok:
		s.unknown.Add(1)
		status = statusNoMethod
	case r.deadline != 0 && time.Now().UnixNano() > r.deadline:
		s.expired.Add(1)
		status = statusExpired
	default:
		s.calls.Add(1)
		if r.deadline != 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithDeadline(ctx, time.Unix(0, r.deadline))
			defer cancel()
		}
		var err error
		if out, err = m.handle(ctx, out, b[requestHead:]); err != nil {
			s.failed.Add(1)
			status, out = statusError, append(w.reply[:replyHead], err.Error()...)
		}
	}
	l := &s.lanes[r.place]
	if most := l.r.Config().MaxMessage; len(out) > most {
		text := fmt.Sprintf("the reply has %d bytes, its ring takes %d; make Config.ReplyBytes larger", len(out)-replyHead, most-replyHead)
		status, out = statusTooLarge, append(w.reply[:replyHead], text...)
	}
	putReply(out, r.call, status)
	if cap(out) > cap(w.reply) {
		w.reply = out[:replyHead]
	}
	l.reply(out)
}

// Close ends the server: calls under way fail with ErrNoServer. The names of its rings go.
func (s *Server) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return fmt.Errorf("rpc: server %s: %w", s.name, ErrClosed)
	}
	s.closed = true
	return s.release(true)
}

// release gives back what s holds, and with remove the names as well, if they are its own.
func (s *Server) release(remove bool) error {
	var errs []error
	owner := remove && s.c != nil
	for i := range s.lanes {
		errs = append(errs, s.lanes[i].close(owner))
	}
	if owner {
		errs = append(errs, ring.Remove(s.name)) // before the role is free: nobody else's may go
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
