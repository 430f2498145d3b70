package report

import (
	"cmp"
	"slices"
)

// Median folds repetitions of one measurement into one result: every figure
// is the median of its own column, so that one disturbed repetition spoils
// none of them. The figures of the fold need not stem from one repetition.
// It panics when runs is empty.
func Median(runs []Result) Result {
	out := runs[0]
	out.Runs = make([]float64, len(runs))
	for i, r := range runs {
		out.Runs[i] = r.figure()
	}
	if len(runs) == 1 {
		return out
	}
	out.Messages = column(runs, func(r Result) uint64 { return r.Messages })
	out.Seconds = column(runs, func(r Result) float64 { return r.Seconds })
	out.MessagesPerSecond = column(runs, func(r Result) float64 { return r.MessagesPerSecond })
	out.BytesPerSecond = column(runs, func(r Result) float64 { return r.BytesPerSecond })
	out.CPUSeconds = column(runs, func(r Result) float64 { return r.CPUSeconds })
	if all(runs, func(r Result) bool { return r.Wakes != nil }) {
		wakes := column(runs, func(r Result) uint64 { return *r.Wakes })
		out.Wakes = &wakes
	} else {
		out.Wakes = nil
	}
	out.LatencyNS = foldLatencies(runs, func(r Result) *Latency { return r.LatencyNS })
	if all(runs, func(r Result) bool { return len(r.Distribution) == len(Quantiles) }) {
		out.Distribution = make([]int64, len(Quantiles))
		for i := range Quantiles {
			out.Distribution[i] = column(runs, func(r Result) int64 { return r.Distribution[i] })
		}
	} else {
		out.Distribution = nil
	}
	out.Load, out.Series = foldLoads(runs)
	return out
}

// foldLatencies has the median of each percentile; nil where a run lacks them.
func foldLatencies(runs []Result, of func(Result) *Latency) *Latency {
	if !all(runs, func(r Result) bool { return of(r) != nil }) {
		return nil
	}
	pick := func(get func(*Latency) int64) int64 {
		return column(runs, func(r Result) int64 { return get(of(r)) })
	}
	return &Latency{
		P50:   pick(func(l *Latency) int64 { return l.P50 }),
		P90:   pick(func(l *Latency) int64 { return l.P90 }),
		P99:   pick(func(l *Latency) int64 { return l.P99 }),
		P999:  pick(func(l *Latency) int64 { return l.P999 }),
		P9999: pick(func(l *Latency) int64 { return l.P9999 }),
		Max:   pick(func(l *Latency) int64 { return l.Max }),
	}
}

// Delays tells whether Runs are delays, of which less is better, and not rates.
func (r *Result) Delays() bool { return r.LatencyNS != nil && r.Load == nil }

// figure is the one that results are compared by.
func (r *Result) figure() float64 {
	if r.Delays() {
		return float64(r.LatencyNS.P50)
	}
	return r.MessagesPerSecond
}

func column[T cmp.Ordered](runs []Result, get func(Result) T) T {
	values := make([]T, len(runs))
	for i, r := range runs {
		values[i] = get(r)
	}
	slices.Sort(values)
	// The upper middle for an even number: a figure that was really seen.
	return values[len(values)/2]
}

func all(runs []Result, ok func(Result) bool) bool {
	for _, r := range runs {
		if !ok(r) {
			return false
		}
	}
	return true
}
