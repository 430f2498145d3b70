package feed_test

import (
	"context"
	"io"
	"net"
	"sync/atomic"
	"testing"

	"annulus/internal/race"
	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// A producer that laps the pump over and over, at any moment of it, costs messages and is no end.
func TestOverrunIsNoEnd(t *testing.T) {
	rounds, n := 20, 100_000
	if race.Enabled { // the detector makes each lap slow
		rounds, n = 2, 10_000
	}
	for range rounds {
		p, k := heapRing(t, ring.Config{Capacity: 4096, Topology: ring.Broadcast})
		var told atomic.Uint64
		pump := feed.OutOf(k, feed.Writer(io.Discard, feed.Length()), feed.OnOverrun(func(e *ring.OverrunError) error { told.Add(e.Lost); return nil }))
		done := aside(context.Background(), pump)
		msg := make([]byte, 500)
		for range n {
			must(t, p.TrySend(msg))
		}
		must(t, p.Close())
		must(t, <-done)
		if s := pump.Stats(); s.Messages+s.Lost != uint64(n) || s.Lost != told.Load() {
			t.Errorf("%+v, told of %d lost, sent %d", s, told.Load(), n)
		}
	}
}

// A session whose end waits for a slow peer ends although the next one overruns the ring meanwhile.
func TestOverrunBehindTheEnd(t *testing.T) {
	p, k := heapRing(t, ring.Config{Capacity: 4096, Topology: ring.Broadcast})
	l, err := net.Listen("unix", t.TempDir()+"/s")
	must(t, err)
	defer l.Close()
	out, err := net.Dial("unix", l.Addr().String())
	must(t, err)
	in, err := l.Accept()
	must(t, err)
	defer in.Close()
	pump := feed.OutOf(k, feed.Writer(out, feed.Lines()))
	done := aside(context.Background(), pump)
	must(t, p.Send(t.Context(), []byte("one")))
	must(t, p.Close())
	testutil.Eventually(t, "it is written", func() bool { return pump.Stats().Batches == 1 })
	p, err = k.Ring().Producer()
	must(t, err)
	for range 100 {
		must(t, p.TrySend(make([]byte, 500)))
	}
	must(t, p.Close())
	if _, err := io.Copy(io.Discard, in); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}
