//go:build linux

package ring_test

import (
	"errors"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"annulus/ring"
)

// A claim whose producer was killed before it filled it is skipped: by a consumer
// that waits, by a producer that comes round to the slot, by the next one in the same
// place, or by Recover. What was committed around it arrives.
func TestDeadProducersClaim(t *testing.T) {
	for _, by := range []string{"consumer", "producer", "attach", "recover"} {
		t.Run(by, func(t *testing.T) {
			r, name := shared(t, ring.Config{Topology: ring.MPMC, Capacity: 4, SlotSize: 64, Members: 4})
			p, err := r.Producer()
			must(t, err)
			must(t, p.TrySend([]byte("before")))
			child := start(t, "claim", name)
			child.Expect("begun")
			must(t, p.TrySend([]byte("after")))
			c, err := r.Consumer()
			must(t, err)
			b, err := c.TryRecv(nil)
			must(t, err)
			wantText(t, b, "before")
			if _, err := c.TryRecv(nil); err != ring.ErrEmpty {
				t.Fatalf("past a live producer's claim: %v, want ErrEmpty", err)
			}
			stats(t, r, 0, 1)
			child.Signal(syscall.SIGSTOP) // stopped is not dead
			if rec, err := r.Recover(); err != nil || rec != (ring.Recovery{Claimed: 1}) {
				t.Fatalf("Recover beside a stopped producer: %+v, %v", rec, err)
			}
			child.Kill()
			switch by {
			case "producer": // fills the ring and comes round
				must(t, p.TrySend([]byte("more")))
				must(t, p.Send(t.Context(), []byte("round"))) // "before" is free
				done := make(chan error, 1)
				go func() { done <- p.Send(t.Context(), []byte("again")) }()
				b, err := c.Recv(t.Context(), nil)
				must(t, err)
				wantText(t, b, "after")
				must(t, <-done)
				stats(t, r, 1, 0)
				return
			case "attach":
				next, err := r.Producer()
				must(t, err)
				must(t, next.Close())
				stats(t, r, 1, 0)
			case "recover":
				if rec, err := r.Recover(); err != nil || rec != (ring.Recovery{Skipped: 1}) {
					t.Fatalf("Recover: %+v, %v, want one skipped", rec, err)
				}
				if rec, err := r.Recover(); err != nil || rec != (ring.Recovery{}) {
					t.Fatalf("Recover again: %+v, %v, want nothing", rec, err)
				}
			}
			b, err = c.Recv(t.Context(), nil)
			must(t, err)
			wantText(t, b, "after")
			stats(t, r, 1, 0)
		})
	}
}

// A message in the hands of a consumer that was killed goes to another, which is
// told so, or is dropped, as the ring was created.
func TestDeadConsumersMessage(t *testing.T) {
	for _, redeliver := range []bool{true, false} {
		r, name := shared(t, ring.Config{Topology: ring.MPMC, Capacity: 2, SlotSize: 64, Redeliver: redeliver})
		p, err := r.Producer()
		must(t, err)
		must(t, p.TrySend([]byte("first")))
		must(t, p.TrySend([]byte("second")))
		child := start(t, "hold", name)
		child.Expect("begun")
		c, err := r.Consumer()
		must(t, err)
		b, err := c.TryRecv(nil)
		must(t, err)
		wantText(t, b, "second")
		if c.Redelivered() != 0 {
			t.Error("an ordinary message counts as redelivered")
		}
		if err := p.TrySend([]byte("third")); err != ring.ErrFull {
			t.Fatalf("into a slot in a live consumer's hands: %v, want ErrFull", err)
		}
		child.Kill()
		if redeliver {
			b, err = c.Recv(t.Context(), nil)
			must(t, err)
			wantText(t, b, "first")
			if c.Redelivered() != 1 {
				t.Errorf("redelivered %d times, want 1", c.Redelivered())
			}
		}
		must(t, p.Send(t.Context(), []byte("third")))
		b, err = c.Recv(t.Context(), nil)
		must(t, err)
		wantText(t, b, "third")
		s, err := r.Stats()
		must(t, err)
		if redeliver && s.Consumer.Handed != 1 || !redeliver && s.Consumer.Repaired != 1 {
			t.Errorf("redeliver %v: %d handed on, %d dropped", redeliver, s.Consumer.Handed, s.Consumer.Repaired)
		}
	}
}

// The table of endpoints is full: a clear error at once, and a place again when one
// goes or dies.
func TestTableFull(t *testing.T) {
	r, name := shared(t, ring.Config{Topology: ring.MPMC, Capacity: 4, SlotSize: 8, Members: 2})
	p, err := r.Producer()
	must(t, err)
	child := start(t, "claim", name)
	child.Expect("begun")
	if _, err := r.Consumer(); !errors.Is(err, ring.ErrAttached) || !strings.Contains(err.Error(), "all 2 entries") ||
		!strings.Contains(err.Error(), strconv.Itoa(child.PID())) {
		t.Errorf("a third endpoint: %v, want ErrAttached that says how many there may be, and who", err)
	}
	child.Kill()
	c, err := r.Consumer()
	must(t, err)
	must(t, c.Close())
	must(t, p.Close())
}

// A producer learns from its tag how many messages its predecessors have sent.
func TestTag(t *testing.T) {
	r, err := ring.New(ring.Config{Topology: ring.MPMC, Capacity: 4, SlotSize: 8})
	must(t, err)
	closing(t, r)
	p, err := r.Producer(ring.WithTag(7))
	must(t, err)
	if _, err := r.Producer(ring.WithTag(7)); !errors.Is(err, ring.ErrAttached) {
		t.Errorf("a second endpoint with the tag: %v, want ErrAttached", err)
	}
	for i := range uint64(3) {
		if p.Committed() != i {
			t.Errorf("%d committed, want %d", p.Committed(), i)
		}
		must(t, p.TrySend([]byte("m")))
	}
	q, err := r.Producer()
	must(t, err)
	if q.Committed() != 0 {
		t.Errorf("another producer's count: %d", q.Committed())
	}
	must(t, errors.Join(p.Close(), q.Close()))

	spsc, err := ring.New(ring.Config{})
	must(t, err)
	closing(t, spsc)
	if _, err := spsc.Producer(ring.WithTag(1)); !errors.Is(err, errors.ErrUnsupported) {
		t.Errorf("a tag in an SPSC ring: %v, want ErrUnsupported", err)
	}
	s, err := spsc.Producer()
	must(t, err)
	before := s.Committed()
	must(t, s.TrySend([]byte("m")))
	if s.Committed() <= before {
		t.Errorf("committed %d after a send, %d before", s.Committed(), before)
	}
}

// stats holds the number of skipped claims and of open ones against the ring.
func stats(t *testing.T, r *ring.Ring, repaired uint64, open int) {
	t.Helper()
	s, err := r.Stats()
	must(t, err)
	claims := 0
	for _, m := range s.Members {
		claims += m.Claims
	}
	if s.Producer.Repaired != repaired || claims != open {
		t.Errorf("%d claims settled and %d open, want %d and %d", s.Producer.Repaired, claims, repaired, open)
	}
}
