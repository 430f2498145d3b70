package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/breakdown"
	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/cmd/ringbench/internal/stopwatch"
	"annulus/cmd/ringbench/internal/topo"
)

const (
	breakdownSchema = "ringbench/breakdown/1"
	breakdownRate   = 10_000 // messages a second where --rate does not say: each finds its consumer waiting
)

// matrixBudget is what the matrix of the CPUs takes, about. Tests give it less.
var matrixBudget = 500 * time.Millisecond

// breakdownWaits are taken apart where --wait does not say.
var breakdownWaits = []string{"spin", "futex", "semaphore", "eventfd", "adaptive"}

// breakdownDoc is what latency --breakdown prints with --json. Times are in nanoseconds.
type breakdownDoc struct {
	Schema      string             `json:"schema"`
	Environment report.Environment `json:"environment"`
	Clock       string             `json:"clock"`
	StampNS     float64            `json:"stamp_ns"` // what a stamp adds to a stage; taken off
	Rate        int                `json:"rate"`
	Results     []taken            `json:"results"`

	CPUs        *chosenCPUs `json:"cpus"`              // null where no two CPUs were chosen
	CPUsMissing string      `json:"cpus_not_measured"` // why; "" otherwise
}

// taken is one kind of ring, wait and size taken apart.
type taken struct {
	Transport string `json:"transport"`
	Wait      string `json:"wait"`
	Size      int    `json:"size"`
	breakdown.Result
	Transfers breakdown.Transfers `json:"transfers"`
	Estimate  *estimate           `json:"estimate"` // null where the time of a line is not known

	params rig.Params
}

// estimate is what the transfers of a message take, and what was measured beside it.
type estimate struct {
	Together   float64 `json:"together_ns"`     // if all lines travel at the same time
	InTurn     float64 `json:"in_turn_ns"`      // if one waits for the other
	Measured   float64 `json:"measured_ns"`     // the p50 of the way, without the wake
	OverBest   float64 `json:"over_best_ns"`    // what the transfers take longer in turn than on the best pair
	BestInTurn float64 `json:"best_in_turn_ns"` // what they would take there
}

// measureBreakdown is the whole of latency --breakdown.
func measureBreakdown(ctx context.Context, std *stdio, o *options) (err error) {
	cpus, note, err := o.chooseCPUs()
	if err != nil {
		return err
	}
	steps, err := o.planBreakdown(cpus)
	if err != nil {
		return err
	}
	if note != "" {
		fmt.Fprintln(std.err, "ringbench: "+note)
	}
	clock := stopwatch.Best()
	ruler := clock.Start()
	doc := &breakdownDoc{Schema: breakdownSchema, Environment: report.Here(cpus), Clock: clock.Name, Rate: steps[0].p.Rate, Results: []taken{}}
	bar := newProgress(std.err)
	matrix, err := measureLines(ctx, cpus, bar)
	if errors.Is(err, context.Canceled) {
		return errors.New("interrupted before a message was sent")
	}
	if err != nil {
		return err
	}
	times, err := takeApart(ctx, steps, o.pairs, bar)
	if err == nil {
		matrix, err = matrix.again(ctx, cpus, bar)
	}
	if errors.Is(err, context.Canceled) {
		err = errors.New("interrupted: what was measured is printed")
	}
	tick := ruler.Tick()
	doc.StampNS = float64(clock.Cost()) * tick
	doc.CPUs, doc.CPUsMissing = matrix.choice(cpus)
	for i, m := range steps {
		if len(times[i].Sends) > 0 {
			doc.Results = append(doc.Results, doc.fold(m, &times[i], tick))
		}
	}
	if o.json {
		return errors.Join(err, report.Indented(std.out, doc))
	}
	if len(doc.Results) == 0 {
		return err
	}
	return errors.Join(err, doc.print(std.out))
}

// planBreakdown checks the flags and returns what is to be measured.
func (o *options) planBreakdown(cpus []int) ([]measurement, error) {
	if slices.Equal(o.transports, transportNames()) {
		o.transports = []string{"ring"}
	}
	var list []*contender
	for _, name := range o.transports {
		t := findTransport(stampedName + name)
		if t == nil {
			return nil, usagef("expected --transport out of ring,slots with --breakdown, found %q", name)
		}
		list = append(list, ofTransport(t))
	}
	if len(o.waits) == 0 {
		o.waits = breakdownWaits
	}
	base := o.params(rig.OneWay, cpus)
	if base.Rate == 0 {
		base.Rate = breakdownRate
	}
	return plan(list, base, o.sizes, o.waits)
}

// takeApart runs the plan pairs times, interleaved, and returns the times of each step.
func takeApart(ctx context.Context, steps []measurement, pairs int, bar *progress) ([]breakdown.Times, error) {
	times := make([]breakdown.Times, len(steps))
	defer bar.end()
	for i := range pairs * len(steps) {
		m := steps[i%len(steps)]
		bar.begin(i+1, pairs*len(steps), strings.Replace(resultName(m.c, &m.p), stampedName, "", 1), &m.p)
		out, err := m.c.measure(ctx, m.p, bar.update)
		if err != nil {
			return times, err
		}
		if err := times[i%len(steps)].Add(out.Notes[0], out.Notes[1], out.Messages); err != nil {
			return times, err
		}
		if ctx.Err() != nil {
			return times, ctx.Err()
		}
	}
	return times, nil
}

func (d *breakdownDoc) fold(m measurement, t *breakdown.Times, tick float64) taken {
	r := taken{
		Transport: strings.TrimPrefix(m.c.name, stampedName), Wait: m.p.Wait, Size: m.p.Size,
		Result: breakdown.Fold(t, tick, d.StampNS), params: m.p,
	}
	kind := ringTransportKind(r.Transport)
	slept := 0.0
	if r.Messages > 0 {
		slept = float64(r.Slept) / float64(r.Messages)
	}
	line := d.Environment.CacheLine
	if line == 0 {
		line = 64
	}
	r.Transfers = breakdown.CountTransfers(ringConfig(kind, &m.p), m.p.Size, line, slept)
	if d.CPUs != nil {
		r.Estimate = d.CPUs.estimate(&r)
	}
	return r
}

// chosenCPUs is how long a line takes between the chosen CPUs, and between the best.
type chosenCPUs struct {
	A        int           `json:"a"`
	B        int           `json:"b"`
	Relation topo.Relation `json:"relation"`
	Line     topo.Spread   `json:"line_ns"`
	Pairs    int           `json:"pairs"` // that were measured
	Best     *topo.Choice  `json:"best"`
}

func (c *chosenCPUs) estimate(r *taken) *estimate {
	e := &estimate{
		Together: c.Line.Median * max(r.Transfers.Header, 0), InTurn: c.Line.Median * r.Transfers.Sum(),
		BestInTurn: c.Best.OneWay.Median * r.Transfers.Sum(), Measured: r.SumP50,
	}
	e.OverBest = e.InTurn - e.BestInTurn
	for _, s := range r.Stages {
		if s.Name == "wake" {
			e.Measured -= s.P50
		}
	}
	return e
}
