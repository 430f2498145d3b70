package ring_test

import (
	"context"
	"encoding/binary"
	"errors"
	"sync"
	"syscall"
	"testing"

	"annulus/ring"
)

// castNamed is a broadcast ring in shared memory that others can open by its name.
func castNamed(t testing.TB, o ring.Overrun, members int) (string, *ring.Ring) {
	t.Helper()
	r, name := shared(t, ring.Config{Topology: ring.Broadcast, Capacity: 4096, Overrun: o, Members: members})
	return name, r
}

func init() {
	roles["cast-hold"] = func(args []string) error { // attaches and receives nothing
		r, err := ring.Open(args[0])
		if err != nil {
			return err
		}
		if _, err := r.Consumer(); err != nil {
			return err
		}
		return killMe()
	}
}

// fill sends until the ring is full and returns how many.
func fill(t *testing.T, p *ring.Producer, first uint64) (n uint64) {
	t.Helper()
	for {
		switch err := p.TrySend(payload(first + n)); err {
		case nil:
			n++
		case ring.ErrFull:
			return n
		default:
			t.Fatal(err)
		}
	}
}

// A consumer that is killed while the producer waits for it is waited for no more.
func TestBroadcastBlockKilledConsumer(t *testing.T) {
	name, r := castNamed(t, ring.OverrunBlock, 0)
	p, err := r.Producer()
	must(t, err)
	holder := start(t, "cast-hold", name)
	holder.Expect("begun")
	n := fill(t, p, 0)
	if n == 0 || n > 512 {
		t.Fatalf("full after %d messages", n)
	}
	sent := make(chan error)
	go func() { sent <- p.Send(context.Background(), payload(n)) }()
	eventually(t, "the producer waits", p.Waiting)
	holder.Kill()
	must(t, <-sent)
	for i := range uint64(1000) { // and is not met again
		must(t, p.TrySend(payload(n+1+i)))
	}
	s, err := r.Stats()
	must(t, err)
	if s.Consumer.Repaired != 1 || len(s.Members) != 0 {
		t.Errorf("%d dead consumers found, %d left, want 1 and 0", s.Consumer.Repaired, len(s.Members))
	}
}

// One that is stopped is waited for and reported, and loses nothing.
func TestBroadcastBlockStoppedConsumer(t *testing.T) {
	name, r := castNamed(t, ring.OverrunBlock, 0)
	p, err := r.Producer()
	must(t, err)
	holder := start(t, "cast-hold", name)
	holder.Expect("begun")
	holder.Signal(syscall.SIGSTOP)
	eventually(t, "it is stopped", func() bool {
		s, err := r.Stats()
		must(t, err)
		return len(s.Members) == 1 && s.Members[0].Stopped
	})
	n := fill(t, p, 0)
	for range 3000 { // as often as one looks whether it died
		if err := p.TrySend(payload(n)); err != ring.ErrFull {
			t.Fatalf("%v, want ErrFull", err)
		}
	}
	s, err := r.Stats()
	must(t, err)
	if len(s.Members) != 1 || !s.Members[0].Attached || s.Members[0].Lag == 0 {
		t.Errorf("%+v, want one member that lags behind", s.Members)
	}
	holder.Signal(syscall.SIGCONT)
}

// A consumer that leaves is waited for no more; with none, there is nobody to wait for.
func TestBroadcastBlockLeaves(t *testing.T) {
	r := castRing(t, ring.OverrunBlock)
	p, err := r.Producer()
	must(t, err)
	for n := range uint64(1000) {
		must(t, p.TrySend(payload(n)))
	}
	c, err := r.Consumer()
	must(t, err)
	n := fill(t, p, 0)
	sent := make(chan error)
	go func() { sent <- p.Send(context.Background(), payload(n)) }()
	eventually(t, "the producer waits", p.Waiting)
	must(t, c.Close())
	must(t, <-sent)
}

// What is peeked stays until it is released.
func TestBroadcastBlockPeek(t *testing.T) {
	r := castRing(t, ring.OverrunBlock)
	p, err := r.Producer()
	must(t, err)
	c, err := r.Consumer()
	must(t, err)
	next, seen := uint64(0), uint64(0)
	for range 50 {
		next += fill(t, p, next)
		views := make([][]byte, 1000)
		n, err := c.TryPeekBatch(views)
		must(t, err)
		if n == 0 || fill(t, p, next) != 0 {
			t.Fatalf("%d peeked, and the ring was not full", n)
		}
		for _, m := range views[:n] {
			if err := checkPayload(m, seen); err != nil {
				t.Fatal(err)
			}
			seen++
		}
		must(t, c.Release())
	}
}

// With OverrunDrop what is received and what is dropped is what was sent.
func TestBroadcastDrop(t *testing.T) {
	r := castRing(t, ring.OverrunDrop)
	p, err := r.Producer()
	must(t, err)
	c, err := r.Consumer()
	must(t, err)
	const messages = 1000
	for n := range uint64(messages) {
		if n%2 == 0 {
			must(t, p.TrySend(payload(n)))
			continue
		}
		b, err := p.TryReserve(len(payload(n)))
		must(t, err)
		copy(b, payload(n))
		must(t, p.Commit(len(b)))
	}
	received := uint64(0)
	for {
		m, err := c.TryRecv(nil)
		if err == ring.ErrEmpty {
			break
		}
		must(t, err)
		must(t, checkPayload(m, binary.LittleEndian.Uint64(m)))
		received++
	}
	s, err := r.Stats()
	must(t, err)
	if received == 0 || received+p.Dropped() != messages || s.Dropped != p.Dropped() || c.Lost() != 0 {
		t.Errorf("%d received, %d dropped (%d by Stats), %d lost of %d", received, p.Dropped(), s.Dropped, c.Lost(), messages)
	}
}

// Consumers come and go while the producer runs: whoever is waited for loses nothing from
// where it began, also when it asks for the last message.
func TestBroadcastJoin(t *testing.T) {
	r := castRing(t, ring.OverrunBlock)
	p, err := r.Producer()
	must(t, err)
	done := make(chan struct{})
	var joining, sending sync.WaitGroup
	sending.Go(func() {
		for n := uint64(0); ; n++ {
			select {
			case <-done:
				return
			default:
			}
			if err := p.Send(context.Background(), payload(n)); err != nil {
				t.Error(err)
				return
			}
		}
	})
	for range 3 {
		joining.Go(func() {
			for i := range 150 {
				var o []ring.EndpointOption
				if i%2 == 0 {
					o = append(o, ring.WithBacklog())
				}
				c, err := r.Consumer(o...)
				if err != nil {
					t.Error(err)
					return
				}
				next := uint64(0)
				for j := range 1 + i%60 {
					m, err := c.Recv(t.Context(), nil)
					if err != nil {
						t.Error(err)
						return
					}
					n := binary.LittleEndian.Uint64(m)
					if err := checkPayload(m, n); err != nil || j > 0 && n != next {
						t.Errorf("message %d, want %d, %v", n, next, err)
						return
					}
					next = n + 1
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	joining.Wait()
	close(done)
	sending.Wait()
}

// A full endpoint table is an error where consumers are waited for, and none where
// they share nothing.
func TestBroadcastTableFull(t *testing.T) {
	for _, o := range []ring.Overrun{ring.OverrunOverwrite, ring.OverrunBlock} {
		_, r := castNamed(t, o, 2)
		var err error
		for range 3 {
			_, err = r.Consumer()
		}
		if o == ring.OverrunBlock != errors.Is(err, ring.ErrAttached) {
			t.Errorf("%v: third of two consumers: %v", o, err)
		}
	}
}
