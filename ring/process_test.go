//go:build linux

package ring_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"annulus/futex"
	"annulus/ring"
)

// A second producer is refused while the first lives, in words that say who
// holds the role, and takes over once it is dead. Nothing committed is lost.
func TestTakeoverFromKilledProducer(t *testing.T) {
	for _, cfg := range []ring.Config{{Capacity: 4096}, {Capacity: 1 << 16}} {
		r, name := shared(t, cfg)
		c, err := r.Consumer()
		must(t, err)
		want := uint64(0)
		for round := range 30 {
			p := start(t, "produce", name, "0", fmt.Sprint(want))
			p.Expect("begun")
			if _, err := r.Producer(); !errors.Is(err, ring.ErrAttached) || !strings.Contains(err.Error(), fmt.Sprint(p.PID())) {
				t.Fatalf("producer beside a live one: %v, want ErrAttached naming pid %d", err, p.PID())
			}
			// Kill it in full swing, at some point that differs each time.
			for range rand.IntN(3000) {
				b, err := c.Recv(t.Context(), nil)
				must(t, err)
				must(t, checkPayload(b, want))
				want++
			}
			p.Kill()
			next, err := r.Producer()
			must(t, err)
			must(t, next.Close())
			for {
				b, err := c.TryRecv(nil)
				if err == ring.ErrEmpty || err == io.EOF {
					break
				}
				must(t, err)
				must(t, checkPayload(b, want))
				want++
			}
			must(t, c.Close())
			c, err = r.Consumer()
			must(t, err)
			if s, err := r.Stats(); err != nil || s.Occupied != 0 || s.Producer.Messages != want {
				t.Fatalf("round %d: %+v %v, want %d messages", round, s, err, want)
			}
		}
	}
}

// A consumer killed with a message in its hands leaves it to the next.
func TestTakeoverFromKilledConsumer(t *testing.T) {
	r, name := shared(t, ring.Config{})
	p, err := r.Producer()
	must(t, err)
	for i := range 100 {
		must(t, p.TrySend(payload(uint64(i))))
	}
	c := start(t, "consume", name, "40")
	c.Expect("begun")
	c.Expect("holding")
	if _, err := r.Consumer(); !errors.Is(err, ring.ErrAttached) {
		t.Fatalf("%v, want ErrAttached", err)
	}
	c.Kill()
	next, err := r.Consumer()
	must(t, err)
	for i := 39; i < 100; i++ { // 0 to 38 were released
		b, err := next.TryRecv(nil)
		must(t, err)
		must(t, checkPayload(b, uint64(i)))
	}
}

// A zombie holds no role, a stopped process does.
func TestPausedIsNotDead(t *testing.T) {
	r, name := shared(t, ring.Config{})
	p := start(t, "produce", name, "5", "0")
	p.Expect("begun")
	p.Expect("sent")
	p.Signal(syscall.SIGSTOP)
	for range 20 {
		if _, err := r.Producer(); !errors.Is(err, ring.ErrAttached) {
			t.Fatalf("beside a stopped producer: %v, want ErrAttached", err)
		}
	}
	p.Signal(syscall.SIGKILL)
	// Not waited for: it stays a zombie until the test ends.
	eventually(t, "the role is free", func() bool {
		next, err := r.Producer()
		if err != nil {
			return false
		}
		return next.Close() == nil
	})
}

// A consumer asleep in the kernel is woken by another process, which is killed
// once everything has arrived.
func TestSleepersAcrossProcesses(t *testing.T) {
	for _, s := range []futex.Strategy{futex.Futex(), futex.Sem(), futex.Adaptive()} {
		if !supported(s) {
			continue
		}
		r, name := shared(t, ring.Config{})
		c, err := r.Consumer(ring.WithStrategy(s))
		must(t, err)
		got := make(chan error)
		go func() {
			for i := range 20 {
				b, err := c.Recv(t.Context(), nil)
				if err == nil {
					err = checkPayload(b, uint64(i))
				}
				if err != nil {
					got <- err
					return
				}
			}
			got <- nil
		}()
		eventually(t, "the consumer sleeps", func() bool {
			st, err := r.Stats()
			return err == nil && st.Consumer.Asleep && st.Consumer.Parks > 0
		})
		p := start(t, "produce", name, "20", "0")
		p.Expect("begun")
		must(t, <-got)
		p.Kill()
		must(t, c.Close())
	}
}

