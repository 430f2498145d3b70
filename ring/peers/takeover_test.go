package peers_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"strconv"
	"syscall"
	"testing"

	"annulus/futex"
	"annulus/ring"
)

// endless is more than any test can send.
const endless uint64 = 1 << 40

func init() {
	// send NAME STREAM...: sends until it is killed.
	roles["send"] = func(args []string) error {
		r, s, err := openForRole(args)
		if err != nil {
			return err
		}
		p, err := r.Producer(ring.WithStrategy(futex.Futex()))
		if err != nil {
			return err
		}
		return send(context.Background(), p, s, 0, endless, 1)
	}
	// recv NAME STREAM... COUNT: receives COUNT messages, peeks at one more,
	// says so and lives until its input ends.
	roles["recv"] = func(args []string) error {
		r, s, err := openForRole(args)
		if err != nil {
			return err
		}
		count, err := strconv.ParseUint(args[4], 10, 64)
		if err != nil {
			return err
		}
		c, err := r.Consumer(ring.WithStrategy(futex.Futex()))
		if err != nil {
			return err
		}
		if _, err := receive(context.Background(), c, s, 0, count, 1, 1); err != nil {
			return err
		}
		if _, err := c.Peek(context.Background()); err != nil {
			return err
		}
		fmt.Println("peeked")
		_, err = bufio.NewReader(os.Stdin).ReadByte()
		return err
	}
}

func openForRole(args []string) (*ring.Ring, stream, error) {
	var n [3]int
	for i := range n {
		var err error
		if n[i], err = strconv.Atoi(args[1+i]); err != nil {
			return nil, stream{}, err
		}
	}
	r, err := ring.Open(args[0])
	return r, stream{seed: uint64(n[0]), min: n[1], max: n[2]}, err
}

func (s stream) roleArgs(name string, more ...string) []string {
	return append([]string{name, fmt.Sprint(s.seed), fmt.Sprint(s.min), fmt.Sprint(s.max)}, more...)
}

// goOn lets a producer and a consumer of this process carry a stream on to the
// end, after both have agreed on where it stands.
func goOn(t *testing.T, p *ring.Producer, c *ring.Consumer, s stream, from uint64) {
	t.Helper()
	ctx, sent := patient(t), make(chan error, 1)
	go func() {
		sent <- errors.Join(send(ctx, p, s, from, from+500, 1), p.Close())
	}()
	n, err := receive(ctx, c, s, from, 0, 1, 1)
	must(t, errors.Join(err, <-sent))
	if n != from+500 {
		t.Errorf("end of stream after %d, want %d", n, from+500)
	}
}

// A peer's producer kills itself at a known place: all it has committed arrives, and
// nothing of what it had only staged.
func TestGoAfterKilledProducer(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		for _, k := range []struct {
			config ring.Config
			stream stream
		}{{smallRing, anySize}, {slotRing, slotSize}} {
			for _, batch := range []int{1, 5} {
				t.Run(fmt.Sprintf("%s/batch-%d", k.config.Kind, batch), func(t *testing.T) {
					const dead = 10_003
					r, name := create(t, k.config)
					c := consumer(t, r)
					cp := start(t, l.peer(t, append([]string{"send", name, "--die-after", fmt.Sprint(dead), "--cut",
						"--batch", fmt.Sprint(batch), "--count", fmt.Sprint(endless)}, k.stream.args()...)...))
					n, err := receive(patient(t), c, k.stream, 0, dead, batch, 1)
					must(t, err)
					cp.EndsBy(syscall.SIGKILL)
					if _, err := c.TryRecv(nil); err != ring.ErrEmpty {
						t.Fatalf("behind what was committed: %v, want %v", err, ring.ErrEmpty)
					}
					goOn(t, producer(t, r), c, k.stream, n)
				})
			}
		}
	})
}

// The successor comes while all that was committed is still unread, and finds
// the end of it by itself.
func TestGoTakesOverUnread(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		const dead, batch = 150, 5
		r, name := create(t, ring.Config{Capacity: 1 << 20})
		start(t, l.peer(t, append([]string{"send", name, "--die-after", fmt.Sprint(dead), "--cut", "--batch", fmt.Sprint(batch),
			"--count", fmt.Sprint(endless)}, anySize.args()...)...)).EndsBy(syscall.SIGKILL)
		p := producer(t, r)
		n, err := drain(consumer(t, r), anySize, 0)
		must(t, err)
		if n != dead {
			t.Fatalf("%d messages, %d were committed", n, dead)
		}
		must(t, send(patient(t), p, anySize, dead, dead+1, 1))
	})
}

