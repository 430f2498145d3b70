package top

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"annulus/ring"
)

var noon = time.Date(2026, 1, 2, 12, 0, 0, 0, time.UTC)

// at is a sample of an spsc ring of 100 slots, so many seconds after noon.
func at(seconds int, in, out uint64) Sample {
	s := Sample{ID: 1, Name: "orders", At: noon.Add(time.Duration(seconds) * time.Second)}
	s.Config = ring.Config{Kind: ring.Slots, Topology: ring.SPSC, SlotSize: 8}
	s.Stats = ring.Stats{Tail: in, Head: out, Occupied: in - out, Capacity: 100}
	s.Stats.Producer = ring.SideStats{Attached: true, PID: 11, Sessions: 1, Messages: in, Bytes: 8 * in}
	s.Stats.Consumer = ring.SideStats{Attached: true, PID: 22, Sessions: 1, Messages: out, Bytes: 8 * out}
	return s
}

// rowsOf is what a history says of the last of samples of one ring.
func rowsOf(samples ...Sample) Row {
	var h History
	var row Row
	for _, s := range samples {
		row = h.Add(Round{At: s.At, Samples: []Sample{s}}, time.Second)[0]
	}
	return row
}

func TestRates(t *testing.T) {
	if r := rowsOf(at(0, 100, 90)); r.Known || r.In != 0 {
		t.Errorf("at first nothing is known: %+v", r.Rates)
	}
	r := rowsOf(at(0, 100, 90), at(2, 300, 240))
	if !r.Known || r.In != 100 || r.Out != 75 || r.InBytes != 800 || r.OutBytes != 600 || r.Used != 0.6 || r.Condition.Word != "flowing" {
		t.Errorf("%+v", r)
	}
	if r := rowsOf(at(0, 100, 90), at(2, 99, 90)); r.In != 0 {
		t.Errorf("a sum that seems to go back is no rate: %v", r.In)
	}
	other := at(2, 300, 300)
	other.ID = 2
	if r := rowsOf(at(0, 100, 90), other); r.Known {
		t.Error("another ring of the same name has no rates yet")
	}
	if r := rowsOf(at(0, 100, 90), at(2, 300, 240), at(2, 300, 240)); r.In != 100 {
		t.Errorf("a ring that was not looked at keeps its rates: %v", r.In)
	}
}

