package ring_test

import (
	"fmt"
	"testing"

	"annulus/ring"
)

// The work of each call without a second processor: bursts into a ring that
// fits into the cache, then out of it.
func BenchmarkCall(b *testing.B) {
	for _, size := range []int{8, 64, 1024} {
		open := func(b *testing.B) (*ring.Producer, *ring.Consumer, []byte) {
			r, err := ring.New(ring.Config{Capacity: 1 << 20})
			must(b, err)
			closing(b, r)
			p, err := r.Producer()
			must(b, err)
			c, err := r.Consumer()
			must(b, err)
			return p, c, make([]byte, size)
		}
		const burst = 128
		b.Run(fmt.Sprintf("send/%d", size), func(b *testing.B) {
			p, c, msg := open(b)
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				if i%burst == 0 {
					b.StopTimer()
					for _, err := c.TryPeek(); err == nil; _, err = c.TryPeek() {
					}
					c.Release()
					b.StartTimer()
				}
				if err := p.TrySend(msg); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("recv/%d", size), func(b *testing.B) {
			p, c, msg := open(b)
			buf := make([]byte, 0, size)
			b.ReportAllocs()
			for i := 0; i < b.N; i++ {
				if i%burst == 0 {
					b.StopTimer()
					for range burst {
						if err := p.TrySend(msg); err != nil {
							b.Fatal(err)
						}
					}
					b.StartTimer()
				}
				if _, err := c.TryRecv(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(fmt.Sprintf("both/%d", size), func(b *testing.B) {
			p, c, msg := open(b)
			buf := make([]byte, 0, size)
			b.ReportAllocs()
			for b.Loop() {
				if err := p.TrySend(msg); err != nil {
					b.Fatal(err)
				}
				if _, err := c.TryRecv(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
