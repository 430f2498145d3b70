package feed_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"testing"

	"annulus/ring"
	"annulus/ring/feed"
)

// A ring out into a connection: MB/s.
func BenchmarkWriter(b *testing.B) {
	for _, network := range []string{"tcp", "unix"} {
		for _, size := range []int{64, 1024, 16 << 10} {
			for _, c := range []ring.Config{{Capacity: 1 << 20}, {Capacity: 64 << 10}, {Topology: ring.MPMC, Kind: ring.Slots, Capacity: 1024, SlotSize: max(size, 1024)}} {
				for name, opts := range map[string][]feed.Option{"": nil, "/unacknowledged": {feed.WithoutAcknowledgement()}} {
					if opts != nil && c.Topology != ring.MPMC {
						continue
					}
					b.Run(fmt.Sprintf("%s/%v/%dKiB/%d%s", network, c.Topology, c.Capacity>>10, size, name), func(b *testing.B) {
						p, k := heapRing(b, c)
						l := listen(b, network)
						conn := dial(b, l)
						peer, err := l.Accept()
						must(b, err)
						got := make(chan int64, 1)
						go func() {
							n, _ := io.Copy(struct{ io.Writer }{io.Discard}, struct{ io.Reader }{peer})
							got <- n
						}()
						done := make(chan error, 1)
						pump := feed.OutOf(k, feed.Writer(conn, feed.Length()), opts...)
						go func() { done <- pump.Run(context.Background()) }()
						msg := bytes.Repeat([]byte("x"), size)
						b.SetBytes(int64(size))
						for b.Loop() {
							must(b, p.Send(context.Background(), msg))
						}
						must(b, p.Close())
						must(b, <-done)
						if n := <-got; n != int64(b.N)*int64(size+4) {
							b.Errorf("%d bytes of %d messages", n, b.N)
						}
						peer.Close()
						l.Close()
					})
				}
			}
		}
	}
}
