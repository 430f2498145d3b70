package ring_test

import (
	"context"
	"testing"

	"annulus/futex"
	"annulus/internal/race"
	"annulus/ring"
)

// The calls of a busy ring allocate nothing, and wake nobody who is awake.
func TestNoAllocationNoWake(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for _, cfg := range []ring.Config{{}, {Kind: ring.Slots, Capacity: 64, SlotSize: 64}} {
		r, err := ring.New(cfg)
		must(t, err)
		closing(t, r)
		p, err := r.Producer()
		must(t, err)
		c, err := r.Consumer()
		must(t, err)
		msg, buf := make([]byte, 64), make([]byte, 64)
		batch, views := [][]byte{msg, msg, msg}, make([][]byte, 3)
		n := testing.AllocsPerRun(1000, func() {
			must(t, p.TrySend(msg))
			must(t, p.Send(ctx, msg))
			b, err := p.TryReserve(64)
			must(t, err)
			copy(b, msg)
			must(t, p.Commit(64))
			_, err = p.TrySendBatch(batch)
			must(t, err)
			_, err = c.TryRecv(buf[:0])
			must(t, err)
			_, err = c.Recv(ctx, buf[:0])
			must(t, err)
			_, err = c.TryPeek()
			must(t, err)
			must(t, c.Release())
			_, err = c.TryPeekBatch(views)
			must(t, err)
			must(t, c.Release())
			if _, err := c.TryRecv(buf[:0]); err != ring.ErrEmpty {
				t.Fatal(err)
			}
		})
		if n != 0 {
			t.Errorf("%v: %v allocations", cfg.Kind, n)
		}
		if p.Wakes()+c.Wakes() != 0 {
			t.Errorf("%v: %d and %d wakes while nobody sleeps", cfg.Kind, p.Wakes(), c.Wakes())
		}
	}
}

// A wait that sleeps allocates once for its context, not for each sleep; and
// each sleep costs the other side one wake.
func TestSleepsAllocateNothing(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	r, err := ring.New(ring.Config{})
	must(t, err)
	closing(t, r)
	p, err := r.Producer()
	must(t, err)
	c, err := r.Consumer(ring.WithStrategy(futex.Futex()))
	must(t, err)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	got := make(chan struct{})
	go func() {
		buf := make([]byte, 64)
		for {
			if _, err := c.Recv(ctx, buf[:0]); err != nil {
				close(got)
				return
			}
			got <- struct{}{}
		}
	}()
	one := func() {
		for !c.Waiting() {
		}
		must(t, p.Send(ctx, []byte("x")))
		<-got
	}
	one()
	const rounds = 200
	if n := testing.AllocsPerRun(rounds, one); n > 0 {
		t.Errorf("%v allocations for each sleep", n)
	}
	if p.Wakes() > rounds+2 {
		t.Errorf("%d wakes for %d messages", p.Wakes(), rounds+2)
	}
	cancel()
	<-got
}
