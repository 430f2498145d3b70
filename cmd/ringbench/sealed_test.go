package main

import (
	"testing"

	"annulus/cmd/ringbench/internal/rig"
)

// Every transport carries sealed messages whole, one way and there and back.
func TestSealedMessages(t *testing.T) {
	for _, tr := range transports() {
		t.Run(tr.Name, func(t *testing.T) {
			for _, size := range []int{8, 64, 1000} {
				for _, batch := range []int{1, 7} {
					measureSealed(t, tr, rig.Params{Kind: rig.Throughput, Size: size, Batch: batch, Count: 5000})
				}
				measureSealed(t, tr, rig.Params{Kind: rig.RoundTrip, Size: size, Batch: 1, Count: 200})
			}
		})
	}
}

func measureSealed(t *testing.T, tr *rig.Transport, p rig.Params) {
	t.Helper()
	p.Sealed, p.Topology, p.Capacity, p.Backing = true, "spsc", defaultCapacity, "memfd"
	if tr.Waits != nil {
		p.Wait = "futex"
	}
	out, err := rig.Measure(t.Context(), tr, p, nil)
	if err != nil {
		t.Fatalf("%s of %d bytes: %v", p.Kind, p.Size, err)
	}
	if out.Messages != p.Count || (out.Latency != nil) != (p.Kind == rig.RoundTrip) {
		t.Errorf("%s of %d bytes: %+v", p.Kind, p.Size, out)
	}
}
