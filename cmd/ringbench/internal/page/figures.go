package page

import (
	"cmp"
	"math"
	"slices"

	"annulus/cmd/ringbench/internal/report"
)

// figures are what the scripts draw. A list is empty, never null.
type figures struct {
	Families []string `json:"families"`
	Methods  []method `json:"methods"`
	Rates    []rate   `json:"rates"`
	Delays   []delay  `json:"delays"`
	CPU      []cost   `json:"cpu"`
}

// rate is a throughput.
type rate struct {
	Method   int     `json:"m"` // index of the methods
	Size     int     `json:"size"`
	Messages float64 `json:"messages"` // a second
	Bytes    float64 `json:"bytes"`    // a second
	Low      float64 `json:"low"`      // messages a second of the slowest run
	High     float64 `json:"high"`     // and of the fastest
}

// delay is a distribution of round trips or one-way delays, in nanoseconds.
type delay struct {
	Kind   string       `json:"kind"`
	Method int          `json:"m"`
	Size   int          `json:"size"`
	P50    float64      `json:"p50"`
	Low    float64      `json:"low"`
	High   float64      `json:"high"`
	Curve  [][2]float64 `json:"curve"` // 1/(1-quantile) and the delay there
}

// cost is the CPU time of a message, in nanoseconds.
type cost struct {
	Kind   string  `json:"kind"`
	Method int     `json:"m"`
	Size   int     `json:"size"`
	NS     float64 `json:"ns"`
}

func figuresOf(results []report.Result) figures {
	m := methodsOf(results)
	f := figures{Families: families, Methods: m.list, Rates: []rate{}, Delays: []delay{}, CPU: []cost{}}
	for _, r := range results {
		if r.Kind == "throughput" {
			if positive(r.MessagesPerSecond*float64(r.Size)) && positive(r.MessagesPerSecond) {
				low, high := span(r, r.MessagesPerSecond)
				f.Rates = append(f.Rates, rate{m.of(r), r.Size, r.MessagesPerSecond, r.MessagesPerSecond * float64(r.Size), low, high})
			}
		} else if r.LatencyNS != nil && r.LatencyNS.P50 > 0 {
			p50 := float64(r.LatencyNS.P50)
			low, high := span(r, p50)
			f.Delays = append(f.Delays, delay{r.Kind, m.of(r), r.Size, p50, low, high, curve(r)})
		}
		if ns := r.CPUNanosEach(); positive(ns) {
			f.CPU = append(f.CPU, cost{r.Kind, m.of(r), r.Size, ns})
		}
	}
	return f
}

func positive(v float64) bool { return v > 0 && !math.IsInf(v, 0) }

// span is the least and the greatest of the runs, and of what is drawn.
func span(r report.Result, drawn float64) (low, high float64) {
	low, high = drawn, drawn
	for _, v := range r.Runs {
		if positive(v) {
			low, high = min(low, v), max(high, v)
		}
	}
	return low, high
}

// curve is the distribution as far as there are messages to show it: beyond a quantile of 1-1/n
// n messages have only the slowest one, which is put there.
func curve(r report.Result) [][2]float64 {
	quantiles, delays := report.Quantiles, r.Distribution
	if len(delays) != len(quantiles) {
		l := r.LatencyNS
		quantiles, delays = []float64{0.5, 0.9, 0.99, 0.999, 0.9999, 1}, []int64{l.P50, l.P90, l.P99, l.P999, l.P9999, l.Max}
	}
	points := [][2]float64{}
	for i, q := range quantiles {
		at := float64(r.Messages)
		if q < 1 {
			at = math.Round(1e6/(1-q)) / 1e6
			if at > float64(r.Messages) {
				continue
			}
		}
		if delays[i] > 0 {
			points = append(points, [2]float64{max(at, 1), float64(delays[i])})
		}
	}
	slices.SortStableFunc(points, func(a, b [2]float64) int { return cmp.Compare(a[0], b[0]) })
	return points
}
