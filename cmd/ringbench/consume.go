package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"annulus/ring"
)

func consumeCommand() *command {
	return &command{
		name:    "consume",
		args:    "NAME",
		summary: "print what comes through a ring",
		help: `Takes messages out of the ring NAME in POSIX shared memory and writes them to
stdout: each as a line, with --framing length behind its length (4 bytes,
little-endian), with fixed:N or raw as it is; fixed:N fails at a message of another
size. The ring does not keep the framing: both sides need the same, and files want
raw. It creates the ring if it is not there (but see --existing), and ends when a
producer has closed it and all is drained. A close from before, with nothing left
behind it, does not count: consume then waits for the next producer, and says so.

From a broadcast ring each consume gets every message from when it began, and, of those sent
before, what is still there. What it loses because it is too slow (--overrun
overwrite) it reports on stderr, and goes on.

A message is released only when it was written: if stdout breaks, if consume is
killed, what was not written stays in the ring for the next one, who may get the
last few again. (An mpmc ring that a program created without Redeliver drops it.) A producer that dies without closing is reported once; consume
then waits for another.

SIGINT, SIGTERM or SIGHUP asks the producer to stop, drains what is committed and ends
with exit status 0. A second signal is immediate.`,
		examples: `ringbench consume numbers | wc -l
ringbench consume --framing raw --stats copy > big.iso
ringbench consume --count 10 log
ringbench consume --path /tmp/ticks.ring --framing fixed:64 > ticks.bin`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			s, count := &side{}, uint64(math.MaxUint64)
			s.flags(fs, "write messages by `HOW`: lines, length, fixed:N or raw; default: lines")
			fs.Func("count", "end after `N` messages", func(v string) (err error) {
				count, err = strconv.ParseUint(v, 10, 62)
				if err != nil || count == 0 {
					return errors.New("expected a whole number of at least 1")
				}
				return nil
			})
			return func(ctx context.Context, io *stdio, args []string) error {
				if err := s.ring.resolve(args); err != nil {
					return err
				}
				return consume(ctx, io, s, count)
			}
		},
	}
}

func consume(ctx context.Context, io *stdio, s *side, count uint64) (err error) {
	// A reader of stdout that goes away is an error of a write, not the end.
	signal.Ignore(syscall.SIGPIPE)
	defer signal.Reset(syscall.SIGPIPE)

	r, err := s.open(io.err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	if by := s.framing; by.kind == bySize && r.Config().Kind == ring.Slots {
		if err := fits(r, "each record", uint64(by.size), false); err != nil {
			return err
		}
	}
	o := []ring.EndpointOption{ring.WithStrategy(s.wait)}
	if r.Config().Topology == ring.Broadcast {
		o = append(o, ring.WithBacklog())
	}
	c, err := r.Consumer(o...)
	if err != nil {
		return err
	}
	// Finish fails only if all is over already.
	defer context.AfterFunc(ctx, func() { _ = c.Finish() })()

	d := newDrain(r, c, io, s.framing, count)
	begun := time.Now()
	err = d.run()
	if cerr := d.c.Close(); err == nil {
		err = cerr
	}
	if s.stats {
		fmt.Fprintf(io.err, "received %d messages, %d bytes in %v\n", d.messages, d.bytes, time.Since(begun).Round(time.Millisecond))
	}
	return err
}
