package main

import (
	"context"
	"flag"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
)

func throughputCommand() *command {
	return &command{
		name:    "throughput",
		summary: "messages per second from one process to another",
		help: `A sender on one CPU sends as fast as it can for the duration, after a short
warm-up; a receiver on another checks every message's sequence number. The
rate is what the receiver saw. --batch N hands over N messages at once: one
publication of a ring, one write of a stream. "cpu" is the time of both sides.`,
		examples: `ringbench throughput
ringbench throughput --size 8,64,1024 --batch 32 --duration 3s
ringbench throughput --transport ring,boost --pairs 7 --json
ringbench throughput --transport ring --wait spin,futex --cpus 0,2`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			o := &options{}
			o.measuring(fs, 8, 64, 1024)
			fs.Func("batch", "hand over `N` messages at once; default: 1", between(&o.batch, 1, 1<<16))
			return func(ctx context.Context, io *stdio, _ []string) error {
				return measureAndPrint(ctx, io, o, rig.Throughput, report.Throughput)
			}
		},
	}
}
