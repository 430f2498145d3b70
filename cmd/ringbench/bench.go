package main

import (
	"context"
	"errors"
	"fmt"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
)

// measurement is one line of the plan.
type measurement struct {
	c *contender
	p rig.Params

	longer int // how often a window in which nothing passed, on a busy machine, is made four times longer
}

// plan is everything with everything: each size, each contender, each of its
// waits that was asked for, checked.
func plan(list []*contender, base rig.Params, sizes []int, waits []string) ([]measurement, error) {
	var out []measurement
	seen := map[string]bool{}
	for _, size := range sizes {
		for _, c := range list {
			choice := waits
			switch {
			case c.waits == nil:
				choice = []string{""}
			case len(waits) == 0:
				choice = c.waits[:1]
			}
			for _, wait := range choice {
				p := base
				p.Size, p.Wait = size, wait
				if err := c.check(&p); err != nil {
					return nil, err
				}
				// A rival of one size stands once, whatever the sizes.
				if name := resultName(c, &p); !seen[name] {
					seen[name] = true
					out = append(out, measurement{c: c, p: p})
				}
			}
		}
	}
	return out, nil
}

// measureAll runs the plan pairs times, interleaved, and returns the medians of
// what was finished, in the plan's order. On an interrupt it also returns what
// the measurement under way had counted. With a lost that returns true for its error a step that fails
// is left out, and what it had measured before; else the first error ends everything.
func measureAll(ctx context.Context, steps []measurement, pairs int, bar *progress, lost func(measurement, error) bool) ([]report.Result, error) {
	runs := make([][]report.Result, len(steps))
	out := make([]bool, len(steps))
	done, err := 0, error(nil)
	for i := 0; i < pairs*len(steps) && err == nil; i++ {
		at := i % len(steps)
		if out[at] {
			continue
		}
		m := steps[at]
		bar.begin(i+1, pairs*len(steps), resultName(m.c, &m.p), &m.p)
		var o rig.Outcome
		o, err = m.measure(ctx, bar)
		if err == nil {
			// A fragment goes into no median: it stands where there is nothing else.
			if ctx.Err() == nil || len(runs[at]) == 0 && o.Messages > 0 {
				runs[at] = append(runs[at], result(m, o))
			}
			err = ctx.Err()
		} else if ctx.Err() == nil && lost != nil && lost(m, err) {
			runs[at], out[at], err = nil, true, nil
		}
		if err == nil {
			done++
		}
	}
	bar.end()
	var results []report.Result
	for _, r := range runs {
		if len(r) > 0 {
			results = append(results, report.Median(r))
		}
	}
	if errors.Is(err, context.Canceled) {
		err = fmt.Errorf("interrupted after %d of %d measurements", done, pairs*len(steps))
	}
	return results, err
}

// measure measures once, in a longer window where nothing passed in a short one.
func (m measurement) measure(ctx context.Context, bar *progress) (rig.Outcome, error) {
	out, err := m.c.measure(ctx, m.p, bar.update)
	for longer := m.longer; errors.Is(err, rig.ErrNothing) && longer > 0; longer-- {
		m.p.Duration *= 4
		out, err = m.c.measure(ctx, m.p, bar.update)
	}
	return out, err
}

func result(m measurement, out rig.Outcome) report.Result {
	r := report.Result{
		Name:      resultName(m.c, &m.p),
		Kind:      string(m.p.Kind),
		Family:    m.c.family,
		Transport: m.c.name, Topology: m.c.topology, Processes: m.c.processes,
		Size: m.p.Size, Batch: m.p.Batch,
		Messages: out.Messages, Seconds: out.Seconds,
		LatencyNS: out.Latency, Distribution: out.Distribution, CPUSeconds: out.CPUSeconds, Wakes: out.Wakes,
		Wait: waitOf(m.c, &m.p),
	}
	if out.Seconds > 0 {
		r.MessagesPerSecond = float64(out.Messages) / out.Seconds
		r.BytesPerSecond = r.MessagesPerSecond * float64(m.p.Size)
	}
	return r
}

func waitOf(c *contender, p *rig.Params) string {
	if c.waits != nil {
		return p.Wait
	}
	return c.wait
}

// resultName tells the results of one run apart: kind/transport/wait/size, and
// what else was chosen.
func resultName(c *contender, p *rig.Params) string {
	name := fmt.Sprintf("%s/%s/%s/%dB", p.Kind, c.name, waitOf(c, p), p.Size)
	if p.Batch > 1 {
		name += fmt.Sprintf("/batch%d", p.Batch)
	}
	if p.Kind == rig.OneWay {
		name += fmt.Sprintf("/rate%d", p.Rate)
	}
	return name
}
