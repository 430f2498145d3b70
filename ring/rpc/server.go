package rpc

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"annulus/ring"
)

// A Handler answers a request: it returns the reply, which it may append to dst, an empty slice that is
// used again once it has returned. req is valid until it returns. ctx ends at the call's
// deadline, with Serve, or by Close; an error reaches the caller as a RemoteError. A
// handler that panics ends the program as any panic does; before that the caller is told, and no later
// server runs the request again.
type Handler func(ctx context.Context, dst, req []byte) ([]byte, error)

// Stats is what a server has done so far.
type Stats struct {
	Calls   uint64 // run
	Failed  uint64 // of these, by an error of the handler
	Expired uint64 // not run: the deadline had passed
	Unknown uint64 // not run: no such method, or no request at all
	Dropped uint64 // replies to clients that were gone
	Spoilt  uint64 // lanes given up: a client has written there what no client writes
}

// A Server runs the calls of its clients. Handle, Stats, Finish and Close may be called by any
// goroutine, Serve once.
type Server struct {
	name     string
	config   Config
	requests *ring.Ring
	c        *ring.Consumer
	open     *ring.Producer // never sends: while it is there, the end of the last client is not that of the requests
	lanes    []lane
	first    bool // nobody was the server of this ring before
	lasting  bool // Listen has succeeded
	spoilt   error

	quit context.Context // ends by Close
	stop context.CancelFunc

	mu      sync.RWMutex
	methods map[uint64]method
	closed  bool

	calls, failed, expired, unknown, dropped, given atomic.Uint64
}

type method struct {
	name   string
	handle Handler
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
	return Stats{
		Calls: s.calls.Load(), Failed: s.failed.Load(), Expired: s.expired.Load(), Unknown: s.unknown.Load(),
		Dropped: s.dropped.Load(), Spoilt: s.given.Load(),
	}
}

// Finish brings Serve to an end in order: what was requested is answered. Any
// goroutine; ring.CloseOnSignal takes servers.
func (s *Server) Finish() error { return s.c.Finish() }

// Serve answers requests until ctx ends, then it returns its error; or until Close, or Finish and
// all that was requested is answered: then nil. After Finish a client that is stopped, or takes
// no reply for five seconds, loses what is left for it.
func (s *Server) Serve(ctx context.Context) error {
	if err := s.requests.Region().Hold(); err != nil {
		return nil // it was closed before
	}
	defer s.requests.Region().Drop() // handlers read their requests there, whatever Close does
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(s.quit, cancel)()
	run, wait := s.inPlace(inner), func() {}
	if s.config.Workers > 0 {
		run, wait = s.workers(inner)
	}
	err := s.receive(ctx, run)
	if err != nil {
		cancel()
	}
	wait()
	if err == nil {
		err = s.settle(ctx)
	}
	return err
}

// inPlace runs each request where it lies.
func (s *Server) inPlace(ctx context.Context) func(b []byte) {
	w := new(worker)
	return func(b []byte) {
		returned := false
		defer func() {
			if !returned {
				_ = s.c.Release() // the panic says more
			}
		}()
		s.run(ctx, w, b)
		returned = true
	}
}

// workers runs copies of requests in goroutines, as many at once as Config says.
func (s *Server) workers(ctx context.Context) (run func(b []byte), wait func()) {
	var all sync.WaitGroup
	jobs := make(chan []byte)
	for range s.config.Workers {
		all.Go(func() {
			w := new(worker)
			for job := range jobs {
				s.run(ctx, w, job)
			}
		})
	}
	return func(b []byte) { jobs <- append([]byte(nil), b...) }, func() { close(jobs); all.Wait() }
}

// receive hands requests to run until there will be none.
func (s *Server) receive(ctx context.Context, run func(b []byte)) error {
	for {
		b, err := s.next(func() ([]byte, error) { return s.c.Peek(ctx) })
		if err == nil {
			run(b)
			err = s.c.Release()
		}
		switch {
		case err == io.EOF || errors.Is(err, ring.ErrClosed):
			return nil
		case err != nil:
			return err
		}
	}
}

// next peeks. A lane that is spoilt says so once and the others go on; a ring that is says it
// again and again.
func (s *Server) next(peek func() ([]byte, error)) ([]byte, error) {
	for {
		b, err := peek()
		if !errors.Is(err, ring.ErrCorrupt) || err == s.spoilt {
			return b, err
		}
		s.spoilt = err
		s.given.Add(1)
	}
}

// settle waits until the replies that are queued have been sent.
func (s *Server) settle(ctx context.Context) error {
	for i := range s.lanes {
		s.lanes[i].hurry.Store(true)
	}
	defer context.AfterFunc(ctx, func() {
		for i := range s.lanes {
			s.lanes[i].cut.Store(true)
		}
	})()
	for i := range s.lanes {
		s.lanes[i].done.Wait()
	}
	return nil
}

// worker is memory that one who runs handlers uses again and again.
type worker struct{ reply []byte }

// run answers one request.
func (s *Server) run(ctx context.Context, w *worker, b []byte) {
	var r request
	if !r.get(b) || r.call == greeting || uint64(r.place) >= uint64(len(s.lanes)) || int(r.place) == s.open.Place() {
		s.unknown.Add(1)
		return
	}
	l := &s.lanes[r.place]
	answered := false
	defer func() {
		if !answered {
			s.failed.Add(1)
			l.reply(r.call, statusError, []byte("the handler panicked"))
		}
	}()
	status, out := s.answer(ctx, w, &r, b[requestHead:])
	answered = true
	if len(out) > l.most {
		status = statusTooLarge
		out = fmt.Appendf(nil, "the reply has %d bytes, its ring takes %d; make Config.ReplyBytes larger", len(out), l.most)
	}
	l.reply(r.call, status, out)
	if n := len(out); n > cap(w.reply) { // out itself may be the handler's
		w.reply = make([]byte, 0, n)
	}
}

// answer finds the reply to a request.
func (s *Server) answer(ctx context.Context, w *worker, r *request, payload []byte) (status uint32, out []byte) {
	s.mu.RLock()
	m, ok := s.methods[r.method]
	s.mu.RUnlock()
	switch {
	case !ok:
		s.unknown.Add(1)
		return statusNoMethod, nil
	case r.deadline != 0 && time.Now().UnixNano() > r.deadline:
		s.expired.Add(1)
		return statusExpired, nil
	}
	s.calls.Add(1)
	if r.deadline != 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithDeadline(ctx, time.Unix(0, r.deadline))
		defer cancel()
	}
	if w.reply == nil {
		w.reply = make([]byte, 0, 1024)
	}
	out, err := m.handle(ctx, w.reply, payload)
	if err != nil {
		s.failed.Add(1)
		return statusError, []byte(err.Error())
	}
	return statusOK, out
}
