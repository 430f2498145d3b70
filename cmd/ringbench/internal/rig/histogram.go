package rig

import (
	"fmt"

	"annulus/cmd/ringbench/internal/report"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func encodeHistogram(h *hdrhistogram.Histogram) ([]byte, error) {
	return h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
}

// latency reads the percentiles out of an encoded histogram, and the delays at
// report.Quantiles; nil for none.
func latency(encoded []byte) (*report.Latency, []int64, error) {
	if encoded == nil {
		return nil, nil, nil
	}
	h, err := hdrhistogram.Decode(encoded)
	if err != nil {
		return nil, nil, fmt.Errorf("a worker's histogram does not decode: %w", err)
	}
	distribution := make([]int64, len(report.Quantiles))
	for i, q := range report.Quantiles {
		distribution[i] = h.ValueAtPercentile(100 * q)
	}
	distribution[0] = h.Min()
	return &report.Latency{
		P50:   h.ValueAtPercentile(50),
		P90:   h.ValueAtPercentile(90),
		P99:   h.ValueAtPercentile(99),
		P999:  h.ValueAtPercentile(99.9),
		P9999: h.ValueAtPercentile(99.99),
		Max:   h.Max(),
	}, distribution, nil
}
