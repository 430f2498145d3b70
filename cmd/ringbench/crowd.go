package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/crowd"
	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/cmd/ringbench/internal/rival"
	"annulus/futex"
)

var (
	crowdContenders = []string{"ring", "vyukov", "channel", "lanes"}
	crowdDefault    = crowdContenders[:3]
)

// crowdOptions are the flags of crowd.
type crowdOptions struct {
	load       crowd.Load
	topologies [][2]int
	contenders []string
	pairs      int
	asJSON     bool
}

func crowdCommand() *command {
	return &command{
		name:    "crowd",
		summary: "messages per second from many producers to many consumers",
		help: `Producer and consumer processes share one MPMC ring; beside it D. Vyukov's queue in
C++ (between processes, without recovery) and a Go channel with as many goroutines (in one
process). Contender lanes is an MPSC ring, for one consumer. Messages of 64 bytes, one at a time; every consumer checks the order of each
producer's messages. Workers are pinned to the CPUs in turn. --pairs runs all
contenders in turn so many times and prints medians.`,
		examples: `ringbench crowd
ringbench crowd --topology 1x1,2x2,4x4,8x8 --pairs 7
ringbench crowd --topology 16x4 --contender ring,channel --json
ringbench crowd --topology 1x1,2x1,4x1 --contender lanes,ring,vyukov`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			o := &crowdOptions{
				load:       crowd.Load{Slots: 4096, Wait: "yield", Duration: 300 * time.Millisecond, WarmUp: 50 * time.Millisecond},
				topologies: [][2]int{{1, 1}, {2, 2}, {4, 4}}, contenders: crowdDefault, pairs: 1,
			}
			fs.Func("topology", "`PxC,...` producers and consumers; default: 1x1,2x2,4x4", o.setTopologies)
			fs.Func("contender", "some of `LIST` "+strings.Join(crowdContenders, ",")+"; default: "+strings.Join(crowdDefault, ","), o.setContenders)
			fs.Func("duration", "the window's `TIME`; default: 300ms", atLeast(&o.load.Duration, time.Millisecond))
			fs.Func("warm-up", "`TIME` before the window; default: 50ms", atLeast(&o.load.WarmUp, time.Millisecond))
			fs.Func("pairs", "run everything `N` times, interleaved; default: 1", atLeastOne(&o.pairs, 1000))
			fs.Func("slots", "`N` slots, a power of two; default: 4096", atLeastOne(&o.load.Slots, 1<<20))
			fs.Func("wait", "`HOW` the ring's endpoints wait: spin, yield, futex or adaptive; default: yield",
				oneOf(&o.load.Wait, slices.DeleteFunc(futex.Names(), func(s string) bool { return s == "semaphore" || s == "eventfd" })))
			fs.BoolVar(&o.asJSON, "json", false, "print the medians as JSON")
			return func(ctx context.Context, io *stdio, _ []string) error { return o.run(ctx, io) }
		},
	}
}

func (o *crowdOptions) setTopologies(s string) error {
	o.topologies = nil
	for part := range strings.SplitSeq(s, ",") {
		var p, c int
		if n, err := fmt.Sscanf(part, "%dx%d", &p, &c); n != 2 || err != nil || p < 1 || c < 1 || p > 64 || c > 64 {
			return errors.New("expected PxC with 1 to 64 producers and consumers, such as 2x2")
		}
		o.topologies = append(o.topologies, [2]int{p, c})
	}
	return nil
}

func (o *crowdOptions) setContenders(s string) error {
	o.contenders = strings.Split(s, ",")
	for _, c := range o.contenders {
		if !slices.Contains(crowdContenders, c) {
			return fmt.Errorf("expected some of %s", strings.Join(crowdContenders, ", "))
		}
	}
	return nil
}

// crowdResult is a row of what crowd prints.
type crowdResult struct {
	Producers int       `json:"producers"`
	Consumers int       `json:"consumers"`
	Contender string    `json:"contender"`
	PerSecond float64   `json:"messages_per_second"` // the median
	All       []float64 `json:"all"`
}

func (o *crowdOptions) run(ctx context.Context, io *stdio) error {
	for _, t := range o.topologies {
		if t[1] != 1 && slices.Contains(o.contenders, "lanes") {
			return usagef("expected one consumer for contender lanes, such as --topology 4x1, found %dx%d", t[0], t[1])
		}
	}
	if cpus, err := rig.AllowedCPUs(); err == nil && len(cpus) >= 2 {
		o.load.CPUs = cpus[:2]
	}
	b := newBuilder()
	defer b.Close()
	var vyukov string
	if slices.Contains(o.contenders, "vyukov") {
		var err error
		if vyukov, err = b.Build(ctx, rival.Vyukov, &rig.Params{Size: crowd.Size, Capacity: o.load.Slots * crowd.Size}); err != nil {
			fmt.Fprintf(io.err, "%v; going on without it\n", err)
			o.contenders = slices.DeleteFunc(slices.Clone(o.contenders), func(c string) bool { return c == "vyukov" })
		}
	}
	var results []crowdResult
	for _, t := range o.topologies {
		l := o.load
		l.Producers, l.Consumers = t[0], t[1]
		rows := make([]crowdResult, len(o.contenders))
		for range o.pairs {
			for i, c := range o.contenders {
				r, err := measureCrowd(ctx, c, vyukov, l)
				if err != nil {
					return fmt.Errorf("%s with %d producers and %d consumers: %w", c, t[0], t[1], err)
				}
				rows[i].All = append(rows[i].All, float64(r.Messages)/r.Seconds)
			}
		}
		for i, c := range o.contenders {
			all := slices.Sorted(slices.Values(rows[i].All))
			results = append(results, crowdResult{t[0], t[1], c, all[len(all)/2], all})
		}
	}
	if o.asJSON {
		return report.Indented(io.out, results)
	}
	return o.print(io.out, results)
}

func measureCrowd(ctx context.Context, contender, vyukov string, l crowd.Load) (crowd.Result, error) {
	switch contender {
	case "ring", "lanes":
		l.Lanes = contender == "lanes"
		return crowd.Ring(ctx, l)
	case "vyukov":
		return crowd.Vyukov(ctx, vyukov, l)
	}
	return crowd.Channel(ctx, l)
}

func (o *crowdOptions) print(w io.Writer, results []crowdResult) error {
	if _, err := fmt.Fprintf(w, "%d B messages, %d slots, wait %s, medians of %d\n\n", crowd.Size, o.load.Slots, o.load.Wait, o.pairs); err != nil {
		return err
	}
	rows := [][]string{append([]string{"producers x consumers"}, o.contenders...)}
	for i := 0; i < len(results); i += len(o.contenders) {
		row := []string{fmt.Sprintf("%dx%d", results[i].Producers, results[i].Consumers)}
		for _, r := range results[i : i+len(o.contenders)] {
			row = append(row, fmt.Sprintf("%.2f M/s (%.2f)", r.PerSecond/1e6, results[i].PerSecond/r.PerSecond))
		}
		rows = append(rows, row)
	}
	if err := report.Table(w, len(rows[0]), rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nin brackets: the rate of %s divided by this one\n", o.contenders[0])
	return err
}
