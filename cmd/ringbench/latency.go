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
for coordinated omission.`,
		examples: `ringbench latency
ringbench latency --size 64 --wait spin,futex --duration 3s
ringbench latency --transport ring,pipe --rate 100000
ringbench latency --transport ring,cflag,cfutex,cpipe,boost --wait spin,futex --pairs 7`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			o := &options{}
			o.measuring(fs, 64)
			fs.Func("rate", "send `N` messages per second, one way", atLeastOne(&o.rate, 1e9))
			return func(ctx context.Context, io *stdio, _ []string) error {
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
