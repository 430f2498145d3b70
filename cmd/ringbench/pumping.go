package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"strings"
	"time"

	"annulus/ring"
	"annulus/ring/feed"
)

// How long a pump that a signal has ended may go without passing a message: into a ring
// that stays full, and to a sink that takes nothing.
var intoGrace, outOfGrace = time.Second, 5 * time.Second

// errStuck is why a pump was ended that had been asked to.
var errStuck = errors.New("nothing was passed any more")

// conduct runs a pump until its end, or until a signal, which ends it in order.
func conduct(ctx context.Context, pump *feed.Pump, grace time.Duration) error {
	inner, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	defer context.AfterFunc(ctx, func() {
		_ = pump.Finish() // Run says what is wrong
		for before := pump.Stats().Messages; ; {
			select {
			case <-inner.Done():
				return
			case <-time.After(grace):
			}
			now := pump.Stats().Messages
			if now == before {
				cancel(errStuck)
				return
			}
			before = now
		}
	})()
	err := pump.Run(inner)
	if errors.Is(err, context.Canceled) && context.Cause(inner) == errStuck {
		err = because(errors.Join(errStuck, err), "%s", strings.Replace(plain(err).Error(), context.Canceled.Error(), errStuck.Error(), 1))
	}
	return err
}

// pump is what a command does whose far end is url, and whose ring names say.
func (f *far) pump(ctx context.Context, io *stdio, set *flag.FlagSet, s *side, url string, names []string) error {
	f.io = io
	if err := f.locate(set, url); err != nil {
		return err
	}
	if err := s.ring.resolve(names); err != nil {
		return err
	}
	if f.sink {
		return drainRing(ctx, io, s, f)
	}
	return feedRing(ctx, io, s, f)
}

// feedRing sends what comes from the far end through a ring.
func feedRing(ctx context.Context, io *stdio, s *side, f *far) (err error) {
	if _, err := s.metrics.start(io.err); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.metrics.stop()) }()
	// What is wrong with the far end shall leave no ring behind.
	var far interface{ Close() error }
	var source feed.Source
	var l net.Listener
	if f.listen {
		l, err = f.listener(ctx)
		far = l
	} else {
		source, err = f.scheme.source(f)
		far = source
	}
	if err != nil {
		return plain(err)
	}
	r, err := s.open(io.err)
	if err != nil {
		return errors.Join(err, far.Close())
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := f.suits(r); err != nil {
		return errors.Join(err, far.Close())
	}
	ps, err := producers(r, s, f.listen)
	if err != nil {
		return errors.Join(err, far.Close())
	}
	var pump *feed.Pump
	w := &watch{ring: r, notices: io.err}
	if f.follow {
		w.file = f.rest
	}
	opts := []feed.Option{feed.OnConn(f.conn), feed.WithConnections(f.connections()), feed.WithSkip(f.skipped), feed.OnIdle(w.unread)}
	if f.listen {
		f.listens(l)
		pump = feed.ListenInto(l, f.framing, ps, opts...)
	} else {
		pump = feed.Into(ps[0], source, opts...)
	}
	begun := time.Now()
	err = conduct(ctx, pump, intoGrace)
	for _, p := range ps {
		if cerr := p.Close(); err == nil {
			err = cerr
		}
	}
	if s.stats {
		fmt.Fprintln(io.err, amounts("sent", pump.Stats(), time.Since(begun)))
	}
	switch lost := r.Region().Check(); {
	case err == nil:
		return f.only(pump.Stats())
	case lost != nil: // a read into it has an error of its own
		return fmt.Errorf("ring %q: %w", r.Name(), lost)
	case errors.Is(err, ring.ErrClosed):
		return because(err, "the consumer of ring %q has closed it: %d messages were sent, the rest of %s was not", r.Name(), pump.Stats().Messages, f.place())
	case errors.Is(err, errStuck):
		var m *feed.MessageError
		from := ""
		if errors.As(err, &m) {
			from = fmt.Sprintf(" (from message %d on)", m.Number)
		}
		fmt.Fprintf(io.err, "ring %q stayed full: what was read of %s last is not in it%s\n", r.Name(), f.place(), from)
		return nil
	case errors.Is(err, feed.ErrFrame):
		return fmt.Errorf("%s: %w; all before it is sent", f.place(), plain(err))
	}
	if advice := f.refused(err, r); advice != err {
		return advice
	}
	return f.at(err)
}

// maxProducers is among how many producers connections are spread.
const maxProducers = 4

// producers attaches one, or, for many connections, some if the ring has places for
// others too.
func producers(r *ring.Ring, s *side, many bool) (ps []*ring.Producer, err error) {
	n := 1
	if c := r.Config(); many && c.Topology != ring.SPSC && c.Topology != ring.Broadcast {
		n = max(1, min(maxProducers, c.Members/2))
	}
	for range n {
		p, err := r.Producer(ring.WithStrategy(s.wait))
		if errors.Is(err, ring.ErrAttached) && len(ps) > 0 {
			break
		}
		if err != nil {
			for _, p := range ps {
				err = errors.Join(err, p.Close())
			}
			return nil, err
		}
		ps = append(ps, p)
	}
	return ps, nil
}

// amounts says how much a pump has passed, and what else there was.
func amounts(did string, s feed.Stats, in time.Duration) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %d messages, %d bytes in %v", did, s.Messages, s.Bytes, in.Round(time.Millisecond))
	for _, n := range []struct {
		n    uint64
		what string
	}{
		{s.Opened, "connections or files were opened"}, {s.Failed, "of them failed"}, {s.Again, "messages were sent again"},
		{s.Refused, "were passed over"}, {s.Lost, "were lost"}, {s.Dropped, "datagrams were dropped on the way"},
	} {
		if n.n > 0 {
			fmt.Fprintf(&b, "; %d %s", n.n, n.what)
		}
	}
	return b.String()
}
