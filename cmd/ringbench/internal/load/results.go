package load

import (
	"errors"
	"fmt"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/mem"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// snapshot is what all places have counted at one moment.
type snapshot struct {
	at     time.Time
	counts []counts
}

type counts struct {
	count, bytes, held, holds, dropped, wakes, again, overrun uint64

	cpu   time.Duration
	times histogram
}

func (r *run) snapshot() snapshot {
	s := snapshot{at: time.Now(), counts: make([]counts, len(r.places))}
	for i, p := range r.places {
		w, c := p.page, &s.counts[i]
		c.count, c.bytes, c.held, c.holds = mem.Load(&w.Count), mem.Load(&w.Octets), mem.Load(&w.Held), mem.Load(&w.Holds)
		c.dropped, c.wakes, c.again, c.overrun = mem.Load(&w.Dropped), mem.Load(&w.Wakes), mem.Load(&w.Again), mem.Load(&w.Overrun)
		c.cpu = p.cpu
		if p.exited != nil {
			c.cpu += rig.CPUTime(p.cmd.Process.Pid)
		}
		for b := range c.times {
			c.times[b] = mem.Load(&w.Times[b])
		}
	}
	return s
}

// sum is what the places for which of is true have counted in the window.
func (r *run) sum(of func(*place) bool) (c counts) {
	for i, p := range r.places {
		if !of(p) {
			continue
		}
		a, b := &r.open.counts[i], &r.shut.counts[i]
		c.count, c.bytes, c.held, c.holds = c.count+b.count-a.count, c.bytes+b.bytes-a.bytes, c.held+b.held-a.held, c.holds+b.holds-a.holds
		c.dropped, c.wakes, c.again, c.overrun = c.dropped+b.dropped-a.dropped, c.wakes+b.wakes-a.wakes, c.again+b.again-a.again, c.overrun+b.overrun-a.overrun
		c.cpu += max(0, b.cpu-a.cpu)
		for i := range c.times {
			c.times[i] += b.times[i] - a.times[i]
		}
	}
	return c
}

// read makes what package report shows of a histogram; nil for an empty one.
func (h *histogram) read() (*report.Latency, []int64) {
	full := hdrhistogram.New(1, 1<<histogramTop, 3)
	for i, n := range h {
		if n > 0 {
			full.RecordValues(max(1, middle(i)), int64(n)) // no middle is out of its range
		}
	}
	if full.TotalCount() == 0 {
		return nil, nil
	}
	return report.Percentiles(full)
}

// results are those of each ring, and of each group at it.
func (r *run) results() (list []report.Result, err error) {
	for _, l := range r.rings {
		verdict, verr := l.verdict()
		if verr != nil {
			return nil, fmt.Errorf("ring %s: %w", l.Name, verr)
		}
		list = append(list, r.whole(l, verdict))
		if n := verdict.Wrong(); n > 0 {
			err = errors.Join(err, fmt.Errorf("ring %s: %d messages lost, %d doubled, %d out of order, %d torn",
				l.Name, verdict.Lost, verdict.Doubled, verdict.Disordered, verdict.Torn))
		}
		for _, g := range r.Groups {
			if g.Ring == l.Name {
				list = append(list, r.group(l, g))
			}
		}
	}
	return list, err
}

// result is what both kinds of result have.
func (r *run) result(l *live, name, wait string, batch, processes int, c *counts) report.Result {
	seconds := r.shut.at.Sub(r.open.at).Seconds()
	out := report.Result{
		Name: "load/" + r.Name + "/" + name, Kind: "load", Transport: "ring", Topology: traits(&l.Ring).Name,
		Wait: wait, Batch: batch, Processes: processes,
		Messages: c.count, Seconds: seconds, CPUSeconds: c.cpu.Seconds(), Wakes: &c.wakes,
	}
	if c.count > 0 {
		out.Size = int(c.bytes / c.count)
	}
	if seconds > 0 {
		out.MessagesPerSecond, out.BytesPerSecond = float64(c.count)/seconds, float64(c.bytes)/seconds
	}
	return out
}

// whole is a ring's result: what was received, and what all its processes took for it.
func (r *run) whole(l *live, v report.Load) report.Result {
	of := func(producer bool) counts {
		return r.sum(func(p *place) bool { return p.ring == l && p.group.Producer == producer })
	}
	sent, got := of(true), of(false)
	v.Role, v.Sent, v.Received = "ring", sent.count, got.count
	v.Dropped, v.Overrun, v.Again, v.Occupancy = sent.dropped, got.overrun, got.again, l.occupancy()
	got.cpu, got.wakes = got.cpu+sent.cpu, got.wakes+sent.wakes
	out := r.result(l, l.Name, l.Wait, 0, len(l.places), &got)
	out.LatencyNS, out.Distribution = got.times.read()
	out.Load = &v
	out.Series = append(out.Series, cost(&got)...)
	return out
}

func (r *run) group(l *live, g *Group) report.Result {
	c := r.sum(func(p *place) bool { return p.group == g })
	load := &report.Load{Role: "consumers", Dropped: c.dropped, Overrun: c.overrun, Again: c.again}
	for _, p := range l.places {
		if p.group == g {
			load.Attached, load.Kills, load.Leaves = load.Attached+p.incarnation, load.Kills+p.kills, load.Leaves+p.leaves
		}
	}
	out := r.result(l, l.Name+"/"+g.Name, g.Wait, g.Batch, g.Count, &c)
	out.Load = load
	times, distribution := c.times.read()
	if !g.Producer {
		load.Received = c.count
		out.LatencyNS, out.Distribution = times, distribution
		if times != nil {
			for _, q := range []struct {
				name string
				ns   int64
			}{{"p50", times.P50}, {"p99", times.P99}} {
				out.Series = append(out.Series, report.Series{Metric: q.name, Unit: "ns", Better: "lower", Runs: []float64{float64(q.ns)}})
			}
		}
	} else {
		load.Role, load.Sent, load.Late = "producers", c.count, times
		load.HeldSeconds, load.Holds = float64(c.held)/1e9, c.holds
	}
	out.Series = append(out.Series, cost(&c)...)
	return out
}

// cost is the processor time of a message, where it is known.
func cost(c *counts) []report.Series {
	if c.count == 0 || c.cpu == 0 {
		return nil
	}
	return []report.Series{{Metric: "cpu", Unit: "ns", Better: "lower", Runs: []float64{float64(c.cpu) / float64(c.count)}}}
}
