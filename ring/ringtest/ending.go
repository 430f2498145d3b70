package ringtest

import (
	"context"
	"errors"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"annulus/futex"
	"annulus/ring"
)

func testEnd(t *testing.T, f Factory) {
	p, c := f.pair(t, ring.Config{})
	must(t, p.TrySend([]byte("last")))
	must(t, p.Close())
	if err := p.Close(); !errors.Is(err, ring.ErrClosed) {
		t.Fatalf("second close: %v, want ErrClosed", err)
	}
	if err := p.TrySend(nil); !errors.Is(err, ring.ErrClosed) {
		t.Fatalf("send after close: %v, want ErrClosed", err)
	}
	if _, err := p.TryReserve(1); !errors.Is(err, ring.ErrClosed) {
		t.Fatalf("reserve after close: %v, want ErrClosed", err)
	}
	if b, err := c.Recv(t.Context(), nil); err != nil || string(b) != "last" {
		t.Fatalf("%q %v", b, err)
	}
	for range 2 {
		if _, err := c.Recv(t.Context(), nil); err != io.EOF {
			t.Fatalf("%v, want EOF", err)
		}
	}
	must(t, c.Close())
	if _, err := c.TryPeek(); !errors.Is(err, ring.ErrClosed) {
		t.Fatalf("peek after close: %v, want ErrClosed", err)
	}
	if err := c.Release(); !errors.Is(err, ring.ErrClosed) {
		t.Fatalf("release after close: %v, want ErrClosed", err)
	}
}

// testEndBlocked ends a wait by the other side's close.
func testEndBlocked(t *testing.T, f Factory) {
	p, c := f.pair(t, ring.Config{})
	errs := make(chan error)
	go func() {
		_, err := c.Recv(context.Background(), nil)
		errs <- err
	}()
	waitBegun(t, f, c.Waiting)
	must(t, p.Close())
	if err := <-errs; err != io.EOF {
		t.Fatalf("%v, want EOF", err)
	}
}

func testConsumerClose(t *testing.T, f Factory) {
	p, c := f.pair(t, f.few())
	fill(t, p)
	errs := make(chan error)
	go func() { errs <- p.Send(context.Background(), message(2, 8)) }()
	waitBegun(t, f, p.Waiting)
	must(t, c.Close())
	if err := <-errs; !errors.Is(err, ring.ErrClosed) {
		t.Fatalf("blocked send: %v, want ErrClosed", err)
	}
	if err := p.TrySend(message(2, 8)); !errors.Is(err, ring.ErrClosed) {
		t.Fatalf("send: %v, want ErrClosed", err)
	}
}

// testFinish asks the producer to stop and drains.
func testFinish(t *testing.T, f Factory) {
	p, c := f.pair(t, ring.Config{})
	must(t, p.TrySend([]byte("one")))
	must(t, c.Finish())
	if err := p.TrySend([]byte("two")); !errors.Is(err, ring.ErrClosed) {
		t.Fatalf("%v, want ErrClosed", err)
	}
	if b, err := c.Recv(t.Context(), nil); err != nil || string(b) != "one" {
		t.Fatalf("%q %v", b, err)
	}
	// The producer never closes: an idle one must not hold the consumer, who
	// looks at the clock between two sleeps.
	if f.Strategy.FirstSlice > futex.DefaultSlice {
		return
	}
	if _, err := c.Recv(t.Context(), nil); err != io.EOF {
		t.Fatalf("%v, want EOF", err)
	}
}

func testRoles(t *testing.T, f Factory) {
	a, b := f.make(t, ring.Config{})
	p, err := a.Producer()
	must(t, err)
	c, err := b.Consumer()
	must(t, err)
	places := max(a.Config().Members, 1)
	if f.Topology == ring.MPSCOrdered {
		places-- // the consumer has one
	}
	for range places - 1 {
		more, err := b.Producer()
		must(t, err)
		defer more.Close()
	}
	for _, r := range []*ring.Ring{a, b} {
		if _, err := r.Producer(); !errors.Is(err, ring.ErrAttached) && !(f.Apart && r == b) {
			t.Fatalf("one producer more: %v, want ErrAttached", err)
		}
		if _, err := r.Consumer(); !errors.Is(err, ring.ErrAttached) && !(f.Apart && r == a) {
			t.Fatalf("second consumer: %v, want ErrAttached", err)
		}
	}
	must(t, p.Close())
	must(t, c.Close())
	if f.Apart {
		b = a
	}
	p, err = b.Producer()
	must(t, err)
	must(t, p.Close())
}

