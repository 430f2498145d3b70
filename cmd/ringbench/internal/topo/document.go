package topo

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/report"
)

// Schema names the JSON document.
const Schema = "ringbench/topo/1"

// Document is the outcome: what was measured, of which machine, and which pair to take.
type Document struct {
	Schema      string             `json:"schema"`
	Environment report.Environment `json:"environment"`
	Machine     *Machine           `json:"machine"`

	AllPairs int   `json:"all_pairs"` // of the allowed CPUs; fewer were measured where there was no time for all
	Rounds   int   `json:"rounds"`    // as planned; a pair has fewer where its CPUs were too busy
	SliceNS  int64 `json:"slice_ns"`  // how long a pair was measured in each round

	Pairs     []Line  `json:"pairs"`
	Relations []Class `json:"relations"`
	Best      *Choice `json:"best"` // null where nothing was measured

	NotMeasured string `json:"not_measured"` // what, and why; "" for nothing
}

// Spread is how long a line takes one way, in nanoseconds: the median over the rounds, and
// the fastest and the slowest of them.
type Spread struct {
	Min    float64 `json:"min"`
	Median float64 `json:"median"`
	Max    float64 `json:"max"`
}

// Line is one pair.
type Line struct {
	A        int       `json:"a"`
	B        int       `json:"b"`
	Relation Relation  `json:"relation"`
	OneWay   Spread    `json:"one_way_ns"`
	Rounds   []float64 `json:"rounds_ns"` // in the order in which they were measured
}

// Class is all pairs of one relation: the fastest, median and slowest of their medians.
type Class struct {
	Relation Relation `json:"relation"`
	Measured int      `json:"measured"`
	All      int      `json:"all"`
	OneWay   *Spread  `json:"one_way_ns"` // null where none was measured
}

// Choice is the best pair for a producer and a consumer.
type Choice struct {
	CPUs     string   `json:"cpus"` // as --cpus takes them
	Relation Relation `json:"relation"`
	OneWay   Spread   `json:"one_way_ns"`
	Alike    int      `json:"alike"`    // other pairs whose median lies within this one's spread
	Siblings *Line    `json:"siblings"` // two threads of one core that would be faster, which is no reason to take them
}

// Summarize makes the document of what was measured.
func Summarize(m *Machine, p Plan, samples []Sample, env report.Environment) *Document {
	d := &Document{
		Schema: Schema, Environment: env, Machine: m, AllPairs: p.All, SliceNS: int64(p.Slice / time.Nanosecond),
		Rounds: p.Rounds, Pairs: []Line{}, Relations: []Class{},
	}
	for _, s := range samples {
		if len(s.Rounds) > 0 {
			d.Pairs = append(d.Pairs, Line{s.A, s.B, s.Relation, SpreadOf(s.Rounds), s.Rounds})
		}
	}
	d.classes()
	d.Best = d.choose()
	d.NotMeasured = d.missing(p)
	return d
}

// missing says what was not measured, and why.
func (d *Document) missing(p Plan) string {
	if len(d.Machine.CPUs) == 1 {
		return fmt.Sprintf("only CPU %d is allowed: how long a line takes from one CPU to another needs two; a producer and a consumer that share one CPU pass lines in its caches, and each waits for the other's turn", d.Machine.CPUs[0].ID)
	}
	var parts []string
	if n := p.All - len(p.Pairs); n > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d pairs, for want of time: a sample was, of each relation and of each two groups of CPUs; a longer --duration measures more", n, p.All))
	}
	if n := len(p.Pairs) - len(d.Pairs); n > 0 {
		parts = append(parts, fmt.Sprintf("%d of %d pairs: interrupted, or too busy for two threads to run at once", n, p.All))
	}
	return strings.Join(parts, "; ")
}

// SpreadOf returns the spread of values, one at least.
func SpreadOf(values []float64) Spread {
	s := slices.Sorted(slices.Values(values))
	return Spread{s[0], s[len(s)/2], s[len(s)-1]}
}

func (d *Document) classes() {
	var all [relations]int
	for i, a := range d.Machine.CPUs {
		for _, b := range d.Machine.CPUs[i+1:] {
			all[Between(a, b)]++
		}
	}
	var medians [relations][]float64
	for _, l := range d.Pairs {
		medians[l.Relation] = append(medians[l.Relation], l.OneWay.Median)
	}
	for r, n := range all {
		if n == 0 {
			continue
		}
		c := Class{Relation: Relation(r), All: n, Measured: len(medians[r])}
		if c.Measured > 0 {
			s := SpreadOf(medians[r])
			c.OneWay = &s
		}
		d.Relations = append(d.Relations, c)
	}
}

// choose takes the pair with the least median that are not two threads of one core,
// unless there are no others.
func (d *Document) choose() *Choice {
	var best, siblings *Line
	for i := range d.Pairs {
		to := &best
		if d.Pairs[i].Relation == SameCore {
			to = &siblings
		}
		if *to == nil || d.Pairs[i].OneWay.Median < (*to).OneWay.Median {
			*to = &d.Pairs[i]
		}
	}
	switch {
	case best == nil && siblings == nil:
		return nil
	case best == nil:
		best, siblings = siblings, nil
	case siblings != nil && siblings.OneWay.Median >= best.OneWay.Median:
		siblings = nil
	}
	c := &Choice{CPUs: fmt.Sprintf("%d,%d", best.A, best.B), Relation: best.Relation, OneWay: best.OneWay, Siblings: siblings}
	for i := range d.Pairs {
		l := &d.Pairs[i]
		if l != best && l.Relation != SameCore && l.OneWay.Median <= best.OneWay.Max {
			c.Alike++
		}
	}
	return c
}

// Find returns what was measured of two CPUs, nil for nothing.
func (d *Document) Find(a, b int) *Line {
	i := slices.IndexFunc(d.Pairs, func(l Line) bool { return l.A == min(a, b) && l.B == max(a, b) })
	if i < 0 {
		return nil
	}
	return &d.Pairs[i]
}
