package ring_test

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"testing"

	"annulus/ring"
)

func castRing(t testing.TB, o ring.Overrun) *ring.Ring {
	t.Helper()
	r, err := ring.New(ring.Config{Topology: ring.Broadcast, Capacity: 4096, Overrun: o})
	must(t, err)
	closing(t, r)
	return r
}

// Every consumer receives every message, the end of the session included.
func TestBroadcast(t *testing.T) {
	for _, o := range []ring.Overrun{ring.OverrunOverwrite, ring.OverrunBlock, ring.OverrunDrop} {
		t.Run(o.String(), func(t *testing.T) {
			r := castRing(t, o)
			p, err := r.Producer()
			must(t, err)
			var cs []*ring.Consumer
			for range 3 {
				c, err := r.Consumer()
				must(t, err)
				cs = append(cs, c)
			}
			for n := range uint64(1000) {
				must(t, p.TrySend(payload(n)))
				for i, c := range cs {
					m, err := c.TryRecv(nil)
					must(t, err)
					if err := checkPayload(m, n); err != nil {
						t.Fatalf("consumer %d: %v", i, err)
					}
				}
			}
			must(t, p.Close())
			for _, c := range cs {
				if _, err := c.TryRecv(nil); err != io.EOF {
					t.Fatalf("%v, want EOF", err)
				}
			}
		})
	}
}

// A consumer that is too slow learns how many messages it lost, to the message.
func TestBroadcastOverrunIsCounted(t *testing.T) {
	r := castRing(t, ring.OverrunOverwrite)
	p, err := r.Producer()
	must(t, err)
	c, err := r.Consumer()
	must(t, err)
	next := uint64(0)
	for round := range uint64(300) {
		sent := next + round
		for n := next; n < sent; n++ {
			must(t, p.TrySend(payload(n)))
		}
		for {
			m, err := c.TryRecv(nil)
			if err == ring.ErrEmpty {
				break
			}
			var over *ring.OverrunError
			if errors.As(err, &over) {
				next += over.Lost
				continue
			}
			must(t, err)
			if err := checkPayload(m, next); err != nil {
				t.Fatal(err)
			}
			next++
		}
		if next != sent {
			t.Fatalf("received or lost %d of %d", next, sent)
		}
	}
	if c.Lost() == 0 || c.Lost() >= next {
		t.Errorf("%d of %d lost", c.Lost(), next)
	}
}

// Producer and consumers at full speed: nothing torn, invented, doubled or
// out of order, lost only what is reported.
func TestBroadcastStream(t *testing.T) {
	const messages, readers = 20000, 3
	for _, o := range []ring.Overrun{ring.OverrunOverwrite, ring.OverrunBlock, ring.OverrunDrop} {
		t.Run(o.String(), func(t *testing.T) {
			r := castRing(t, o)
			p, err := r.Producer()
			must(t, err)
			var wg sync.WaitGroup
			var got [readers]uint64
			for i := range readers {
				c, err := r.Consumer()
				must(t, err)
				wg.Go(func() {
					next, lost := uint64(0), uint64(0)
					see := func(m []byte) {
						n := binary.LittleEndian.Uint64(m)
						if n < next || o == ring.OverrunBlock && n != next {
							t.Errorf("consumer %d: message %d, expected %d", i, n, next)
						}
						if err := checkPayload(m, n); err != nil {
							t.Errorf("consumer %d: %v", i, err)
						}
						if o == ring.OverrunOverwrite && n != got[i]+lost {
							t.Errorf("consumer %d: message %d behind %d received and %d lost", i, n, got[i], lost)
						}
						next = n + 1
						got[i]++
					}
					for m, err := range c.All(t.Context()) {
						var over *ring.OverrunError
						if errors.As(err, &over) && o == ring.OverrunOverwrite {
							lost += over.Lost
							continue
						}
						if err != nil {
							t.Errorf("consumer %d: %v", i, err)
							return
						}
						see(m)
					}
					if lost != c.Lost() {
						t.Errorf("consumer %d: %d lost by its errors, %d by Lost", i, lost, c.Lost())
					}
					got[i] += lost
				})
			}
			for n := range uint64(messages) {
				must(t, p.Send(t.Context(), payload(n)))
			}
			must(t, p.Close())
			wg.Wait()
			for i, n := range got {
				if n+p.Dropped() != messages {
					t.Errorf("consumer %d: %d received or lost, %d dropped, %d sent", i, n, p.Dropped(), messages)
				}
			}
		})
	}
}

// What is peeked is a copy that outlives what it was copied from; an overrun found behind
// it is the next call's answer.
func TestBroadcastPeekedIsACopy(t *testing.T) {
	r := castRing(t, ring.OverrunOverwrite)
	p, err := r.Producer()
	must(t, err)
	c, err := r.Consumer()
	must(t, err)
	for n := range uint64(5) {
		must(t, p.TrySend(payload(n)))
	}
	views := make([][]byte, 3)
	if n, err := c.TryPeekBatch(views); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	for n := range uint64(1000) {
		must(t, p.TrySend(payload(n+5)))
	}
	for n, m := range views {
		must(t, checkPayload(m, uint64(n)))
	}
	must(t, c.Release())
	_, err = c.TryPeek()
	var over *ring.OverrunError
	if !errors.As(err, &over) || over.Lost != 1001 {
		t.Fatalf("%v, want an overrun of 1001 messages", err)
	}
	m, err := c.TryRecv(nil)
	must(t, err)
	must(t, checkPayload(m, 1004))
}

// A consumer that finishes or closes is no concern of the producer's.
func TestBroadcastConsumerEnds(t *testing.T) {
	for _, o := range []ring.Overrun{ring.OverrunOverwrite, ring.OverrunBlock} {
		r := castRing(t, o)
		p, err := r.Producer()
		must(t, err)
		c, err := r.Consumer()
		must(t, err)
		must(t, p.TrySend(payload(0)))
		must(t, c.Finish())
		must(t, p.TrySend(payload(1)))
		m, err := c.TryRecv(nil)
		must(t, err)
		must(t, checkPayload(m, 0))
		if _, err := c.TryRecv(nil); err != io.EOF {
			t.Errorf("%v: %v behind what was committed at Finish, want EOF", o, err)
		}
		must(t, c.Close())
		must(t, p.TrySend(payload(2)))
		last, err := r.Consumer(ring.WithBacklog())
		must(t, err)
		want := map[ring.Overrun]uint64{ring.OverrunOverwrite: 0, ring.OverrunBlock: 2}[o]
		m, err = last.TryRecv(nil)
		must(t, err)
		must(t, checkPayload(m, want))
	}
}

// An empty message is peeked behind one that has used up the private copies' room: its bytes are
// none, and point nowhere else (checkptr finds that out, which comes with -race).
func TestBroadcastPeekEmpty(t *testing.T) {
	r, err := ring.New(ring.Config{Topology: ring.Broadcast})
	must(t, err)
	closing(t, r)
	p, err := r.Producer()
	must(t, err)
	c, err := r.Consumer()
	must(t, err)
	for size := range 70 {
		must(t, p.TrySend(nil))
		must(t, p.TrySend(make([]byte, size)))
		must(t, p.TrySend(nil))
		for _, want := range []int{0, size, 0} {
			b, err := c.TryPeek()
			if err != nil || len(b) != want {
				t.Fatalf("%d bytes, %v, want %d", len(b), err, want)
			}
		}
		must(t, c.Release())
	}
}
