package ring_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"testing"
	"time"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/ring"
)

// killed is the ring that a kill of everybody at this moment would leave.
func killed(t testing.TB, r *ring.Ring) *ring.Ring {
	t.Helper()
	n, err := ring.New(r.Config())
	must(t, err)
	closing(t, n)
	copy(n.Region().Bytes(), r.Region().Bytes())
	return n
}

// receiveAll drains c and returns how many messages came before which error.
func receiveAll(c *ring.Consumer) (n int, err error) {
	for {
		if _, err = c.TryRecv(nil); err != nil {
			return n, err
		}
		n++
	}
}

// What was staged and never published may not be stepped over by a successor,
// since the consumer would stop before the hole for good, and may not come to
// light behind what the successor puts into the hole.
func TestStagedAndGone(t *testing.T) {
	for _, cfg := range []ring.Config{{Kind: ring.Bytes, Capacity: 4096}, {Kind: ring.Slots, Capacity: 8, SlotSize: 8}, {Kind: ring.Slots, Capacity: 64, SlotSize: 8}} {
		for _, kill := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s-%d/killed=%v", cfg.Kind, cfg.Capacity, kill), func(t *testing.T) {
				r, err := ring.New(cfg)
				must(t, err)
				closing(t, r)
				c, err := r.Consumer()
				must(t, err)
				p, err := r.Producer()
				must(t, err)
				// Not at position 0, so that the batch crosses the end of the ring.
				for range 5 {
					must(t, p.TrySend(make([]byte, 8)))
				}
				receiveAll(c)
				must(t, p.TrySend(make([]byte, 8)))
				n := 400
				if cfg.Kind == ring.Slots {
					n = 8
				}
				for range 6 {
					_, err := p.TryReserve(n)
					must(t, err)
					must(t, p.Stage(n))
				}
				if kill {
					r = killed(t, r)
				} else {
					must(t, p.Close())
					must(t, c.Close())
				}
				p, err = r.Producer()
				must(t, err)
				c, err = r.Consumer()
				must(t, err)
				must(t, p.TrySend(make([]byte, 8)))
				if n, err := receiveAll(c); n != 2 || err != ring.ErrEmpty {
					t.Fatalf("%d messages, then %v; want 2", n, err)
				}
				for range 100 {
					must(t, p.TrySend(make([]byte, 8)))
					if n, err := receiveAll(c); n != 1 || err != ring.ErrEmpty {
						t.Fatalf("%d messages, then %v; want 1", n, err)
					}
				}
			})
		}
	}
}

// A Finish that comes while a reservation is open, or before the producer
// attaches, stops every later way to send.
func TestFinishIsNotOverlooked(t *testing.T) {
	r, err := ring.New(ring.Config{Capacity: 4096})
	must(t, err)
	closing(t, r)
	c, err := r.Consumer()
	must(t, err)
	p, err := r.Producer()
	must(t, err)
	must(t, p.TrySend(make([]byte, 8)))
	_, err = p.TryReserve(8)
	must(t, err)
	must(t, c.Finish())
	// This one was admitted before; either way will do.
	if err := p.Commit(8); err != nil && !errors.Is(err, ring.ErrClosed) {
		t.Fatal(err)
	}
	if err := p.TrySend(make([]byte, 8)); !errors.Is(err, ring.ErrClosed) {
		t.Errorf("send after Finish: %v, want ErrClosed", err)
	}
	must(t, p.Close())
	receiveAll(c)
	p, err = r.Producer()
	must(t, err)
	if _, err := p.TryReserve(8); !errors.Is(err, ring.ErrClosed) {
		t.Errorf("reserve of a producer that attached after Finish: %v, want ErrClosed", err)
	}
}

// Padding that fills a whole lap leads back to itself: no producer writes it.
func TestPaddingOfAWholeLap(t *testing.T) {
	const size = 4096
	r, err := ring.New(ring.Config{Capacity: size})
	must(t, err)
	closing(t, r)
	c, err := r.Consumer()
	must(t, err)
	word := r.Region().Bytes()[geometryOf(t, r).DataArea:]
	binary.LittleEndian.PutUint64(word, layout.RecordCommitted|layout.RecordPad|(size-layout.WordSize))
	done := make(chan error, 1)
	go func() { _, err := c.TryRecv(nil); done <- err }()
	select {
	case err := <-done:
		if !errors.Is(err, ring.ErrCorrupt) {
			t.Errorf("%v, want ErrCorrupt", err)
		}
	case <-time.After(time.Second):
		t.Error("TryRecv goes round and round")
		binary.LittleEndian.PutUint64(word, 0) // let it out
		<-done
	}
}

// A consumer that has seen the end but not released what came before it leaves
// both to the next one.
func TestEndIsLeftWithTheMessages(t *testing.T) {
	r, err := ring.New(ring.Config{Capacity: 4096})
	must(t, err)
	closing(t, r)
	p, err := r.Producer()
	must(t, err)
	for range 3 {
		must(t, p.TrySend(make([]byte, 8)))
	}
	must(t, p.Close())
	c, err := r.Consumer()
	must(t, err)
	if n, err := c.TryPeekBatch(make([][]byte, 10)); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	must(t, c.Close())
	c, err = r.Consumer()
	must(t, err)
	if n, err := receiveAll(c); n != 3 || err != io.EOF {
		t.Errorf("%d messages, then %v; want 3 and io.EOF", n, err)
	}
}

// Close interrupts a sleeper; what it posts is not left in heaps for the next one.
func TestCloseLeavesNoTokens(t *testing.T) {
	r, err := ring.New(ring.Config{Capacity: 4096})
	must(t, err)
	closing(t, r)
	sem, err := futex.SemaphoreAt(r.Region().Bytes()[geometryOf(t, r).SharedArea:])
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
	must(t, err)
	for range 50 {
		c, err := r.Consumer(ring.WithStrategy(futex.Sem()))
		must(t, err)
		done := make(chan error)
		go func() { _, err := c.Recv(t.Context(), nil); done <- err }()
		eventually(t, "the consumer sleeps", func() bool { s, err := r.Stats(); return err == nil && s.Consumer.Asleep })
		must(t, c.Close())
		<-done
		// One interruption, perhaps not needed, and one more for each 60 ms or
		// so that the owner takes to wake up; not one for each look at it.
		if n := sem.Value(); n > 10 {
			t.Fatalf("a close left %d tokens", n)
		}
	}
}

// A deadline too far away for nanoseconds since 1970 has not passed.
func TestDeadlineFarAway(t *testing.T) {
	r, err := ring.New(ring.Config{Capacity: 4096})
	must(t, err)
	closing(t, r)
	c, err := r.Consumer()
	must(t, err)
	must(t, c.SetDeadline(time.Now().Add(math.MaxInt64)))
	done := make(chan error, 1)
	go func() { _, err := c.Recv(t.Context(), nil); done <- err }()
	eventually(t, "the consumer sleeps", func() bool {
		select {
		case err := <-done:
			t.Fatalf("%v, want to wait", err)
		default:
		}
		s, err := r.Stats()
		return err == nil && s.Consumer.Parks > 0
	})
	must(t, c.Close())
	<-done
}
