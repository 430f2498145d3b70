package report

import "github.com/HdrHistogram/hdrhistogram-go"

// Percentiles reads the percentiles out of a histogram of nanoseconds, and the delays at Quantiles.
func Percentiles(h *hdrhistogram.Histogram) (*Latency, []int64) {
	distribution := make([]int64, len(Quantiles))
	for i, q := range Quantiles {
		distribution[i] = h.ValueAtPercentile(100 * q)
	}
	distribution[0] = h.Min()
	return &Latency{
		P50:   h.ValueAtPercentile(50),
		P90:   h.ValueAtPercentile(90),
		P99:   h.ValueAtPercentile(99),
		P999:  h.ValueAtPercentile(99.9),
		P9999: h.ValueAtPercentile(99.99),
		Max:   h.Max(),
	}, distribution
}
