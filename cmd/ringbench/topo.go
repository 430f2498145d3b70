package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/topo"
	"annulus/internal/cpu"
)

func topoCommand() *command {
	return &command{
		name:    "topo",
		summary: "how long a cache line takes from each CPU to each other, drawn",
		help: `Passes a cache line back and forth between two pinned threads on each pair of the
allowed CPUs and draws the times of one way as a matrix, beside what sysfs and
cpuid say about cores, caches, NUMA nodes and sockets, and the pair to give to
--cpus. On a machine of many CPUs a sample of the pairs is measured where the
duration has no room for all, and said so; a matrix that is too wide for the
terminal is drawn by cores, caches, nodes or sockets. With one CPU nothing can be
measured.`,
		examples: `ringbench topo
ringbench topo --cpus 0-3,8 --duration 10s
ringbench topo --json`,
		setup: func(fs *flag.FlagSet) func(context.Context, *stdio, []string) error {
			var cpus []int
			fs.Func("cpus", "measure the CPUs of `LIST`, such as 0-3,8; default: all that are allowed", func(s string) (err error) {
				cpus, err = cpu.ParseList(s)
				return err
			})
			duration := 3 * time.Second
			fs.Func("duration", "take `TIME` for the whole matrix, about; default: 3s", atLeast(&duration, time.Millisecond))
			asJSON := fs.Bool("json", false, "print one JSON document of schema "+topo.Schema)
			return func(ctx context.Context, std *stdio, _ []string) error {
				cpus, err := chooseFrom(cpus)
				if err != nil {
					return err
				}
				doc, err := measureTopo(ctx, cpus, duration, newProgress(std.err))
				if errors.Is(err, context.Canceled) {
					err = errors.New("interrupted: the rounds so far are printed")
				}
				if doc == nil {
					return err
				}
				if *asJSON {
					return errors.Join(err, report.Indented(std.out, doc))
				}
				return errors.Join(err, topo.Draw(std.out, doc, lookOf(std.out)))
			}
		},
	}
}

// chooseFrom returns the given CPUs, which must be allowed, or all that are.
func chooseFrom(cpus []int) ([]int, error) {
	allowed, err := cpu.Allowed()
	if err != nil || cpus == nil {
		return allowed, err
	}
	return cpus, onlyAllowed(cpus, allowed)
}

// measureTopo measures the matrix of the given CPUs. The document is nil only with an
// error; with one it has what was measured before.
func measureTopo(ctx context.Context, cpus []int, budget time.Duration, bar *progress) (*topo.Document, error) {
	m := topo.Here(cpus)
	plan := topo.NewPlan(m, budget)
	samples, err := topo.Measure(ctx, plan, func(done, all int) {
		bar.note(fmt.Sprintf("cache lines from CPU to CPU: %d of %d", done, all))
	})
	bar.end()
	if err != nil && !errors.Is(err, context.Canceled) {
		return nil, err
	}
	return topo.Summarize(m, plan, samples, report.Here(cpus)), err
}
