package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"time"

	"annulus/ring"
)

func produceCommand() *command {
	return &command{
		name:    "produce",
		args:    "NAME",
		summary: "send stdin through a ring",
		help: `Cuts stdin into messages and sends them through the ring NAME in POSIX shared
memory, which is created if it is not there; ringbench consume takes them out.
Either may start first. It ends with stdin; what is sent stays in the ring until
it is consumed, and the ring until ringbench remove. When the consumer stops it
fails, at once or, with an idle stdin, a moment later.

Lines are sent without their newline, a last one without newline too. With
--framing length a message follows its length, 4 bytes, little-endian; with
fixed:N each has N bytes; with raw it is whatever one read returns, cut anywhere.
The ring does not keep the framing: both sides need the same. Files want raw on
both: lines would end the last one with a newline that was not there.

With --topology mpsc or mpsc-ordered a ring has many producers, with mpmc also many
consumers, and each message goes to one of them. With broadcast each consumer gets
every message; see --overrun for those that are slow. It does not wait for the first.
A ring that is there keeps its topology: without --topology it is used as it is.

SIGINT, SIGTERM or SIGHUP stops it in order, with exit status 0: what is committed
stays, the consumer gets it and then the end. A second signal is immediate.`,
		examples: `seq 1000000 | ringbench produce numbers & ringbench consume numbers | tail -1
ringbench produce --framing raw --capacity 16M copy < big.iso
tail -f /var/log/syslog | ringbench produce --stats log
ringbench produce --topology broadcast --overrun drop ticks < ticks.txt
ringbench produce --topology mpmc --slot-size 256 jobs < jobs.txt
ringbench produce --path /tmp/ticks.ring --framing fixed:64 < ticks.bin`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			s, limit := &side{}, 0
			s.flags(fs, "cut stdin into messages by `HOW`: lines, length, fixed:N or raw; default: lines")
			fs.Func("max", "raw: at most `BYTES` in one message, with K, M or G; default: 64K", func(v string) (err error) {
				limit, err = parseBytes(v)
				return err
			})
			return func(ctx context.Context, io *stdio, args []string) error {
				if err := s.ring.resolve(args); err != nil {
					return err
				}
				if limit != 0 && s.framing.kind != raw {
					return usagef("expected --max only with --framing raw, found --framing %v", s.framing)
				}
				return produce(ctx, io, s, limit)
			}
		},
	}
}

// rawMax is the greatest message of raw framing unless --max says otherwise.
const rawMax = 64 << 10

func produce(ctx context.Context, io *stdio, s *side, limit int) (err error) {
	in, err := newInput(io.in)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	// Nothing but this goroutine touches the producer: a signal ends reads and,
	// by ctx, waits for room. So no other producer can come while a read into
	// the ring is under way.
	defer context.AfterFunc(ctx, in.Stop)()

	r, err := s.open(io.err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	f := &cutter{ring: r, in: in, max: limit}
	if err := f.prepare(s.framing); err != nil {
		return err
	}
	if f.p, err = r.Producer(ring.WithStrategy(s.wait)); err != nil {
		return err
	}
	in.idle = f.wanted
	begun := time.Now()
	err = f.run(ctx, s.framing)
	if cerr := f.p.Close(); err == nil {
		err = cerr
	}
	if s.stats {
		fmt.Fprintf(io.err, "sent %d messages, %d bytes in %v\n", f.messages, f.bytes, time.Since(begun).Round(time.Millisecond))
	}
	return err
}

// prepare refuses before the first byte what cannot work.
func (f *cutter) prepare(by framing) error {
	c := f.ring.Config()
	switch {
	case by.kind == bySize:
		return fits(f.ring, "each record", uint64(by.size), false)
	case by.kind == raw && c.Kind == ring.Slots && !variable(f.ring):
		return because(ring.ErrSize, "ring %q of kind slots takes only messages of %d bytes; use --framing fixed:%d", f.ring.Name(), c.SlotSize, c.SlotSize)
	case by.kind == raw && f.max == 0:
		f.max = min(rawMax, c.MaxMessage)
	case by.kind == raw:
		return fits(f.ring, "a message of --max", uint64(f.max), false)
	}
	return nil
}

// wanted fails when the consumer has closed: while stdin is idle, no send would
// tell.
func (f *cutter) wanted() error {
	_, consumer, err := f.ring.Gates()
	if err == nil && consumer.Finished {
		err = ring.ErrClosed
	}
	return err
}

// run sends until stdin ends, a signal comes or something fails.
func (f *cutter) run(ctx context.Context, by framing) error {
	send := f.step(by)
	for ctx.Err() == nil {
		err := send(ctx)
		switch {
		case err == nil:
		case err == io.EOF || errors.Is(err, errStopped) || errors.Is(err, context.Canceled):
			return nil
		case errors.Is(err, ring.ErrClosed):
			return fmt.Errorf("the consumer of ring %q has closed it: %d messages were sent, the rest of stdin was not", f.ring.Name(), f.messages)
		default:
			// A read into a ring whose file was truncated has an error of its own.
			if lost := f.ring.Region().Check(); lost != nil {
				err = fmt.Errorf("ring %q: %w", f.ring.Name(), lost)
			}
			return err
		}
	}
	return nil
}
