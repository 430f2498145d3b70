package peers_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
)

// Closing in both directions, and the end that comes once for each session.
func TestManyToOneCloses(t *testing.T) {
	inEachToOne(t, func(t *testing.T, l program, config ring.Config, sizes stream) {
		r, name := create(t, config)
		recv := func(args ...string) *testutil.Process {
			return start(t, l.peer(t, append([]string{"recv", name}, sizes.args(args...)...)...))
		}
		a, b := producer(t, r), producer(t, r)
		c := recv()
		must(t, send(patient(t), a, sizes, 0, 3, 1))
		eventually(t, "the consumer sleeps", func() bool { s := stats(t, r); return s.Occupied == 0 && s.Consumer.Asleep })
		must(t, a.Close())
		eventually(t, "it sleeps again", func() bool { return stats(t, r).Consumer.Asleep })
		must(t, b.Close())
		expect(t, c.Done(), "received 3 ok")
		mentions(t, recv("--timeout", "20").Fails(), "timed out") // the end was delivered
		must(t, producer(t, r).Close())
		expect(t, recv().Done(), "received 0 ok") // a new session ends anew

		// One consumer at a time.
		h := start(t, l.peer(t, "hold", "consumer", name))
		h.Expect("attached")
		if _, err := r.Consumer(); !errors.Is(err, ring.ErrAttached) {
			t.Fatalf("second consumer: %v, want %v", err, ring.ErrAttached)
		}
		mentions(t, recv().Fails(), "role already taken")

		// It closes: all sends fail.
		p := start(t, l.peer(t, append([]string{"send", name, "--count", fmt.Sprint(endless)}, sizes.args()...)...))
		g := producer(t, r)
		eventually(t, "the producer has no space", func() bool {
			s := stats(t, r)
			return len(s.Members) > 0 && s.Producer.Parks > 0
		})
		h.Hush()
		h.Done()
		mentions(t, p.Fails(), "closed by the consumer")
		if err := g.TrySend(make([]byte, sizes.min)); !errors.Is(err, ring.ErrClosed) {
			t.Errorf("send: %v, want %v", err, ring.ErrClosed)
		}
		must(t, g.Close())
		// To the next producer that is history; though the ring may be full.
		if err := producer(t, r).TrySend(make([]byte, sizes.min)); err != nil && err != ring.ErrFull {
			t.Errorf("the next producer's send: %v", err)
		}
	})
}

// The table is full; and it is not when one that was killed had the last place.
func TestManyToOneTableFull(t *testing.T) {
	inEachToOne(t, func(t *testing.T, l program, config ring.Config, sizes stream) {
		config.Members = 2
		r, name := create(t, config)
		producer(t, r)
		h := start(t, l.peer(t, "hold", "producer", name))
		h.Expect("attached")
		mentions(t, start(t, l.peer(t, "send", name)).Fails(), "role already taken")
		if _, err := r.Producer(); !errors.Is(err, ring.ErrAttached) {
			t.Errorf("third producer: %v", err)
		}
		h.Kill()
		producer(t, r)
		mentions(t, start(t, l.peer(t, "send", name, "--wait", "semaphore")).Fails(), "invalid argument")
	})
}

// A peer that stands still with a claim in its hands is not robbed.
func TestOrderedStoppedProducer(t *testing.T) {
	inEach(t, "mpsc-ordered", func(t *testing.T, l program) {
		k := toOne[2]
		r, name := create(t, k.config)
		c, open := consumer(t, r), producer(t, r)

		w := newCrowd(t, l, r, name, k.sizes, "futex", 1)
		p := w.peerProducer(0, endless)
		_, err := c.Recv(patient(t), nil)
		must(t, err)
		p.Signal(syscall.SIGSTOP)
		eventually(t, "it stands still", func() bool { return stats(t, r).Producer.Stopped || anyStopped(stats(t, r)) })
		n := uint64(1)
		for range 10_000 {
			b, err := c.TryRecv(nil)
			if err == ring.ErrEmpty {
				continue
			}
			must(t, err)
			must(t, k.sizes.check(n, b))
			n++
		}
		p.Signal(syscall.SIGCONT)
		for range 1000 {
			b, err := c.Recv(patient(t), nil)
			must(t, err)
			must(t, k.sizes.check(n, b))
			n++
		}
		p.Kill()
		must(t, open.Close())
	})
}

func anyStopped(s ring.Stats) bool {
	for _, m := range s.Members {
		if m.Stopped {
			return true
		}
	}
	return false
}
