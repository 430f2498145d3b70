package ring_test

import (
	"fmt"
	"runtime"
	"sync"
	"testing"

	"annulus/futex"
	"annulus/ring"
)

// BenchmarkManyToOne passes messages of 64 bytes from some producers to one consumer, in
// one order: by records, and beside it by slots that hold a length, of an MPMC ring.
func BenchmarkManyToOne(b *testing.B) {
	for _, producers := range []int{1, 2, 4} {
		for _, c := range []ring.Config{
			{Topology: ring.MPSCOrdered, Capacity: 1 << 19},
			{Topology: ring.MPMC, Capacity: 1 << 12, SlotSize: 64},
		} {
			b.Run(fmt.Sprintf("%v/%d", c.Topology, producers), func(b *testing.B) {
				r, err := ring.New(c)
				must(b, err)
				var wg sync.WaitGroup
				for i := range producers {
					p, err := r.Producer(ring.WithStrategy(futex.Yield()))
					must(b, err)
					n := b.N / producers
					if i == 0 {
						n += b.N % producers
					}
					wg.Go(func() {
						runtime.LockOSThread()
						msg := make([]byte, 64)
						for range n {
							if err := p.Send(b.Context(), msg); err != nil {
								b.Error(err)
							}
						}
					})
				}
				q, err := r.Consumer(ring.WithStrategy(futex.Yield()))
				must(b, err)
				buf := make([]byte, 0, 64)
				b.ReportAllocs()
				for range b.N {
					if _, err := q.Recv(b.Context(), buf); err != nil {
						b.Fatal(err)
					}
				}
				b.StopTimer()
				wg.Wait()
				must(b, r.Close())
			})
		}
	}
}
