package peers_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"runtime"
	"syscall"
	"testing"

	"annulus/futex"
	"annulus/ring"
)

const (
	deadTag  = 7
	sentThen = 1003 // messages that a producer sends before it dies
	cutBatch = 5    // tickets in its hands then
)

func init() {
	// mpmc-send NAME STREAM...: sends sentThen messages under deadTag, then claims
	// and fills some without a publish, says so and lives until its input ends.
	roles["mpmc-send"] = func(args []string) error {
		r, s, err := openForRole(args)
		if err != nil {
			return err
		}
		p, err := r.Producer(ring.WithStrategy(futex.Futex()), ring.WithTag(deadTag))
		if err != nil {
			return err
		}
		ctx := context.Background()
		if err := send(ctx, p, s, 0, sentThen, 1); err != nil {
			return err
		}
		for { // a full ring would not take the claims
			s, err := r.Stats()
			if err != nil {
				return err
			}
			if s.Occupied == 0 {
				break
			}
			runtime.Gosched()
		}
		for i := range cutBatch {
			b, err := p.Reserve(ctx, s.min)
			if err != nil {
				return err
			}
			if i+1 < cutBatch {
				if err := p.Stage(len(b)); err != nil {
					return err
				}
			}
		}
		fmt.Println("cut")
		_, err = bufio.NewReader(os.Stdin).ReadByte()
		return err
	}
}

// dies starts a producer of a language that leaves claims behind and dies.
func (w *crowd) dies(language rune) {
	w.t.Helper()
	if language == 'p' {
		start(w.t, w.l.peer(w.t, append([]string{"send", w.name, "--die-after", fmt.Sprint(sentThen), "--cut", "--count", fmt.Sprint(endless),
			"--tag", fmt.Sprint(deadTag)}, w.args("--batch", fmt.Sprint(cutBatch))...)...)).EndsBy(syscall.SIGKILL)
		return
	}
	p := start(w.t, child(w.t, "mpmc-send", w.stream.roleArgs(w.name)...))
	expect(w.t, p.Line(), "cut")
	p.Kill()
}

// A producer of one language dies with claims in its hands: consumers of the other
// step over them, and get what is behind. Its successor, of either language, learns
// exactly what was committed.
func TestMPMCDeadProducer(t *testing.T) {
	inEach(t, "mpmc", func(t *testing.T, l program) {
		for _, dead := range "gp" {
			for _, survivor := range "gp" {
				for wait := range sharedWait {
					t.Run(fmt.Sprintf("dead %c/survivor %c/%s", dead, survivor, wait), func(t *testing.T) {
						r, name := create(t, manyRing)
						w := newCrowd(t, l, r, name, manySizes, wait, 1)
						open := producer(t, r)
						if survivor == 'p' {
							w.peerConsumer()
						} else {
							w.goConsumer()
						}
						w.dies(dead)
						const more = 500 // many laps, all behind the dead claims
						if survivor == 'p' {
							p := start(t, l.peer(t, append([]string{"send", name, "--start", fmt.Sprint(sentThen), "--count", fmt.Sprint(more),
								"--tag", fmt.Sprint(deadTag)}, w.args()...)...))
							expect(t, p.Line(), fmt.Sprintf("committed %d", sentThen))
							expect(t, p.Done(), fmt.Sprintf("sent %d ok", more))
						} else {
							p := producer(t, r, ring.WithTag(deadTag))
							if n := p.Committed(); n != sentThen {
								t.Errorf("the successor is told of %d messages, %d were committed", n, sentThen)
							}
							must(t, send(patient(t), p, manySizes, sentThen, sentThen+more, 1))
							must(t, p.Close())
						}
						must(t, open.Close())
						if got, want := w.total(), numbers(0, sentThen+more); got != want {
							t.Errorf("got %+v, want %+v", got, want)
						}
						if s := stats(t, r); s.Producer.Repaired != cutBatch || s.Occupied != 0 {
							t.Errorf("%d claims were settled, want %d; %d left", s.Producer.Repaired, cutBatch, s.Occupied)
						}
					})
				}
			}
		}
	})
}

