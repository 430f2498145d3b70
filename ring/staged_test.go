package ring_test

import (
	"errors"
	"io"
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
)

// A producer that dies with a batch half staged must not have stored a position
// beyond what it has published: its successor would leave a hole that the
// consumer never gets over.
func TestStagedIsNotCommitted(t *testing.T) {
	for _, cfg := range []ring.Config{{Capacity: 4096}, {Kind: ring.Slots, Capacity: 64, SlotSize: 40}} {
		r, err := ring.New(cfg)
		must(t, err)
		closing(t, r)
		b := r.Region().Bytes()
		g, _, err := layout.Decode(b, uint64(len(b)))
		must(t, err)
		p, err := r.Producer()
		must(t, err)
		c, err := r.Consumer()
		must(t, err)
		for round := range 200 {
			before, err := r.Stats()
			must(t, err)
			for range 2 + round%37 {
				_, err := p.TryReserve(40)
				must(t, err)
				must(t, p.Stage(40))
				tail := layout.CursorAt(b, g.ProducerArea).Position
				if int64(tail-before.Tail) > 0 && tail != g.Capacity*(tail/g.Capacity) {
					t.Fatalf("%v round %d: stored position %d, committed is %d", cfg.Kind, round, tail, before.Tail)
				}
			}
			if round%2 == 0 {
				must(t, p.Publish())
			} else { // dies instead
				must(t, p.Close())
				if p, err = r.Producer(); err != nil {
					t.Fatal(err)
				}
				must(t, p.TrySend(make([]byte, 40)))
			}
			n := 0
			for ; ; n++ {
				if _, err := c.TryRecv(nil); err != nil {
					break
				}
			}
			if want := 2 + round%37; round%2 == 0 && n != want || round%2 == 1 && n != 1 {
				t.Fatalf("%v round %d: received %d", cfg.Kind, round, n)
			}
		}
	}
}

// A close that a producer meets while it publishes is not forgotten.
func TestCloseSeenWhilePublishing(t *testing.T) {
	r, err := ring.New(ring.Config{})
	must(t, err)
	closing(t, r)
	p, err := r.Producer()
	must(t, err)
	c, err := r.Consumer()
	must(t, err)
	_, err = p.TryReserve(8)
	must(t, err)
	must(t, c.Finish())
	must(t, p.Commit(8))
	if err := p.TrySend(nil); !errors.Is(err, ring.ErrClosed) {
		t.Fatalf("%v, want ErrClosed", err)
	}
	must(t, p.Close())
	// Nor by the next producer, as long as that consumer lives.
	p, err = r.Producer()
	must(t, err)
	if _, err := p.TryReserve(8); !errors.Is(err, ring.ErrClosed) {
		t.Fatalf("%v, want ErrClosed", err)
	}
}

// The end is the end of a session: another producer may follow, and its
// messages, and its end.
func TestEndOfEachSession(t *testing.T) {
	r, err := ring.New(ring.Config{})
	must(t, err)
	closing(t, r)
	c, err := r.Consumer()
	must(t, err)
	for range 3 {
		p, err := r.Producer()
		must(t, err)
		if _, err := c.TryRecv(nil); err != ring.ErrEmpty {
			t.Fatalf("%v, want ErrEmpty", err)
		}
		must(t, p.TrySend([]byte("x")))
		must(t, p.Close())
		if _, err := c.TryRecv(nil); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if _, err := c.TryRecv(nil); err != io.EOF {
				t.Fatalf("%v, want EOF", err)
			}
		}
	}
}

// Whoever releases after the end has been seen has delivered it too.
func TestEndSeenBeforeRelease(t *testing.T) {
	r, err := ring.New(ring.Config{})
	must(t, err)
	closing(t, r)
	p, err := r.Producer()
	must(t, err)
	must(t, p.TrySend([]byte("x")))
	must(t, p.Close())
	c, err := r.Consumer()
	must(t, err)
	_, err = c.TryPeek()
	must(t, err)
	if _, err := c.TryPeek(); err != io.EOF {
		t.Fatalf("%v, want EOF", err)
	}
	must(t, c.Release())
	must(t, c.Close())
	c, err = r.Consumer()
	must(t, err)
	if _, err := c.TryRecv(nil); err != ring.ErrEmpty {
		t.Fatalf("the next consumer: %v, want ErrEmpty: that end was delivered", err)
	}
}
