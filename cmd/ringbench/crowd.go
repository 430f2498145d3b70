package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/crowd"
	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/cmd/ringbench/internal/rival"
	"annulus/futex"
	"annulus/internal/cpu"
)

var (
	crowdContenders = []string{"ring", "vyukov", "channel", "lanes", "batches"}
	crowdDefault    = crowdContenders[:3]
)

// crowdSlots is how many messages a queue has room for by default.
const crowdSlots = 4096

// crowdParams are what the queue in C++ is built for.
func crowdParams(slots int) *rig.Params {
	return &rig.Params{Size: crowd.Size, Capacity: slots * crowd.Size}
}

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
process). Contender lanes is an MPSC ring, for one consumer; batches is the first ring, with
up to 32 messages sent and received by one call.
Messages of 64 bytes, else one at a time; every consumer checks the order of each
producer's messages. Workers are pinned to the CPUs in turn. --pairs runs all
contenders in turn so many times and prints medians.`,
		examples: `ringbench crowd
ringbench crowd --topology 1x1,2x2,4x4,8x8 --pairs 7
ringbench crowd --topology 16x4 --contender ring,channel --json
ringbench crowd --topology 1x1,2x1,4x1 --contender lanes,ring,vyukov
ringbench crowd --contender ring,batches,vyukov,channel`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			o := &crowdOptions{
				load:       crowd.Load{Slots: crowdSlots, Wait: "yield", Duration: 300 * time.Millisecond, WarmUp: 50 * time.Millisecond},
				topologies: [][2]int{{1, 1}, {2, 2}, {4, 4}}, contenders: crowdDefault, pairs: 1,
			}
			fs.Func("topology", "`PxC,...` producers and consumers; default: 1x1,2x2,4x4", o.setTopologies)
			fs.Var(listOf(&o.contenders, crowdContenders), "contender", "some of `LIST` "+strings.Join(crowdContenders, ",")+"; default: "+strings.Join(crowdDefault, ","))
			fs.Func("duration", "the window's `TIME`; default: 300ms", atLeast(&o.load.Duration, time.Millisecond))
			fs.Func("warm-up", "`TIME` before the window; default: 50ms", atLeast(&o.load.WarmUp, time.Millisecond))
			fs.Func("pairs", "run everything `N` times, interleaved; default: 1", between(&o.pairs, 1, 1000))
			fs.Func("slots", "`N` slots, a power of two; default: 4096", o.setSlots)
			fs.Var(oneOf(&o.load.Wait, sharedWaits()), "wait", "`HOW` the ring's endpoints wait: spin, yield, futex or adaptive; default: yield")
			fs.BoolVar(&o.asJSON, "json", false, "print one JSON document of schema "+report.CrowdSchema+" instead of a table")
			return func(ctx context.Context, io *stdio, _ []string) error { return o.run(ctx, io) }
		},
	}
}

func (o *crowdOptions) setTopologies(s string) error {
	o.topologies = nil
	for part := range strings.SplitSeq(s, ",") {
		var t [2]int
		p, c, _ := strings.Cut(part, "x")
		if between(&t[0], 1, 64)(p) != nil || between(&t[1], 1, 64)(c) != nil {
			return errors.New("expected PxC with 1 to 64 producers and consumers, such as 2x2")
		}
		o.topologies = append(o.topologies, t)
	}
	return nil
}

func (o *crowdOptions) setSlots(s string) error {
	n, err := strconv.Atoi(s)
	if err != nil || n < 2 || n > 1<<20 || n&(n-1) != 0 {
		return fmt.Errorf("expected a power of two from 2 to %d", 1<<20)
	}
	o.load.Slots = n
	return nil
}

// sharedWaits are the ways to wait that endpoints know which share a side.
func sharedWaits() []string {
	return slices.DeleteFunc(futex.Names(), func(s string) bool { return s == "semaphore" || s == "eventfd" })
}

// crowdDoc is what crowd prints with --json.
type crowdDoc struct {
	Schema      string             `json:"schema"`
	Environment report.Environment `json:"environment"`
	Results     []crowdResult      `json:"results"`
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
	if cpus, err := cpu.Allowed(); err == nil && len(cpus) >= 2 {
		o.load.CPUs = cpus[:2]
	}
	b := newBuilder()
	defer b.Close()
	var vyukov string
	if slices.Contains(o.contenders, "vyukov") {
		var err error
		if vyukov, err = b.Build(ctx, rival.Vyukov, crowdParams(o.load.Slots)); err != nil {
			fmt.Fprintf(io.err, "%v; going on without it\n", err)
			o.contenders = slices.DeleteFunc(slices.Clone(o.contenders), func(c string) bool { return c == "vyukov" })
		}
	}
	results := []crowdResult{}
	done, interrupted := 0, error(nil)
	total, bar := len(o.topologies)*o.pairs*len(o.contenders), newProgress(io.err)
measuring:
	for _, t := range o.topologies {
		l := o.load
		l.Producers, l.Consumers = t[0], t[1]
		for _, c := range o.contenders {
			results = append(results, crowdResult{Producers: t[0], Consumers: t[1], Contender: c})
		}
		rows := results[len(results)-len(o.contenders):]
		for range o.pairs {
			for i, c := range o.contenders {
				bar.begin(done+1, total, fmt.Sprintf("crowd/%s/%dx%d", c, t[0], t[1]), &rig.Params{Duration: l.Duration})
				r, err := measureCrowd(ctx, c, vyukov, l)
				// A fragment goes into no median: it stands where there is nothing else.
				if err == nil || len(rows[i].All) == 0 && r.Messages > 0 {
					rows[i].All = append(rows[i].All, float64(r.Messages)/r.Seconds)
				}
				if errors.Is(err, context.Canceled) {
					interrupted = fmt.Errorf("interrupted after %d of %d measurements", done, total)
					if err.Error() != context.Canceled.Error() { // and something is wrong
						interrupted = errors.Join(interrupted, err)
					}
					break measuring
				}
				if err != nil {
					return fmt.Errorf("%s with %d producers and %d consumers: %w", c, t[0], t[1], err)
				}
				done++
			}
		}
	}
	bar.end()
	results = slices.DeleteFunc(results, func(r crowdResult) bool { return len(r.All) == 0 })
	for i, r := range results {
		slices.Sort(r.All)
		results[i].PerSecond = r.All[len(r.All)/2]
	}
	var err error
	if o.asJSON {
		err = report.Indented(io.out, crowdDoc{report.CrowdSchema, report.Here(o.load.CPUs), results})
	} else {
		err = o.print(io.out, results)
	}
	return errors.Join(err, interrupted)
}

func measureCrowd(ctx context.Context, contender, vyukov string, l crowd.Load) (crowd.Result, error) {
	switch contender {
	case "ring", "lanes", "batches":
		if l.Lanes = contender == "lanes"; contender == "batches" {
			l.Batch = crowd.Batch
		}
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
	for i := 0; i < len(results); { // an interrupted one may lack some
		first := results[i]
		row := []string{fmt.Sprintf("%dx%d", first.Producers, first.Consumers)}
		for range o.contenders {
			if i == len(results) {
				row = append(row, "-")
				continue
			}
			row = append(row, fmt.Sprintf("%.2f M/s (%.2f)", results[i].PerSecond/1e6, first.PerSecond/results[i].PerSecond))
			i++
		}
		rows = append(rows, row)
	}
	if err := report.Table(w, len(rows[0]), rows); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "\nin brackets: the rate of %s divided by this one\n", o.contenders[0])
	return err
}