// Nobody with its tag comes: whoever waits for the claims settles them, a consumer
// that waits for what is behind as well as a producer a lap later.
func TestMPMCDeadProducerWithoutSuccessor(t *testing.T) {
	inEach(t, "mpmc", func(t *testing.T, l program) {
		for _, dead := range "gp" {
			for _, survivor := range "gp" {
				t.Run(fmt.Sprintf("dead %c/survivor %c", dead, survivor), func(t *testing.T) {
					r, name := create(t, manyRing)
					w := newCrowd(t, l, r, name, manySizes, "futex", 1)
					open := producer(t, r)
					w.goConsumer() // else the ring would be full before it dies
					w.dies(dead)
					eventually(t, "the consumer waits for a dead claim", func() bool { return stats(t, r).Consumer.Messages == sentThen })
					if survivor == 'p' {
						expect(t, w.peerProducer(sentThen, sentThen+500).Done(), "sent 500 ok")
					} else {
						must(t, send(patient(t), open, manySizes, sentThen, sentThen+500, 1))
					}
					must(t, open.Close())
					if got, want := w.total(), numbers(0, sentThen+500); got != want {
						t.Errorf("got %+v, want %+v", got, want)
					}
				})
			}
		}
	})
}

// A consumer of one language dies with messages in its hands: they are dropped, or
// handed to a consumer of the other, as the ring was created.
func TestMPMCDeadConsumer(t *testing.T) {
	inEach(t, "mpmc", func(t *testing.T, l program) {
		const total, before = 2000, 30 // before fits into the ring
		for _, redeliver := range []bool{false, true} {
			for _, pair := range []string{"pg", "gp", "pp"} {
				t.Run(fmt.Sprintf("redeliver %t/dead %c/survivor %c", redeliver, pair[0], pair[1]), func(t *testing.T) {
					config := manyRing
					config.Redeliver = redeliver
					r, name := create(t, config)
					w := newCrowd(t, l, r, name, manySizes, "futex", 1)
					p := producer(t, r)
					must(t, send(patient(t), p, manySizes, 0, before, 1))
					released, held := uint64(21), uint64(1)
					if pair[0] == 'p' { // it releases seven at a time and dies with three more in hand
						held = 3
						start(t, l.peer(t, append([]string{"recv", name, "--die-after", "24"}, w.args("--batch", "7")...)...)).EndsBy(syscall.SIGKILL)
					} else {
						gc := start(t, child(t, "recv", manySizes.roleArgs(name, fmt.Sprint(released))...))
						expect(t, gc.Line(), "peeked")
						gc.Kill()
					}
					if pair[1] == 'p' {
						w.peerConsumer()
					} else {
						w.goConsumer()
					}
					must(t, send(patient(t), p, manySizes, before, total, 1))
					must(t, p.Close())
					want := numbers(released+held, total)
					if redeliver {
						want = numbers(released, total)
						want.redelivered = held
					}
					if got := w.total(); got != want {
						t.Errorf("got %+v, want %+v", got, want)
					}
					s := stats(t, r)
					dropped, handed := held, uint64(0)
					if redeliver {
						dropped, handed = 0, held
					}
					if s.Consumer.Repaired != dropped || s.Consumer.Handed != handed {
						t.Errorf("%d dropped and %d handed on, want %d and %d", s.Consumer.Repaired, s.Consumer.Handed, dropped, handed)
					}
				})
			}
		}
	})
}

// A C consumer stands still with a message in its hands: nobody robs it, however
// often others look.
func TestMPMCStoppedConsumer(t *testing.T) {
	inEach(t, "mpmc", func(t *testing.T, l program) {
		r, name := create(t, ring.Config{Topology: ring.MPMC, Capacity: 4, SlotSize: 64, Members: 8, Redeliver: true})
		p := producer(t, r)
		must(t, send(patient(t), p, manySizes, 0, 1, 1))
		h := start(t, l.peer(t, append([]string{"recv", name, "--hold"}, manySizes.args()...)...))
		expect(t, h.Line(), "held 0")
		h.Signal(syscall.SIGSTOP)
		c := consumer(t, r)
		must(t, send(patient(t), p, manySizes, 1, 4, 1)) // and the ring is full: the next waits for the stopped one
		if n, err := drain(c, manySizes, 1); err != nil || n != 4 {
			t.Fatalf("%d, %v", n, err)
		}
		for range 100_000 {
			if err := p.TrySend(make([]byte, 12)); err != ring.ErrFull {
				t.Fatalf("send: %v, want %v", err, ring.ErrFull)
			}
			if _, err := c.TryRecv(nil); err != ring.ErrEmpty {
				t.Fatalf("recv: %v, want %v", err, ring.ErrEmpty)
			}
		}
		if found, err := r.Recover(); err != nil || found != (ring.Recovery{Claimed: 1}) {
			t.Errorf("%+v, %v", found, err)
		}
		h.Signal(syscall.SIGCONT)
		h.Hush()
		expect(t, h.Done(), "received 1 ok")
	})
}
