//go:build linux

package feed_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
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

// The same with a sender at work: what arrives of what one that sends without end sends.
func BenchmarkUDPLive(b *testing.B) {
	for _, size := range []int{64, 1024} {
		for _, how := range []string{"loop", "feed"} {
			b.Run(fmt.Sprintf("size=%d/%s", size, how), func(b *testing.B) { benchmarkUDPLive(b, size, how == "feed") })
		}
	}
}

func benchmarkUDPLive(b *testing.B, size int, batched bool) {
	to, from := udpPair(b, "udp4")
	must(b, to.SetReadBuffer(4<<20))
	p, k := heapRing(b, ring.Config{Capacity: 4 << 20})
	source, err := feed.DatagramsFrom(to, feed.Datagrams{})
	must(b, err)
	pump := feed.Into(p, source)
	done := make(chan error, 1)
	go func() {
		if batched {
			done <- pump.Run(context.Background())
		} else {
			done <- readFrom(to, p, make([]byte, 65536), 1<<62)
		}
	}()
	gone := make(chan error, 1)
	go func() { gone <- feed.Floods(from, size) }()
	b.SetBytes(int64(size))
	b.ResetTimer()
	for range b.N {
		_, err := k.Recv(context.Background(), nil)
		must(b, err)
	}
	b.StopTimer()
	must(b, from.Close())
	<-gone
	to.SetReadDeadline(time.Unix(1, 0))
	must(b, pump.Finish())
	must(b, k.Finish())
	if err := <-done; err != nil && !errors.Is(err, os.ErrDeadlineExceeded) && !errors.Is(err, ring.ErrClosed) {
		b.Fatal(err)
	}
}
