package rig

import (
	"fmt"

	"annulus/cmd/ringbench/internal/report"

	"github.com/HdrHistogram/hdrhistogram-go"
)

func encodeHistogram(h *hdrhistogram.Histogram) ([]byte, error) {
	return h.Encode(hdrhistogram.V2CompressedEncodingCookieBase)
}

// latency reads the percentiles out of an encoded histogram; nil for none.
func latency(encoded []byte) (*report.Latency, error) {
	if encoded == nil {
		return nil, nil
	}
	h, err := hdrhistogram.Decode(encoded)
	if err != nil {
		return nil, fmt.Errorf("a worker's histogram does not decode: %w", err)
	}
	return &report.Latency{
		P50:   h.ValueAtPercentile(50),
		P90:   h.ValueAtPercentile(90),
		P99:   h.ValueAtPercentile(99),
		P999:  h.ValueAtPercentile(99.9),
		P9999: h.ValueAtPercentile(99.99),
		Max:   h.Max(),
	}, nil
}
