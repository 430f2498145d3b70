package ring_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/futex"
	"annulus/ring"
)

// BenchmarkApart passes messages between two threads, each pinned to a processor, through a ring
// in one memfd, of those who trust each other, and through one in two. Compare medians of
// interleaved runs: -count 9.
func BenchmarkApart(b *testing.B) {
	for _, size := range []int{64, 1024} {
		config := ring.Config{Capacity: 1 << 20}
		for _, c := range []struct {
			name string
			make func(b *testing.B) (p, q *ring.Ring)
		}{
			{"trusted", func(b *testing.B) (p, q *ring.Ring) { return backings["memfd"](b, config) }},
			{"apart", func(b *testing.B) (p, q *ring.Ring) { return strangers(b, ring.AsProducer, config) }},
		} {
			b.Run(fmt.Sprintf("%s/%d", c.name, size), func(b *testing.B) {
				p, q := c.make(b)
				passPinned(b, p, q, size)
			})
		}
	}
}

func passPinned(b *testing.B, pr, cr *ring.Ring, size int) {
	p, err := pr.Producer(ring.WithStrategy(futex.Yield()))
	must(b, err)
	c, err := cr.Consumer(ring.WithStrategy(futex.Yield()))
	must(b, err)
	b.SetBytes(int64(size))
	b.ReportAllocs()
	sent, received := make(chan error, 1), make(chan error, 1)
	b.ResetTimer()
	go func() {
		err := pin(0)
		msg := make([]byte, size)
		for i := 0; i < b.N && err == nil; i++ {
			err = p.Send(b.Context(), msg)
		}
		sent <- err
	}()
	go func() {
		err := pin(1)
		buf := make([]byte, 0, size)
		for i := 0; i < b.N && err == nil; i++ {
			_, err = c.Recv(b.Context(), buf)
		}
		received <- err
	}()
	err = errors.Join(<-sent, <-received)
	b.StopTimer()
	must(b, err)
}

// pin binds the calling goroutine to a thread, which ends with it, and that to the nth
// processor of those that there are.
func pin(n int) error {
	runtime.LockOSThread()
	var all, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return err
	}
	n %= all.Count()
	for cpu := 0; ; cpu++ {
		if !all.IsSet(cpu) {
			continue
		}
		if n == 0 {
			one.Set(cpu)
			return unix.SchedSetaffinity(0, &one)
		}
		n--
	}
}
