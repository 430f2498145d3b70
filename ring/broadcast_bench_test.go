package ring_test

import (
	"fmt"
	"testing"

	"annulus/ring"
)

// BenchmarkBroadcastSend sends 64 bytes with that many consumers attached, who are
// idle: they share nothing with the producer.
func BenchmarkBroadcastSend(b *testing.B) {
	for _, readers := range []int{0, 10} {
		b.Run(fmt.Sprint(readers), func(b *testing.B) {
			r, err := ring.New(ring.Config{Topology: ring.Broadcast, Capacity: 1 << 16})
			must(b, err)
			closing(b, r)
			p, err := r.Producer()
			must(b, err)
			for range readers {
				_, err := r.Consumer()
				must(b, err)
			}
			m := make([]byte, 64)
			for b.Loop() {
				if err := p.TrySend(m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkBroadcastRecv receives what was just sent.
func BenchmarkBroadcastRecv(b *testing.B) {
	r, err := ring.New(ring.Config{Topology: ring.Broadcast, Capacity: 1 << 16})
	must(b, err)
	closing(b, r)
	p, err := r.Producer()
	must(b, err)
	c, err := r.Consumer()
	must(b, err)
	m, buf := make([]byte, 64), make([]byte, 0, 64)
	for b.Loop() {
		if err := p.TrySend(m); err != nil {
			b.Fatal(err)
		}
		if _, err := c.TryRecv(buf); err != nil {
			b.Fatal(err)
		}
	}
}
