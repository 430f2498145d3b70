package topo

import (
	"context"
	"errors"
	"testing"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/internal/cpu"
)

// On the CPUs that there are: every pair has figures in every round, or is said to have none.
func TestMeasureHere(t *testing.T) {
	cpus, err := cpu.Allowed()
	if err != nil {
		t.Fatal(err)
	}
	m := Here(cpus[:min(len(cpus), 4)])
	p := NewPlan(m, 100*time.Millisecond)
	var last [2]int
	samples, err := Measure(t.Context(), p, func(done, all int) { last = [2]int{done, all} })
	if err != nil {
		t.Fatal(err)
	}
	if want := len(p.Pairs) * p.Rounds; last != [2]int{want, want} {
		t.Errorf("progress ended at %v, want %d", last, want)
	}
	d := Summarize(m, p, samples, report.Here(cpus))
	for _, l := range d.Pairs {
		s := l.OneWay
		if s.Min <= 0 || s.Min > s.Median || s.Median > s.Max || s.Max > float64(tooLong) || len(l.Rounds) > p.Rounds {
			t.Errorf("%+v", l)
		}
	}
	if len(d.Pairs) < p.All && d.NotMeasured == "" {
		t.Errorf("%d of %d pairs, and nothing said to be missing", len(d.Pairs), p.All)
	}
	if m.Line < 32 || m.Stride < m.Line || m.CPUID.Model == "" {
		t.Errorf("%+v", m)
	}
}

func TestMeasureEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p := Plan{Pairs: []Pair{{A: 0, B: 0}}, All: 1, Rounds: 1 << 30, Slice: time.Microsecond}
	cpus, err := cpu.Allowed()
	if err != nil {
		t.Fatal(err)
	}
	p.Pairs[0].A, p.Pairs[0].B = cpus[0], cpus[len(cpus)-1]
	_, err = Measure(ctx, p, func(done, _ int) {
		if done == 2 {
			cancel()
		}
	})
	if !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	p.Pairs[0].B = 1<<16 - 1 // there is none
	if _, err := Measure(t.Context(), p, nil); err == nil || errors.Is(err, context.Canceled) {
		t.Errorf("a CPU that is not there: %v", err)
	}
}