// testSessions lets one producer after the other use a ring, and either side
// start first.
func testSessions(t *testing.T, f Factory) {
	a, b := f.make(t, ring.Config{Capacity: 4096})
	for i := range 20 {
		var c *ring.Consumer
		var err error
		if i%2 == 0 {
			c, err = b.Consumer(ring.WithStrategy(f.Strategy))
			must(t, err)
			if _, err := c.TryRecv(nil); err != ring.ErrEmpty {
				t.Fatalf("session %d: %v before there is a producer, want ErrEmpty", i, err)
			}
		}
		p, err := a.Producer(ring.WithStrategy(f.Strategy))
		must(t, err)
		must(t, p.TrySend(message(i, 500)))
		must(t, p.Close())
		if i%2 == 1 {
			c, err = b.Consumer(ring.WithStrategy(f.Strategy))
			must(t, err)
		}
		if got, err := c.Recv(t.Context(), nil); err != nil || string(got) != string(message(i, 500)) {
			t.Fatalf("session %d: %d bytes, %v", i, len(got), err)
		}
		if _, err := c.Recv(t.Context(), nil); err != io.EOF {
			t.Fatalf("session %d: %v, want EOF", i, err)
		}
		must(t, c.Close())
	}
}

func testCancel(t *testing.T, f Factory) {
	p, c := f.pair(t, f.few())
	ctx, cancel := context.WithCancel(t.Context())
	errs := make(chan error)
	go func() {
		_, err := c.Recv(ctx, nil)
		errs <- err
	}()
	waitBegun(t, f, c.Waiting)
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Fatalf("recv: %v, want Canceled", err)
	}
	fill(t, p)
	ctx, cancel = context.WithCancel(t.Context())
	go func() { errs <- p.Send(ctx, message(2, 8)) }()
	waitBegun(t, f, p.Waiting)
	cancel()
	if err := <-errs; !errors.Is(err, context.Canceled) {
		t.Fatalf("send: %v, want Canceled", err)
	}
	// Both go on working.
	b, err := c.Recv(t.Context(), nil)
	must(t, err)
	must(t, p.Send(t.Context(), message(2, 8)))
	if string(b) != string(message(0, 8)) {
		t.Fatalf("%x", b)
	}
}

func testDeadline(t *testing.T, f Factory) {
	p, c := f.pair(t, ring.Config{})
	must(t, c.SetDeadline(time.Now().Add(-time.Second)))
	if _, err := c.Recv(t.Context(), nil); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("past deadline: %v", err)
	}
	must(t, c.SetDeadline(time.Now().Add(20*time.Millisecond)))
	if _, err := c.Recv(t.Context(), nil); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("deadline: %v", err)
	}
	must(t, c.SetDeadline(time.Time{}))
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := c.Recv(ctx, nil); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("context deadline: %v", err)
	}
	// A deadline set while the wait runs ends it.
	errs := make(chan error)
	go func() {
		_, err := c.Recv(context.Background(), nil)
		errs <- err
	}()
	waitBegun(t, f, c.Waiting)
	must(t, c.SetDeadline(time.Now()))
	if err := <-errs; !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("moved deadline: %v", err)
	}
	must(t, p.TrySend([]byte("x")))
	must(t, c.SetDeadline(time.Time{}))
	if b, err := c.Recv(t.Context(), nil); err != nil || string(b) != "x" {
		t.Fatalf("%q %v", b, err)
	}
}

func testCloseWhileBlocked(t *testing.T, f Factory) {
	p, c := f.pair(t, f.few())
	errs := make(chan error)
	go func() {
		_, err := c.Recv(context.Background(), nil)
		errs <- err
	}()
	waitBegun(t, f, c.Waiting)
	must(t, c.Close())
	if err := <-errs; !errors.Is(err, ring.ErrClosed) {
		t.Fatalf("own close: %v, want ErrClosed", err)
	}
	must(t, p.Close())
}

// testCloseWhileBusy closes both ends, and their memory, under goroutines in
// full swing.
func testCloseWhileBusy(t *testing.T, f Factory) {
	for range 20 {
		p, c := f.pair(t, ring.Config{Capacity: 4096})
		sent, errs := make(chan struct{}), make(chan error, 2)
		go func() {
			for i := 0; ; i++ {
				if i == 100 {
					close(sent)
				}
				if err := p.Send(context.Background(), message(i, 64)); err != nil {
					errs <- err
					return
				}
			}
		}()
		go func() {
			for {
				if _, err := c.Recv(context.Background(), nil); err != nil {
					errs <- err
					return
				}
			}
		}()
		<-sent
		must(t, p.Close())
		must(t, c.Close())
		for range 2 {
			if err := <-errs; !errors.Is(err, ring.ErrClosed) && err != io.EOF {
				t.Fatalf("%v, want ErrClosed or EOF", err)
			}
		}
	}
}

// waitBegun returns once the wait that waiting reports has begun.
func waitBegun(t testing.TB, f Factory, waiting func() bool) {
	t.Helper()
	for !waiting() {
		if t.Context().Err() != nil {
			t.Fatal("the wait never began")
		}
		runtime.Gosched()
	}
}
