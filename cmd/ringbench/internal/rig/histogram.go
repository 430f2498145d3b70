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
	l, distribution := report.Percentiles(h)
	return l, distribution, nil
}
