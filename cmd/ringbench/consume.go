package main

import (
	"context"
	"flag"
)

func consumeCommand() *command {
	return &command{
		name:    "consume",
		args:    "NAME",
		summary: "print what comes through a ring",
		help: `Takes messages out of the ring NAME in POSIX shared memory and writes them to
stdout: each as a line, with --framing length behind its length (4 bytes,
little-endian), with varint likewise as in Protocol Buffers, with fixed:N or raw as it is;
fixed:N fails at a message of another size. (ringbench drain NAME stdout: is the same.) The ring does not keep the framing: both sides need the same, and files want
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
with exit status 0. If stdout takes nothing for five seconds then, the rest stays in the
ring, with exit status 1. A second signal is immediate.`,
		examples: `ringbench consume numbers | wc -l
ringbench consume --framing raw --stats copy > big.iso
ringbench consume --count 10 log
ringbench consume --path /tmp/ticks.ring --framing fixed:64 > ticks.bin`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			s, f := &side{}, &far{sink: true, url: "stdout:"}
			f.flags(fs, schemeNamed("stdout"))
			f.countFlag(fs)
			f.skipFlag(fs)
			s.ringFlags(fs)
			return func(ctx context.Context, io *stdio, args []string) error {
				return f.pump(ctx, io, fs, s, f.url, args)
			}
		},
	}
}
