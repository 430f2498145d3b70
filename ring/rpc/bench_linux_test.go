package rpc_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"annulus/ring"
	"annulus/ring/rpc"
)

// BenchmarkRoundTrip runs a call and the bare round trip of two rings in turn, in blocks,
// and reports the medians of the blocks and their ratio. 64 bytes there and back; whoever waits spins
// for a while and then sleeps, so that the one that is not measured is out of the way.
func BenchmarkRoundTrip(b *testing.B) {
	name, _ := serve(b, rpc.Config{}, func(s *rpc.Server) {
		s.Handle("same", func(_ context.Context, dst, req []byte) ([]byte, error) { return append(dst, req...), nil })
	})
	c, err := rpc.Dial(name)
	must(b, err)
	defer c.Close()
	bare := newBare(b)
	ctx, req := context.Background(), make([]byte, 64)
	var buf []byte
	call := func() error {
		buf, err = c.Call(ctx, "same", buf[:0], req)
		return err
	}
	const block = 2000
	var calls, trips []time.Duration
	for b.Loop() {
		for _, k := range []struct {
			f   func() error
			all *[]time.Duration
		}{{call, &calls}, {bare, &trips}} {
			begun := time.Now()
			for range block {
				if err := k.f(); err != nil {
					b.Fatal(err)
				}
			}
			*k.all = append(*k.all, time.Since(begun)/block)
		}
	}
	x, y := median(calls), median(trips)
	b.ReportMetric(float64(x), "ns/call")
	b.ReportMetric(float64(y), "ns/trip")
	b.ReportMetric(float64(x)/float64(y), "ratio")
}

// A call allocates nothing on either side, where the caller has room for the reply.
func TestCallAllocates(t *testing.T) {
	name, _ := serve(t, rpc.Config{}, func(s *rpc.Server) {
		s.Handle("same", func(_ context.Context, dst, req []byte) ([]byte, error) { return append(dst, req...), nil })
	})
	c := client(t, name)
	var req, buf [64]byte
	var err error
	least := 1.0
	for range 1000 { // the count is of all goroutines, and some look around now and then
		n := testing.AllocsPerRun(5, func() {
			if _, cerr := c.Call(context.Background(), "same", buf[:0], req[:]); cerr != nil {
				err = cerr
			}
		})
		must(t, err)
		if least = min(least, n); least == 0 {
			return
		}
	}
	t.Errorf("%v allocations", least)
}

// newBare returns what makes one round trip through two rings to a goroutine.
func newBare(b *testing.B) func() error {
	there, err := ring.CreateMemfd("there", ring.Config{})
	must(b, err)
	back, err := ring.CreateMemfd("back", ring.Config{})
	must(b, err)
	p, err := there.Producer()
	must(b, err)
	c, err := back.Consumer()
	must(b, err)
	far, err := there.Consumer()
	must(b, err)
	home, err := back.Producer()
	must(b, err)
	done := make(chan error, 1)
	ctx := context.Background()
	go func() {
		var buf []byte
		for {
			var err error
			if buf, err = far.Recv(ctx, buf[:0]); err != nil {
				done <- nil
				return
			}
			if err := home.Send(ctx, buf); err != nil {
				done <- err
				return
			}
		}
	}()
	b.Cleanup(func() {
		if err := errors.Join(p.Close(), <-done, far.Close(), home.Close(), c.Close(), there.Close(), back.Close()); err != nil {
			b.Error(err)
		}
	})
	req := make([]byte, 64)
	var buf []byte
	return func() error {
		if err := p.Send(ctx, req); err != nil {
			return err
		}
		var err error
		buf, err = c.Recv(ctx, buf[:0])
		return err
	}
}

func median(all []time.Duration) time.Duration {
	for i := range all { // few
		for j := i; j > 0 && all[j] < all[j-1]; j-- {
			all[j], all[j-1] = all[j-1], all[j]
		}
	}
	return all[len(all)/2]
}
