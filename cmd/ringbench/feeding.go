package main

import (
	"context"
	"flag"
)

func feedCommand() *command {
	return &command{
		name:    "feed",
		args:    "SOURCE NAME",
		summary: "send what comes from a socket, file, FIFO or queue through a ring",
		help: `Sends each message that comes from SOURCE through the ring NAME in POSIX shared
memory, which is created if it is not there. It ends with SOURCE, if that has an end. A
ring that is full stops the source.

sources, and the flags that they take:
` + schemeHelp(false) + `

A connection that breaks, or that its peer ends, is made again, and a FIFO waits for its next
writer, unless --once. Only whole messages are sent, and each connection begins with a
whole one. With --listen, connections that fail are reported, and others go on; each keeps
its order. Rings of many producers (see --topology) get several here.

A datagram or a queue's message is a message of the ring. All others are cut by --framing: length is 4
bytes, little-endian, varint a length as in Protocol Buffers. The ring does not keep the framing.

SIGINT, SIGTERM or SIGHUP stops it in order, with exit status 0: what is committed stays, the
consumer gets it and then the end. A ring that stays full is given up after a second.
A second signal is immediate.`,
		examples: `ringbench feed tcp://127.0.0.1:7000 --listen --topology mpsc events
ringbench feed file:/var/log/syslog --follow log
ringbench feed tls://feeds.example:7001 --ca ca.pem --framing length ticks
ringbench feed mq:/orders --create orders
ringbench feed fifo:/tmp/in --create --path /tmp/in.ring`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			s, f := &side{}, &far{}
			f.flags(fs, schemes()...)
			f.skipFlag(fs)
			s.ringFlags(fs)
			return func(ctx context.Context, io *stdio, args []string) error {
				if len(args) == 0 {
					return usagef("expected a SOURCE, one of %s, and the NAME of a ring; found nothing", addresses(false, all))
				}
				if len(args) == 1 && s.ring.name == "" {
					return usagef("expected a SOURCE and the NAME of a ring, found only %q", args[0])
				}
				return f.pump(ctx, io, fs, s, args[0], args[1:])
			}
		},
	}
}
