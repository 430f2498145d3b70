package main

import (
	"context"
	"errors"
	"time"

	"annulus/cmd/ringbench/internal/topo"
)

// lines is the matrix of the allowed CPUs, and what the chosen pair took, before and after.
type lines struct {
	doc    *topo.Document
	rounds []float64
	why    string // nothing was measured
}

// measureLines measures the matrix, briefly.
func measureLines(ctx context.Context, cpus []int, bar *progress) (*lines, error) {
	if len(cpus) == 0 || cpus[0] == cpus[1] {
		return &lines{why: "both sides share a CPU, or are not pinned: no line goes from one to another"}, nil
	}
	allowed, err := chooseFrom(nil)
	if err != nil {
		return nil, err
	}
	l := &lines{}
	l.doc, err = measureTopo(ctx, allowed, matrixBudget, bar)
	if l.doc == nil || errors.Is(err, context.Canceled) {
		return nil, err
	}
	if p := l.doc.Find(cpus[0], cpus[1]); p != nil {
		l.rounds = p.Rounds
	}
	return l, nil
}

// again measures the chosen pair once more: the host of a virtual machine may have moved it.
func (l *lines) again(ctx context.Context, cpus []int, bar *progress) (*lines, error) {
	if l.doc == nil {
		return l, nil
	}
	after, err := measureTopo(ctx, cpus, matrixBudget/2+time.Millisecond, bar)
	if after != nil && len(after.Pairs) == 1 {
		l.rounds = append(l.rounds, after.Pairs[0].Rounds...)
	}
	return l, err
}

// choice says how long a line takes between the chosen CPUs, or why that is not known.
func (l *lines) choice(cpus []int) (*chosenCPUs, string) {
	switch {
	case l.doc == nil:
		return nil, l.why
	case len(l.rounds) == 0:
		return nil, "CPUs " + joinInts(cpus) + " were too busy for two threads to run at once"
	}
	m := topo.Here(cpus)
	c := &chosenCPUs{
		A: cpus[0], B: cpus[1], Relation: topo.Between(m.CPUs[0], m.CPUs[1]), Line: topo.SpreadOf(l.rounds),
		Pairs: len(l.doc.Pairs), Best: l.doc.Best,
	}
	if l.doc.Best == nil || len(l.doc.Pairs) == 1 {
		c.Best = &topo.Choice{CPUs: joinInts(cpus), Relation: c.Relation, OneWay: c.Line}
	}
	return c, ""
}