func TestStalls(t *testing.T) {
	for _, c := range []struct {
		name    string
		samples []Sample
		want    string
	}{
		{"moves", []Sample{at(0, 9, 5), at(1, 10, 6)}, "flowing"},
		{"empty", []Sample{at(0, 5, 5), at(9, 5, 5)}, "idle"},
		{"since before", []Sample{at(0, 9, 5), at(1, 9, 5), at(7, 9, 5)}, "stalled >7s"},
		{"since it came", []Sample{at(0, 5, 5), at(1, 9, 5), at(7, 12, 5)}, "stalled 6s"},
		{"since it moved", []Sample{at(0, 9, 4), at(1, 9, 5), at(7, 9, 5)}, "stalled 6s"},
		{"was empty once", []Sample{at(0, 9, 5), at(5, 5, 5), at(6, 9, 5), at(8, 9, 5)}, "stalled 2s"},
		{"full", []Sample{at(0, 5, 5), at(1, 105, 5), at(3, 105, 5)}, "full 2s"},
		{"moves again", []Sample{at(0, 9, 5), at(7, 9, 5), at(8, 9, 6)}, "flowing"},
		{"for long", []Sample{at(0, 9, 5), at(7200, 9, 5)}, "stalled >2h"},
	} {
		if got := rowsOf(c.samples...).Condition.String(); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

func TestConditions(t *testing.T) {
	for want, change := range map[string]func(s *Sample){
		"prod dead":    func(s *Sample) { s.Stats.Producer.Attached = false },
		"cons dead":    func(s *Sample) { s.Stats.Consumer.Attached = false },
		"both dead":    func(s *Sample) { s.Stats.Producer.Attached, s.Stats.Consumer.Attached = false, false },
		"prod stopped": func(s *Sample) { s.Stats.Producer.Stopped = true },
		"cons stopped": func(s *Sample) { s.Stats.Consumer.Stopped = true },
		"unread >5s":   func(s *Sample) { s.Stats.Consumer = ring.SideStats{} },
		"removed":      func(s *Sample) { s.Removed, s.Stats.Occupied = true, 0 },
		"error":        func(s *Sample) { s.Err = "gone wrong" },
		"stalled >5s":  func(*Sample) {},
		"cons  dead": func(s *Sample) { // of many
			s.Config.Topology = ring.MPMC
			s.Stats.Members = []ring.MemberStats{{Index: 3, PID: 7}, {Index: 4, PID: 8, Attached: true}}
		},
		"member stuck": func(s *Sample) {
			s.Config.Topology, s.Stats.Occupied = ring.MPMC, 0
			s.Stats.Members = []ring.MemberStats{{Attached: true, PID: 7, Claims: 1, Claim: 3}}
		},
	} {
		a, b := at(0, 9, 5), at(5, 9, 5)
		change(&a)
		change(&b)
		if got := rowsOf(a, b).Condition.String(); got != strings.Replace(want, "  ", " ", 1) {
			t.Errorf("%q, want %q", got, want)
		}
	}
	cast := func(seconds int, lost uint64) Sample {
		s := at(seconds, 9, 9)
		s.Config.Topology = ring.Broadcast
		s.Stats.Members = []ring.MemberStats{{Attached: true, PID: 7, Lost: lost}}
		return s
	}
	if r := rowsOf(cast(0, 3), cast(1, 8)); r.Condition.Word != "losing" || r.Rates.Lost != 5 || r.Lost != 8 {
		t.Errorf("%+v", r.Condition)
	}
}

func TestParties(t *testing.T) {
	for want, p := range map[string]Party{
		"7":                    {Running: []int{7}},
		"7 stopped":            {Stopped: []int{7}},
		"7 dead":               {Dead: []int{7}},
		"none":                 {State: "none"},
		"2":                    {Running: []int{7, 8}},
		"1, 1 dead":            {Running: []int{7}, Dead: []int{8}},
		"3, 1 stopped, 1 dead": {Running: []int{7, 8}, Stopped: []int{9}, Dead: []int{10}},
	} {
		if got := p.String(); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestBudget(t *testing.T) {
	ms := time.Millisecond
	if got := every([]time.Duration{ms, 2 * ms}, time.Second); !slices.Equal(got, []time.Duration{time.Second, time.Second}) {
		t.Errorf("cheap: %v", got)
	}
	costs := []time.Duration{ms, 200 * ms, 400 * ms}
	got := every(costs, time.Second)
	if got[0] != time.Second {
		t.Errorf("what is cheap waits for what is not: %v", got)
	}
	part := 0.0
	for i, c := range costs {
		part += float64(c) / float64(got[i])
	}
	if part > 2*share {
		t.Errorf("%v take %.3f of a processor", got, part)
	}
	if len(every(nil, time.Second)) != 0 {
		t.Error("nothing takes time")
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.04: "0.0", 1: "1", 9.5: "9.5", 9.96: "10", 999: "999", 999.6: "1.00k", 12345: "12.3k", 999_999: "1.00M", 4.2e7: "42.0M", 1e20: ">999P",
	} {
		if got := brief(v); got != strings.TrimSuffix(want, ".0") || len(got) > 5 {
			t.Errorf("brief(%v) = %q, want %q", v, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0", 1023: "1023", 4096: "4K", 1 << 20: "1M", 3 << 29: "1.5G"} {
		if got := binary(n); got != want {
			t.Errorf("binary(%d) = %q, want %q", n, got, want)
		}
	}
	for d, want := range map[time.Duration]string{0: "0s", 99 * time.Second: "99s", 100 * time.Second: "1m", 2 * time.Hour: "2h", 1000 * time.Hour: "41d"} {
		if d > time.Hour && d < 100*time.Hour {
			want = "2h"
		}
		if got := lasting(d); got != want && !(d == 2*time.Hour && got == "2h") {
			t.Errorf("lasting(%v) = %q, want %q", d, got, want)
		}
	}
}

// Whatever the width, no line is wider, and what is worth more goes last.
func TestColumnsFit(t *testing.T) {
	before := 0
	for width := range 300 {
		in := fit(width, 40)
		if width > 0 && wideOf(in) > width {
			t.Errorf("%d columns take %d", width, wideOf(in))
		}
		if len(in) == 0 || in[0].head != "NAME" {
			t.Fatalf("width %d: no name", width)
		}
		if len(in) < before {
			t.Errorf("width %d has %d columns, a narrower one %d", width, len(in), before)
		}
		before = len(in)
	}
	if before != len(columns) {
		t.Errorf("%d of %d columns at most", before, len(columns))
	}
	var heads []string
	for _, c := range fit(40, 40) {
		heads = append(heads, c.head)
	}
	if got := fmt.Sprint(heads); got != "[NAME STATE USED IN/s]" {
		t.Errorf("40 columns: %s", got)
	}
}
