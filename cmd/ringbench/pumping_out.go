package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"syscall"
	"time"

	"annulus/ring"
	"annulus/ring/feed"
)

// drainRing hands what comes through a ring to the far end.
func drainRing(ctx context.Context, io *stdio, s *side, f *far) (err error) {
	if _, err := s.metrics.start(io.err); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.metrics.stop()) }()
	out := &outgoing{far: f}
	defer func() { err = errors.Join(err, out.close()) }()
	// What is wrong with the sink shall leave no ring behind, and what is wrong with a
	// ring that is there shall not have cost a file its contents.
	if !s.ring.exists() {
		if err := out.open(ctx); err != nil {
			return err
		}
	}
	r, err := s.open(io.err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if err := f.suits(r); err != nil {
		return err
	}
	consumer := func() (*ring.Consumer, error) {
		o := []ring.EndpointOption{ring.WithStrategy(s.wait)}
		if r.Config().Topology == ring.Broadcast {
			o = append(o, ring.WithBacklog())
		}
		return r.Consumer(o...)
	}
	opts := []feed.Option{feed.WithLimit(f.count), feed.WithSkip(f.skipped), feed.OnConn(f.conn), feed.WithConnections(f.connections()), feed.OnOverrun(func(lost *ring.OverrunError) error {
		_, err := fmt.Fprintln(io.err, lost)
		return err
	})}
	if f.unacknowledged {
		opts = append(opts, feed.WithoutAcknowledgement())
	}
	var pump *feed.Pump
	if f.listen {
		if err := out.open(ctx); err != nil {
			return err
		}
		f.listens(out.l)
		pump = feed.ListenOutOf(out.l, f.framing, consumer, opts...)
	} else {
		c, err := consumer()
		if err != nil {
			return err
		}
		defer func() { // its error is the one that counts, but only if all went well
			if cerr := c.Close(); err == nil {
				err = cerr
			}
		}()
		if err := out.open(ctx); err != nil {
			return err
		}
		w := &watch{ring: r, notices: io.err}
		pump = feed.OutOf(c, out.sink, append(opts, feed.OnIdle(w.look))...)
	}
	out.pumped = true
	begun := time.Now()
	err = conduct(ctx, pump, outOfGrace)
	if s.stats {
		fmt.Fprintln(io.err, amounts("received", pump.Stats(), time.Since(begun)))
	}
	if n := pump.Stats().Dropped; n > 0 && !s.stats {
		fmt.Fprintf(io.err, "%s: %d datagrams did not arrive, as far as is known: nobody was there to receive them\n", f.place(), n)
	}
	if err == nil {
		err = f.only(pump.Stats())
	}
	if err == nil && f.listen && ctx.Err() != nil {
		err = unsent(r)
	}
	return f.left(err, r, pump.Stats().Messages)
}

// unsent fails if there are messages in a ring that no connection has taken.
func unsent(r *ring.Ring) error {
	s, err := r.Stats()
	if n := s.Producer.Messages - s.Consumer.Messages; err == nil && r.Config().Topology != ring.Broadcast && int64(n) > 0 {
		err = fmt.Errorf("no connection has taken them: %d messages", n)
	}
	return err
}

// exists tells whether there is something of that name; opening it says more.
func (n *named) exists() bool {
	r, err := n.open()
	if err == nil {
		err = r.Close()
	}
	return !errors.Is(err, fs.ErrNotExist)
}

// outgoing is the far end of drain, open or not.
type outgoing struct {
	far    *far
	sink   feed.Sink
	l      net.Listener
	pumped bool // the pump closes it
}

// open opens it, once.
func (o *outgoing) open(ctx context.Context) (err error) {
	switch {
	case o.sink != nil || o.l != nil:
		return nil
	case o.far.listen:
		o.l, err = o.far.listener(ctx)
	default:
		o.sink, err = o.far.scheme.sink(o.far)
	}
	if err != nil {
		o.l, o.sink = nil, nil
		return plain(err)
	}
	return nil
}

// close closes what no pump does.
func (o *outgoing) close() error {
	switch {
	case o.pumped:
		return nil
	case o.l != nil:
		return o.l.Close()
	case o.sink != nil:
		return o.sink.Close()
	}
	return nil
}

// left says what has become of the messages, if not all went well.
func (f *far) left(err error, r *ring.Ring, taken uint64) error {
	if err == nil {
		return nil
	}
	if r.Region().Check() != nil || errors.Is(err, ring.ErrRemoved) { // there is no rest
		return fmt.Errorf("ring %q: %w", r.Name(), plain(err))
	}
	found := fmt.Sprintf("%d messages were written and released, %s", taken, rest(r.Config()))
	var part *feed.PartError
	var m *feed.MessageError
	switch n := f.fixedSize(); {
	case errors.Is(err, syscall.EPIPE) && f.scheme.name == "stdout":
		if errors.As(err, &part) {
			found += fmt.Sprintf("; %d bytes of the next one were written too", part.Written)
		}
		return because(err, "stdout was closed by its reader: %s", found)
	case n > 0 && errors.Is(err, ring.ErrSize) && errors.As(err, &m):
		return because(err, "message %d has %d bytes, --framing %v takes only messages of %d; give both sides the same --framing, files want raw; %s",
			taken+1, m.Size, f.framing, n, found)
	}
	return fmt.Errorf("%s: %w: %s", f.place(), plain(err), found)
}

// rest is what becomes of the messages that a consumer did not release.
func rest(c ring.Config) string {
	switch {
	case c.Topology == ring.Broadcast:
		return "the rest is not received"
	case c.Topology == ring.MPMC && !c.Redeliver:
		return "of the rest some were in hand and are dropped, for the ring was created without Redeliver"
	}
	return "the rest stays in the ring"
}