// A peer's producer is killed wherever it happens to be.
func TestGoAfterKilledProducerAnywhere(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		for _, wait := range l.waits() {
			for _, batch := range []int{1, 9} {
				t.Run(fmt.Sprintf("%s/batch-%d", wait, batch), func(t *testing.T) {
					r, name := create(t, smallRing)
					c := consumer(t, r)
					cp := start(t, l.peer(t, append([]string{"send", name, "--wait", wait, "--batch", fmt.Sprint(batch),
						"--count", fmt.Sprint(endless)}, anySize.args()...)...))
					n, err := receive(patient(t), c, anySize, 0, 5000, 1, 1)
					must(t, err)
					cp.Kill()
					p := producer(t, r)
					n, err = drain(c, anySize, n)
					must(t, err)
					goOn(t, p, c, anySize, n)
				})
			}
		}
	})
}

func TestPeerAfterKilledGoProducer(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		for _, k := range []struct {
			config ring.Config
			stream stream
		}{{smallRing, anySize}, {slotRing, slotSize}} {
			t.Run(k.config.Kind.String(), func(t *testing.T) {
				r, name := create(t, k.config)
				c := consumer(t, r)
				gp := start(t, child(t, "send", k.stream.roleArgs(name)...))
				n, err := receive(patient(t), c, k.stream, 0, 5000, 1, 1)
				must(t, err)
				gp.Kill()
				n, err = drain(c, k.stream, n)
				must(t, err)
				cp := start(t, l.peer(t, append([]string{"send", name, "--start", fmt.Sprint(n), "--count", "1000"}, k.stream.args()...)...))
				end, err := receive(patient(t), c, k.stream, n, 0, 1, 1)
				must(t, err)
				if end != n+1000 {
					t.Errorf("end of stream after %d, want %d", end, n+1000)
				}
				expect(t, cp.Done(), "sent 1000 ok")
			})
		}
	})
}

// A peer's producer takes over while much that its predecessor committed still lies
// in the ring: it has to find the end by itself.
func TestPeerTakesOverAFullRing(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		r, name := create(t, smallRing)
		gp := start(t, child(t, "send", anySize.roleArgs(name)...))
		eventually(t, "the producer sleeps for want of space", func() bool { return stats(t, r).Producer.Asleep })
		gp.Kill()
		n := stats(t, r).Producer.Messages
		cp := start(t, l.peer(t, append([]string{"send", name, "--start", fmt.Sprint(n), "--count", "1000"}, anySize.args()...)...))
		end, err := receive(patient(t), consumer(t, r), anySize, 0, 0, 1, 1)
		must(t, err)
		if end != n+1000 {
			t.Errorf("end of stream after %d, want %d", end, n+1000)
		}
		expect(t, cp.Done(), "sent 1000 ok")
	})
}

// A peer's consumer dies with messages in its hands; the producer, blocked meanwhile,
// never notices, and a Go consumer gets them again.
func TestGoAfterKilledConsumer(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		for _, k := range []struct {
			config ring.Config
			stream stream
		}{{smallRing, anySize}, {slotRing, slotSize}} {
			t.Run(k.config.Kind.String(), func(t *testing.T) {
				const dead, batch, total = 1000, 7, 3000
				r, name := create(t, k.config)
				p := producer(t, r)
				ctx, sent := patient(t), make(chan error, 1)
				go func() { sent <- errors.Join(send(ctx, p, k.stream, 0, total, 1), p.Close()) }()
				start(t, l.peer(t, append([]string{"recv", name, "--die-after", fmt.Sprint(dead), "--batch", fmt.Sprint(batch)},
					k.stream.args()...)...)).EndsBy(syscall.SIGKILL)
				first := stats(t, r).Consumer.Messages // the first that it has not released
				if first > dead-1 || dead-first > batch {
					t.Fatalf("%d messages released of %d, in batches of %d", first, dead, batch)
				}
				n, err := receive(ctx, consumer(t, r), k.stream, first, 0, 1, 1)
				must(t, errors.Join(err, <-sent))
				if n != total {
					t.Errorf("end of stream after %d, want %d", n, total)
				}
			})
		}
	})
}

func TestPeerAfterKilledGoConsumer(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		r, name := create(t, smallRing)
		p := producer(t, r)
		ctx, sent := patient(t), make(chan error, 1)
		go func() { sent <- errors.Join(send(ctx, p, anySize, 0, 3000, 1), p.Close()) }()
		gc := start(t, child(t, "recv", anySize.roleArgs(name, "1000")...))
		expect(t, gc.Line(), "peeked")
		gc.Kill()
		cc := start(t, l.peer(t, append([]string{"recv", name, "--start", "1000"}, anySize.args()...)...))
		expect(t, cc.Done(), "received 2000 ok")
		must(t, <-sent)
	})
}
