package main

import (
	"context"
	"flag"
)

func drainCommand() *command {
	return &command{
		name:    "drain",
		args:    "NAME SINK",
		summary: "hand what comes through a ring to a socket, file, FIFO or queue",
		help: `Takes messages out of the ring NAME in POSIX shared memory, which is created if it is
not there, and hands them to SINK. It ends when a producer has closed the ring and all is
drained; with --listen it waits for the next connection then.

sinks, and the flags that they take:
` + schemeHelp(true) + `

A message leaves the ring when the sink has it: over TCP when the peer's TCP has acknowledged
it, on a Unix socket when the peer has read it; a datagram when the kernel took it, and what it
tells of those that did not arrive is in --stats. What a broken connection did not take is sent to
the next one, which is made, or waited for, unless --once; of another sink that
fails it stays in the ring for the next drain. With --listen each connection of a
broadcast ring gets every message; of an mpmc ring each message goes to one of them;
of others the first connection gets all, until it ends.

SIGINT, SIGTERM or SIGHUP asks the producer to stop, hands over what is committed and ends with
exit status 0. If the sink takes nothing for five seconds then, the rest stays in the
ring, with exit status 1. A second signal is immediate.`,
		examples: `ringbench drain ticks tcp://archive.example:7000
ringbench drain --topology broadcast ticks unix:///run/ticks.sock --listen
ringbench drain log file:/var/tmp/log.txt --append --sync each
ringbench drain orders mq:/orders --create --priority 3
ringbench drain --path /tmp/in.ring stdout:`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			s, f := &side{}, &far{sink: true}
			f.flags(fs, schemes()...)
			f.countFlag(fs)
			f.skipFlag(fs)
			s.ringFlags(fs)
			return func(ctx context.Context, io *stdio, args []string) error {
				if len(args) == 0 {
					return usagef("expected the NAME of a ring and a SINK, one of %s; found nothing", addresses(true, all))
				}
				if len(args) == 1 && s.ring.name == "" {
					return usagef("expected the NAME of a ring and a SINK, found only %q", args[0])
				}
				return f.pump(ctx, io, fs, s, args[len(args)-1], args[:len(args)-1])
			}
		},
	}
}
