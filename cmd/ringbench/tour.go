package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
)

// tourBudget is what the measurements of a tour take together; starting and
// stopping the workers comes on top.
const tourBudget = 14 * time.Second

func tourCommand() *command {
	return &command{
		name:    "tour",
		summary: "throughput and round trips of rings, pipes, sockets and channels, in 20 seconds",
		help: `Throughput at 8, 64 and 1024 bytes and round trips, spinning and blocking, each
between two processes (a Go channel: within one). Sides that spin need a processor
each: where others use them too, the figures are far lower, and a line says so.`,
		examples: `ringbench
ringbench tour --json`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			o := &options{}
			o.common(fs)
			o.duration = tourBudget
			fs.Func("budget", "spend `TIME` on all measurements together; default: "+tourBudget.String(), atLeast(&o.duration, 50*time.Millisecond))
			return func(ctx context.Context, io *stdio, _ []string) error { return tour(ctx, io, o) }
		},
	}
}

func tour(ctx context.Context, std *stdio, o *options) error {
	budget := o.duration
	cpus, note, err := o.chooseCPUs()
	if err != nil {
		return err
	}
	o.topology, o.batch, o.capacity, o.backing = topologies[0], 1, defaultCapacity, "memfd"
	list, err := contenders(transportNames(), nil)
	if err != nil {
		return err
	}
	steps, err := plan(list, o.params(rig.Throughput, cpus), []int{8, 64, 1024}, nil)
	if err != nil {
		return err
	}
	trips, err := plan(list, o.params(rig.RoundTrip, cpus), []int{64}, []string{"spin", "futex"})
	if err != nil {
		return err
	}
	steps = append(steps, trips...)
	o.duration = budget / time.Duration(len(steps)) * 5 / 6 // the rest is the warm-up
	for i := range steps {
		timed := o.params(steps[i].p.Kind, cpus)
		steps[i].p.Duration, steps[i].p.WarmUp, steps[i].longer = timed.Duration, timed.WarmUp, 3
	}

	if note != "" {
		fmt.Fprintln(std.err, "ringbench: "+note)
	}
	load := crowded(loadavg(), runtime.NumCPU())
	env := report.Here(cpus)
	results, measureErr := measureAll(ctx, steps, 1, newProgress(std.err), nil)
	if o.json {
		return errors.Join(measureErr, report.WriteJSON(std.out, env, results))
	}
	// The round trips are those with percentiles.
	isTrip := func(r report.Result) bool { return r.LatencyNS != nil }
	at := slices.IndexFunc(results, isTrip)
	if at < 0 {
		at = len(results)
	}
	if at > 0 {
		fmt.Fprintln(std.out, "Throughput, one message at a time")
		err = printTable(std.out, env, results[:at], report.Throughput)
	}
	if at < len(results) && err == nil {
		fmt.Fprintln(std.out, "\nRound trips, 64 bytes")
		err = report.Latencies(std.out, results[at:])
	}
	if load != "" && err == nil {
		_, err = fmt.Fprintf(std.out, "\n%s\n", load)
	}
	return errors.Join(measureErr, err)
}

// loadavg is what Linux says of the load, "" where it is not known.
func loadavg() string {
	b, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	return string(b)
}

// crowded says in a line that the two processors that a measurement needs were not
// free in the minute before it.
func crowded(loadavg string, cpus int) string {
	text, _, _ := strings.Cut(loadavg, " ")
	load, err := strconv.ParseFloat(text, 64)
	if err != nil || load < max(float64(cpus)-1.5, 0.5) {
		return ""
	}
	return fmt.Sprintf("The CPUs were not free: the load average was %.1f on %d when this began. Figures, of spinning above all, are lower than on free ones.", load, cpus)
}
