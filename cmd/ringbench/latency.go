package main

import (
	"context"
	"flag"
	"io"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
)

func latencyCommand() *command {
	return &command{
		name:    "latency",
		summary: "round trips, or one-way delays at a steady pace, as percentiles",
		help: `Without --rate one message at a time goes to the other process and back; every
round trip is recorded. With --rate N messages leave at a steady N per second
and the receiver records how long after its intended time each one arrived: a
stall counts for every message that should have left meanwhile, which corrects
for coordinated omission.

With --breakdown messages go one way at a steady 10000 per second (or --rate) and
both sides note when each part of the way is done: claim, copy in, publish, wake,
read, copy out, release, beside the whole way of messages that are not looked at
so closely, and beside the cache lines that a message moves times what a line
takes between these CPUs (see ringbench topo). For the transports ring and slots;
--wait has another default then: spin,futex,semaphore,eventfd,adaptive.`,
		examples: `ringbench latency
ringbench latency --size 64 --wait spin,futex --duration 3s
ringbench latency --transport ring,pipe --rate 100000
ringbench latency --breakdown --wait spin,futex --size 64,1024
ringbench latency --transport ring,cflag,cfutex,cpipe,boost --wait spin,futex --pairs 7`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			o := &options{}
			o.measuring(fs, 64)
			fs.Func("rate", "send `N` messages per second, one way", between(&o.rate, 1, 1e9))
			breakdown := fs.Bool("breakdown", false, "say where the time of a message goes")
			return func(ctx context.Context, io *stdio, _ []string) error {
				if *breakdown {
					return measureBreakdown(ctx, io, o)
				}
				if o.rate > 0 {
					return measureAndPrint(ctx, io, o, rig.OneWay, oneWayTable)
				}
				return measureAndPrint(ctx, io, o, rig.RoundTrip, report.Latencies)
			}
		},
	}
}

func oneWayTable(w io.Writer, results []report.Result) error {
	if err := report.Latencies(w, results); err != nil {
		return err
	}
	_, err := io.WriteString(w, "\none way, from the intended time to the arrival: corrected for coordinated omission\n")
	return err
}