// The first SIGTERM ends both sides in order, whichever of them gets it.
func TestCloseOnSignal(t *testing.T) {
	for _, sig := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		for _, victim := range []string{"producer", "consumer"} {
			t.Run(victim+"/"+sig.String(), func(t *testing.T) {
				name := shmName(t)
				p := start(t, "produce-until-signal", name, "0")
				p.Expect("begun")
				c := start(t, "consume-until-signal", name, "0")
				c.Expect("begun")
				t.Cleanup(func() { must(t, ring.Remove(name)) })
				r, err := ring.Open(name)
				must(t, err)
				closing(t, r)
				eventually(t, "messages flow", func() bool {
					s, err := r.Stats()
					return err == nil && s.Consumer.Messages > 1000
				})
				if victim == "producer" {
					p.Signal(sig)
				} else {
					c.Signal(sig)
				}
				sent, received := p.Line(), c.Line()
				if strings.TrimPrefix(sent, "sent ") != strings.TrimPrefix(received, "received ") {
					t.Errorf("producer %q, consumer %q", sent, received)
				}
				p.Done()
				c.Done()
			})
		}
	}
}

// A producer blocked on a full ring is ended by its signal as well.
func TestCloseOnSignalWhileBlocked(t *testing.T) {
	r, name := shared(t, ring.Config{Capacity: 4096})
	p := start(t, "produce-until-signal", name, "0")
	p.Expect("begun")
	eventually(t, "the producer sleeps", func() bool {
		s, err := r.Stats()
		return err == nil && s.Producer.Asleep && s.Producer.Parks > 0
	})
	p.Signal(syscall.SIGTERM)
	if !strings.HasPrefix(p.Line(), "sent ") {
		t.Error("the producer did not end in order")
	}
	p.Done()
}

// Twenty processes create and open one name at once: one ring comes of it.
func TestOpenOrCreateRace(t *testing.T) {
	name := shmName(t)
	var peers []*peer
	for range 20 {
		peers = append(peers, start(t, "consume-until-signal", name, "0"))
	}
	attached := 0
	var winner *peer
	for _, p := range peers {
		if _, begun := p.Next(); begun {
			attached++
			winner = p
		}
	}
	t.Cleanup(func() { must(t, ring.Remove(name)) })
	if attached != 1 {
		t.Fatalf("%d consumers attached, want 1", attached)
	}
	winner.Signal(syscall.SIGTERM)
	winner.Expect("received 0")
	winner.Done()
}

// A second signal is not caught: it ends the process at once.
func TestSecondSignalIsImmediate(t *testing.T) {
	r, name := shared(t, ring.Config{})
	c := start(t, "consume-until-signal", name, "1")
	c.Expect("begun")
	p, err := r.Producer()
	must(t, err)
	must(t, p.Send(t.Context(), payload(0)))
	c.Expect("holding") // it will never finish by itself
	c.Signal(syscall.SIGTERM)
	eventually(t, "the first signal asks the producer to stop", func() bool {
		return errors.Is(p.TrySend(payload(1)), ring.ErrClosed)
	})
	eventually(t, "the second signal is immediate", func() bool {
		c.Signal(syscall.SIGTERM)
		select {
		case <-c.Exited():
			return true
		default:
			return false
		}
	})
	c.EndsBy(syscall.SIGTERM)
}

// Without membarrier each side fences for itself and tells the other to: the
// whole suite again, and sleepers whose peers do it the other way.
func TestWithoutMembarrier(t *testing.T) {
	if os.Getenv("ANNULUS_MEMBARRIER") == "off" {
		t.Skip("this is the inner run")
	}
	inner := exec.Command(os.Args[0], "-test.v", "-test.timeout", "2m", "-test.run", "TestConformance/(SPSC|MPSC)/(heap|memfd)/(futex|adaptive)$|TestSleepersAcrossProcesses|TestTakeover|TestLanes")
	inner.Env = append(os.Environ(), "ANNULUS_MEMBARRIER=off")
	out, err := inner.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, name := range []string{
		"TestConformance/SPSC/heap/futex/PingPong", "TestConformance/MPSC/heap/adaptive/Stream", "TestSleepersAcrossProcesses", "TestLanesTakeover",
		"TestTakeoverFromKilledProducer", "TestTakeoverFromKilledConsumer",
	} {
		if !strings.Contains(string(out), "--- PASS: "+name+" (") {
			t.Errorf("the inner run did not run %s:\n%s", name, out)
		}
	}
	for _, off := range []string{"producer", "consumer"} {
		_, name := shared(t, ring.Config{})
		mode := map[string]string{"producer": "on", "consumer": "on"}
		mode[off] = "off"
		t.Setenv("ANNULUS_MEMBARRIER", mode["consumer"])
		c := start(t, "consume-until-signal", name, "0")
		c.Expect("begun")
		t.Setenv("ANNULUS_MEMBARRIER", mode["producer"])
		p := start(t, "produce-until-signal", name, "0")
		p.Expect("begun")
		r, err := ring.Open(name)
		must(t, err)
		eventually(t, "messages flow", func() bool {
			s, err := r.Stats()
			return err == nil && s.Consumer.Messages > 100000
		})
		must(t, r.Close())
		p.Signal(syscall.SIGTERM)
		if sent, received := p.Line(), c.Line(); strings.TrimPrefix(sent, "sent ") != strings.TrimPrefix(received, "received ") {
			t.Errorf("producer %q, consumer %q", sent, received)
		}
		p.Done()
		c.Done()
	}
}
