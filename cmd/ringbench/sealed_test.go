package main

import (
	"errors"
	"testing"

	"annulus/cmd/ringbench/internal/rig"
)

// Every transport carries sealed messages whole, one way and there and back, or says what it cannot carry.
func TestSealedMessages(t *testing.T) {
	for _, tr := range allTransports() {
		t.Run(tr.Name, func(t *testing.T) {
			carried := 0
			for _, size := range []int{8, 1000, 64 << 10} {
				count := uint64(min(2000, 16<<20/size))
				carried += measureSealed(t, tr, rig.Params{Kind: rig.Throughput, Size: size, Batch: 1 + size%3, Count: count})
				carried += measureSealed(t, tr, rig.Params{Kind: rig.RoundTrip, Size: size, Batch: 1, Count: 100})
			}
			if carried == 0 {
				t.Error("nothing was carried")
			}
		})
	}
}

// A log that is longer than a segment, and one that ends with one.
func TestFileSegments(t *testing.T) {
	tr := findTransport("file")
	const size = 64 << 10
	for _, count := range []uint64{segmentBytes / size * 2, segmentBytes/size - 64} {
		measureSealed(t, tr, rig.Params{Kind: rig.Throughput, Size: size, Batch: 1, Count: count})
		measureSealed(t, tr, rig.Params{Kind: rig.Throughput, Size: size - 8, Batch: 7, Count: count})
		measureSealed(t, tr, rig.Params{Kind: rig.RoundTrip, Size: size, Batch: 1, Count: count})
	}
}

// measureSealed returns how many measurements were made: 1, or 0 for a size that tr cannot carry here.
func measureSealed(t *testing.T, tr *rig.Transport, p rig.Params) int {
	t.Helper()
	p.Sealed, p.Topology, p.Capacity, p.Backing = true, "spsc", defaultCapacity, "memfd"
	if tr.Waits != nil {
		p.Wait = "futex"
	}
	out, err := rig.Measure(t.Context(), tr, p, nil)
	var unable *rig.Unable
	if errors.As(err, &unable) && p.Size > 8 {
		t.Log(err)
		return 0
	}
	if err != nil {
		t.Fatalf("%s of %d bytes: %v", p.Kind, p.Size, err)
	}
	if out.Messages != p.Count || (out.Latency != nil) != (p.Kind == rig.RoundTrip) {
		t.Errorf("%s of %d bytes: %+v", p.Kind, p.Size, out)
	}
	return 1
}
