//go:build linux

package feed_test

import (
	"context"
	"fmt"
	"net"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"annulus/ring"
	"annulus/ring/feed"
)

// How long it takes to get datagrams that lie in a socket into a ring: by a plain ReadFrom
// loop, and by the source, in turn. They are sent outside the time that is taken, as many as
// the socket holds. docs/benchmarks/feed.md has the command.
func BenchmarkUDP(b *testing.B) {
	for _, size := range []int{64, 1024} {
		b.Run(fmt.Sprintf("size=%d", size), func(b *testing.B) { benchmarkUDP(b, size) })
	}
}

func benchmarkUDP(b *testing.B, size int) {
	const round = 1000
	to, from := udpPair(b, "udp4")
	must(b, to.SetReadBuffer(4<<20))
	p, k := heapRing(b, ring.Config{Capacity: 4 << 20})
	source, err := feed.DatagramsFrom(to, feed.Datagrams{})
	must(b, err)
	buf, dst := make([]byte, 65536), make([]byte, size)
	ways := [2]func() error{
		func() error { return readFrom(to, p, buf, round) },
		func() error { return feed.FillTimes(p, source, round) },
	}
	var spent [2]time.Duration
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	n := 0
	for i := 0; b.Loop(); i++ {
		for range round {
			_, err := from.Write(dst)
			must(b, err)
		}
		begin := threadTime(b)
		err := ways[i%2]()
		if i >= 4 { // the memory is there
			spent[i%2] += threadTime(b) - begin
			n++
		}
		must(b, err)
		for range round {
			if _, err := k.TryRecv(dst); err != nil {
				b.Fatal(err)
			}
		}
	}
	loop, batch := spent[0]/time.Duration(max(n/2, 1)), spent[1]/time.Duration(max(n/2, 1))
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(loop)/round, "loop-ns")
	b.ReportMetric(float64(batch)/round, "feed-ns")
	b.ReportMetric(float64(loop)/float64(batch), "ratio")
}

// threadTime is the processor's time that this thread has had: what others do on the machine is
// not in it.
func threadTime(b *testing.B) time.Duration {
	var t unix.Timespec
	must(b, unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t))
	return time.Duration(t.Nano())
}

func readFrom(c *net.UDPConn, p *ring.Producer, buf []byte, n int) error {
	for range n {
		k, _, err := c.ReadFrom(buf)
		if err == nil {
			err = p.Send(context.Background(), buf[:k])
		}
		if err != nil {
			return err
		}
	}
	return nil
}
