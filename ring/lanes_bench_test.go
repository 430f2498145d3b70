package ring_test

import (
	"fmt"
	"testing"

	"annulus/ring"
)

// BenchmarkLanes is what lanes cost the consumer: a look at a ring with nothing in any
// lane, a message in one of them at a time, and many in all.
func BenchmarkLanes(b *testing.B) {
	for _, lanes := range []int{1, 8, 64} {
		r, ps := lanesOn(b, ring.Config{Capacity: 1 << 16}, lanes)
		c, err := r.Consumer()
		must(b, err)
		msg, buf := make([]byte, 8), make([]byte, 0, 8)
		b.Run(fmt.Sprintf("idle/%d", lanes), func(b *testing.B) {
			for b.Loop() {
				if _, err := c.TryRecv(buf); err != ring.ErrEmpty {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("one/%d", lanes), func(b *testing.B) {
			for i := 0; b.Loop(); i++ {
				if err := ps[i*7%lanes].TrySend(msg); err != nil {
					b.Fatal(err)
				}
				if _, err := c.TryRecv(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("burst/%d", lanes), func(b *testing.B) {
			const each = 1024
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				if i%(each*lanes) == 0 {
					b.StopTimer()
					for range each {
						for _, p := range ps {
							if err := p.TrySend(msg); err != nil {
								b.Fatal(err)
							}
						}
					}
					b.StartTimer()
				}
				if _, err := c.TryRecv(buf); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			for _, err := c.TryRecv(buf); err == nil; _, err = c.TryRecv(buf) {
			}
		})
	}
}
