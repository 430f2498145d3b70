package main

import (
	"context"
	"flag"
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
--framing length a message follows its length, 4 bytes, little-endian, with varint a
length as in Protocol Buffers; with fixed:N each has N bytes; with raw it is whatever one
read returns, cut anywhere. It is what ringbench feed stdin: does; feed has other sources.
The ring does not keep the framing: both sides need the same. Files want raw on
both: lines would end the last one with a newline that was not there.

With --topology mpsc or mpsc-ordered a ring has many producers, with mpmc also many
consumers, and each message goes to one of them. With broadcast each consumer gets
every message; see --overrun for those that are slow. It does not wait for the first.
A ring that is there keeps its topology: without --topology it is used as it is.

SIGINT, SIGTERM or SIGHUP stops it in order, with exit status 0: what is committed
stays, the consumer gets it and then the end; a ring that stays full is given up after a
second. A second signal is immediate.`,
		examples: `seq 1000000 | ringbench produce numbers & ringbench consume numbers | tail -1
ringbench produce --framing raw --capacity 16M copy < big.iso
tail -f /var/log/syslog | ringbench produce --stats log
ringbench produce --topology broadcast --overrun drop ticks < ticks.txt
ringbench produce --topology mpmc --slot-size 256 jobs < jobs.txt
ringbench produce --path /tmp/ticks.ring --framing fixed:64 < ticks.bin`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			s, f := &side{}, &far{url: "stdin:"}
			f.flags(fs, schemeNamed("stdin"))
			f.skipFlag(fs)
			s.ringFlags(fs)
			return func(ctx context.Context, io *stdio, args []string) error {
				return f.pump(ctx, io, fs, s, f.url, args)
			}
		},
	}
}
