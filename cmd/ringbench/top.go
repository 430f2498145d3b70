package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/top"
)

// shortest is how often top looks at most: what it costs grows with it.
const shortest = 10 * time.Millisecond

func topCommand() *command {
	return &command{
		name:    "top",
		args:    "[NAME...]",
		summary: "watch the rings of this machine: rates, occupancy, peers, stalls",
		help: `Shows all rings and cells in POSIX shared memory, or those called NAME, which may be a
pattern like 'orders-*', or the path of a file if there is a slash in it. It maps them for reading
only and takes no lock: nobody is disturbed. The worst states can be sorted to the top; ? shows
the keys and what the columns mean. A narrow terminal shows what matters most.

Where stdout is no terminal, or one that cannot move its cursor (TERM=dumb), it prints one
sample and ends, as with --once: rates are what passed between two looks, --interval apart.
With --metrics and no terminal it shows nothing and serves until it is stopped.

NO_COLOR is heeded. It ends by q, SIGINT, SIGTERM or SIGHUP, with exit status 0.`,
		examples: `ringbench top
ringbench top 'orders-*' /var/lib/ticks.ring
ringbench top --once
ringbench top --json --interval 5s numbers
ringbench top --metrics :9400`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			t := &topping{interval: time.Second}
			fs.Func("interval", "look each `TIME`, at least 10ms; default: 1s", func(v string) (err error) {
				t.interval, err = time.ParseDuration(v)
				if err != nil || t.interval < shortest {
					return fmt.Errorf("expected a time of at least %v, such as 500ms or 2s", shortest)
				}
				return nil
			})
			fs.BoolVar(&t.once, "once", false, "print one sample and end")
			fs.BoolVar(&t.json, "json", false, "print one sample as a JSON document of schema "+top.Schema)
			t.metrics.flag(fs)
			return t.run
		},
	}
}

type topping struct {
	interval   time.Duration
	once, json bool
	metrics    served
}

func (t *topping) run(ctx context.Context, io *stdio, args []string) (err error) {
	for _, a := range args {
		if err := top.Wrong(a); err != nil || a == "" {
			return usagef("expected the NAME of a ring, a pattern or the path of a file, found %q", a)
		}
	}
	if t.metrics.addr != "" && (t.once || t.json) {
		return usagef("expected --metrics, or --once or --json, found both: one sample is no time to serve")
	}
	collector, err := t.metrics.start(io.err)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, t.metrics.stop()) }()
	w := top.NewWatcher(args, collector)
	defer func() { err = errors.Join(err, w.Close()) }()
	switch {
	case !t.once && !t.json && drawable(io.out):
		return top.Run(ctx, w, t.interval)
	case t.metrics.addr != "":
		top.Keep(ctx, w, t.interval)
		return nil
	}
	l, between := top.Twice(ctx, w, t.interval)
	if l.Round.Err != nil {
		return l.Round.Err
	}
	if t.json {
		return report.Indented(io.out, top.NewDocument(l.Round, l.Rows, between))
	}
	return top.Print(io.out, l.Round, l.Rows)
}
