package feed

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"annulus/ring"
)

// ErrStopped is what a Fill or Take returns that Stop has ended.
var ErrStopped = errors.New("feed: stopped")

// A Source yields messages. One goroutine at a time may Fill it; Stop may come from
// any.
type Source interface {
	// Fill puts those messages into the ring that are there, and waits for the first
	// if there is none. It may wait for input after the first Room or Put only if
	// Intake.Direct says so: others may be kept from the ring meanwhile. io.EOF:
	// there will be no more. What was put is sent, whatever error it returns; a
	// message that was not whole must not be put.
	Fill(in *Intake) error
	// Stop ends a Fill that waits for input, and all later ones, with ErrStopped.
	Stop()
	// Close gives up what the source holds. It comes last.
	Close() error
}

// A Sink takes messages. One goroutine at a time may use it, but Stop may come from any.
//
// One of your own that hands what it takes on to another, message by message, needs a method
// Unwrap() Sink that returns that one. Without it the pump cannot ask what has arrived (see Writer), and
// releases messages that were only written.
type Sink interface {
	// Take takes messages in order and returns how many of them it has taken whole; an
	// error says why not all. It must not keep them, nor write to them: they lie in
	// the ring, and are given back as far as they were taken.
	Take(msgs [][]byte) (n int, err error)
	// Stop ends a Take that waits, and all later ones, with ErrStopped.
	Stop()
	// Close writes out what the sink holds back and gives up the rest. It comes last.
	Close() error
}

// Stats is what a pump has done so far.
type Stats struct {
	Messages uint64 // sent, or taken and released
	Bytes    uint64 // of them, framing not counted
	Batches  uint64 // calls of Fill or Take that passed any
	Again    uint64 // messages handed to a sink once more, since a connection broke
	Opened   uint64 // connections, files, FIFOs: opened or accepted
	Failed   uint64 // of these, ended by an error
	Refused  uint64 // messages that the ring or the sink does not take (see WithSkip)
	Lost     uint64 // messages of a broadcast ring that were overwritten before they were taken
	Dropped  uint64 // datagrams dropped outside the ring, as far as the kernel tells: see DatagramsFrom, DatagramsTo
}

// counters is Stats under way. Pumps of one server share it.
type counters struct {
	messages, bytes, batches, again, opened, failed, refused, lost, dropped atomic.Uint64
}

func (c *counters) stats() Stats {
	return Stats{Messages: c.messages.Load(), Bytes: c.bytes.Load(), Batches: c.batches.Load(), Again: c.again.Load(),
		Opened: c.opened.Load(), Failed: c.failed.Load(), Refused: c.refused.Load(), Lost: c.lost.Load(), Dropped: c.dropped.Load()}
}

// passed counts a batch that was sent.
func (c *counters) passed(messages, bytes uint64) {
	if messages > 0 {
		c.messages.Add(messages)
		c.bytes.Add(bytes)
		c.batches.Add(1)
	}
}

// counted is a source or sink that has something to count itself.
type counted interface{ countIn(c *counters) }

// within returns s as a T, or the first of the sinks that it wraps that is one.
func within[T any](s Sink) (t T, ok bool) {
	for {
		if t, ok = s.(T); ok {
			return t, true
		}
		w, ok := s.(interface{ Unwrap() Sink })
		if !ok {
			return t, false
		}
		s = w.Unwrap()
	}
}

// A Pump moves messages, in one goroutine, until there is an end. Run may be called once.
type Pump struct {
	run    func(ctx context.Context) error
	finish func() error
	ran    atomic.Bool
	counters
}

// Run pumps until the source or the ring comes to its end, or Finish was called: then it
// returns nil; or until ctx ends or something fails. The source or sink is closed when
// it returns. Into: what was read whole is sent. OutOf: what was not taken whole is
// still in the ring, unless an error says otherwise.
func (p *Pump) Run(ctx context.Context) error {
	if p.ran.Swap(true) {
		return errors.New("feed: Run was called before: what it closed cannot be used again, make another pump")
	}
	return p.run(ctx)
}

// Finish brings Run to an end in order: no more is read from the source, and what was read whole is
// sent, which takes room in the ring: where there is none within WithLinger, Run ends with ErrNotSent.
// A sink gets what is committed and, from a ring that has others, not more. Any
// goroutine; ring.CloseOnSignal takes pumps.
func (p *Pump) Finish() error { return p.finish() }

