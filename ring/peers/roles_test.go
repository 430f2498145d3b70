package peers_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"annulus/ring"
)

func stats(t *testing.T, r *ring.Ring) ring.Stats {
	t.Helper()
	s, err := r.Stats()
	must(t, err)
	return s
}

// attach takes a role for Go and gives it back.
func attach(r *ring.Ring, role string) error {
	if role == "producer" {
		p, err := r.Producer()
		if err != nil {
			return err
		}
		return p.Close()
	}
	c, err := r.Consumer()
	if err != nil {
		return err
	}
	return c.Close()
}

// One holder of a role at a time, whatever it is written in, until it lets go or
// dies.
func TestRoleIsTaken(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		for role, command := range map[string]string{"producer": "send", "consumer": "recv"} {
			t.Run(role+" held by the peer", func(t *testing.T) {
				r, name := create(t, smallRing)
				h := start(t, l.peer(t, "hold", role, name))
				expect(t, h.Line(), "attached")
				if err := attach(r, role); !errors.Is(err, ring.ErrAttached) || !strings.Contains(err.Error(), fmt.Sprint(h.PID())) {
					t.Fatalf("second %s: %v, want %v by %d", role, err, ring.ErrAttached, h.PID())
				}
				h.Hush()
				h.Done()
				must(t, attach(r, role))

				h = start(t, l.peer(t, "hold", role, name))
				expect(t, h.Line(), "attached")
				h.Kill()
				must(t, attach(r, role))
			})
			t.Run(role+" held by Go", func(t *testing.T) {
				r, name := create(t, smallRing)
				var closer func() error
				if role == "producer" {
					closer = producer(t, r).Close
				} else {
					closer = consumer(t, r).Close
				}
				mentions(t, start(t, l.peer(t, command, name)).Fails(), "role already taken")
				must(t, closer())
				h := start(t, l.peer(t, "hold", role, name))
				expect(t, h.Line(), "attached")
				h.Hush()
				h.Done()
			})
		}
	})
}

// The end of the stream reaches a C consumer that sleeps or spins, once it has
// received everything.
func TestGoProducerCloses(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		for _, wait := range l.waits() {
			t.Run(wait, func(t *testing.T) {
				r, name := create(t, smallRing)
				p := producer(t, r)
				c := start(t, l.peer(t, append([]string{"recv", name, "--wait", wait}, anySize.args()...)...))
				must(t, send(patient(t), p, anySize, 0, 100, 1))
				eventually(t, "the consumer has nothing left to do", func() bool {
					s := stats(t, r)
					return s.Consumer.Messages == 100 && (wait == "spin" || s.Consumer.Asleep)
				})
				must(t, p.Close())
				expect(t, c.Done(), "received 100 ok")
			})
		}
	})
}

func TestEndOfStreamComesOnce(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		r, name := create(t, smallRing)
		p := producer(t, r)
		must(t, send(patient(t), p, anySize, 0, 3, 1))
		must(t, p.Close())
		expect(t, start(t, l.peer(t, append([]string{"recv", name}, anySize.args()...)...)).Done(), "received 3 ok")
		// The next consumer of this session has nothing to expect.
		mentions(t, start(t, l.peer(t, "recv", name, "--timeout", "20")).Fails(), "timed out")
		// A new session ends anew.
		p = producer(t, r)
		must(t, p.Close())
		expect(t, start(t, l.peer(t, "recv", name)).Done(), "received 0 ok")
	})
}

// A Go consumer closes: the C producer's next send fails, also if it sleeps for
// want of space.
func TestGoConsumerCloses(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		for _, wait := range l.waits() {
			t.Run(wait, func(t *testing.T) {
				r, name := create(t, smallRing)
				c := consumer(t, r)
				p := start(t, l.peer(t, append([]string{"send", name, "--wait", wait, "--count", fmt.Sprint(endless)}, anySize.args()...)...))
				_, err := receive(patient(t), c, anySize, 0, 100, 1, 1)
				must(t, err)
				eventually(t, "the producer has no space", func() bool {
					s := stats(t, r)
					return s.Producer.Asleep || wait == "spin" && s.Occupied > s.Capacity/2
				})
				must(t, c.Close())
				mentions(t, p.Fails(), "closed by the consumer")
			})
		}
	})
}

func TestPeerConsumerCloses(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		r, name := create(t, smallRing)
		p := producer(t, r)
		c := start(t, l.peer(t, append([]string{"recv", name, "--count", "100"}, anySize.args()...)...))
		if err := send(patient(t), p, anySize, 0, endless, 1); !errors.Is(err, ring.ErrClosed) {
			t.Fatalf("send: %v, want %v", err, ring.ErrClosed)
		}
		expect(t, c.Done(), "received 100 ok")
		// Without a consumer the close is history to the next producer.
		must(t, p.Close())
		n := stats(t, r).Producer.Messages
		// The ring may be full: it was filled again before the close was seen.
		if err := producer(t, r).TrySend(anySize.message(n, make([]byte, anySize.max))); err != nil && err != ring.ErrFull {
			t.Fatalf("the next producer's send: %v", err)
		}
		if s := stats(t, r).Consumer; !s.Closed || s.Finished || s.Attached {
			t.Errorf("%+v: the consumer has closed, before the producer came", s)
		}
	})
}

func TestPeerTimesOut(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		for _, wait := range l.waits() {
			r, name := create(t, smallRing)
			mentions(t, start(t, l.peer(t, "recv", name, "--wait", wait, "--timeout", "10")).Fails(), "timed out")
			mentions(t, start(t, l.peer(t, "send", name, "--wait", wait, "--timeout", "10", "--count", "1000000")).Fails(), "timed out")
			if s := stats(t, r); s.Producer.Asleep || s.Consumer.Asleep {
				t.Errorf("%s: somebody is still announced as asleep: %+v", wait, s)
			}
		}
	})
}

// A ring that is removed while its other side is dead ends a wait.
func TestPeerNoticesRemoval(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		r, name := create(t, smallRing)
		c := start(t, l.peer(t, "recv", name))
		eventually(t, "the consumer sleeps", func() bool { return stats(t, r).Consumer.Asleep })
		must(t, ring.Remove(name))
		mentions(t, c.Fails(), "ring removed")
	})
}