// Stats may be called by any goroutine at any time.
func (p *Pump) Stats() Stats { return p.counters.stats() }

// An Option is a choice of one pump.
type Option func(*options)

type options struct {
	idle func() error
	skip func(error) bool
	lost func(*ring.OverrunError) error
	conn func(net.Addr, error)

	limit     uint64
	conns     int
	linger    time.Duration
	trusting  bool // what the kernel took has arrived
	handshake time.Duration
}

// idleSlice is how often a pump that waits looks around.
const idleSlice = 250 * time.Millisecond

// OnIdle calls f now and then while the pump waits; an error of it ends Run. It may
// come from another goroutine than Run's.
func OnIdle(f func() error) Option { return func(o *options) { o.idle = f } }

// WithSkip asks f what to do with a message that the ring cannot take, err saying why
// (ring.ErrTooLarge, ring.ErrSize): true passes it over and counts it in Stats.Refused.
// Without it such a message ends Run.
func WithSkip(f func(err error) bool) Option { return func(o *options) { o.skip = f } }

// OnOverrun calls f when a broadcast ring has overwritten messages before they were
// taken; an error of it ends Run. Without it they are counted in Stats.Lost alone.
func OnOverrun(f func(*ring.OverrunError) error) Option { return func(o *options) { o.lost = f } }

// WithLimit ends a pump out of a ring in order when its sink has n messages; no other is
// taken from the ring. 0: there is no limit. Into, and where there are many connections, it means nothing.
func WithLimit(n uint64) Option { return func(o *options) { o.limit = n } }

// OnConn calls f when a connection of a listener has ended: err is nil if it came to its
// end. From any goroutine, several at once.
func OnConn(f func(peer net.Addr, err error)) Option { return func(o *options) { o.conn = f } }

// WithConnections ends a listener's pump when n connections have come and ended; no other is
// accepted. 0: there is no limit.
func WithConnections(n int) Option { return func(o *options) { o.conns = n } }

// WithHandshakeTimeout bounds how long a TLS client of a listener may take for its handshake, 10 s
// without it.
func WithHandshakeTimeout(d time.Duration) Option { return func(o *options) { o.handshake = d } }

func optionsOf(opts []Option) options {
	var o options
	for _, f := range opts {
		f(&o)
	}
	return o
}

// Into returns a pump from s into the ring of p.
func Into(p *ring.Producer, s Source, opts ...Option) *Pump {
	pump := new(Pump)
	if c, ok := s.(counted); ok {
		c.countIn(&pump.counters)
	}
	in := newIntake(p, &pump.counters, optionsOf(opts))
	pump.finish = func() error { in.finish(); s.Stop(); return nil }
	pump.run = func(ctx context.Context) error { return in.run(ctx, s) }
	return pump
}

// run is Run of a pump from s.
func (in *Intake) run(ctx context.Context, s Source) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	end := lookAround([]*Intake{in}, cancel) // it may be waiting for room
	err := in.pump(ctx, s)
	if ierr := end(); ierr != nil {
		return ierr
	}
	return err
}

// pump fills the ring from s until there is an end.
func (in *Intake) pump(ctx context.Context, s Source) (err error) {
	defer func() { err = errors.Join(err, s.Close()) }()
	defer context.AfterFunc(ctx, s.Stop)()
	defer in.begin(ctx)()
	for err == nil {
		err = s.Fill(in)
		if ferr := in.flush(); ferr != nil {
			err = ferr
		}
	}
	switch {
	case ctx.Err() != nil && errors.Is(err, ErrStopped):
		return ctx.Err()
	case err == io.EOF || errors.Is(err, ErrStopped):
		return nil
	}
	return err
}

// lookAround looks around while the source may be waiting: a consumer that has closed is
// told by no send then. It calls stop if there is a reason, which the function that is
// returned gives, once it has ended.
func lookAround(all []*Intake, stop func()) (end func() error) {
	var (
		mu     sync.Mutex
		reason error
		t      *time.Timer
		ended  bool
	)
	mu.Lock()
	defer mu.Unlock()
	t = time.AfterFunc(idleSlice, func() {
		mu.Lock()
		defer mu.Unlock()
		if ended {
			return
		}
		for _, in := range all {
			if reason = in.wanted(); reason != nil {
				stop()
				return
			}
		}
		t.Reset(idleSlice)
	})
	return func() error {
		mu.Lock()
		defer mu.Unlock()
		ended = true
		t.Stop()
		return reason
	}
}
