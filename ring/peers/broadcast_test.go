package peers_test

import (
	"fmt"
	"syscall"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
)

var castSizes = stream{seed: 8, min: 12, max: 700}

func castRing(o ring.Overrun) ring.Config {
	return ring.Config{Topology: ring.Broadcast, Capacity: 8192, Members: 6, Overrun: o}
}

// listen starts a consumer of a peer, attached when this returns.
func listen(t *testing.T, l program, name string, args ...string) *testutil.Process {
	t.Helper()
	p := start(t, l.peer(t, append([]string{"recv", name, "--announce"}, castSizes.args(args...)...)...))
	p.Expect("attached")
	return p
}

// speak sends total messages by a producer of Go or of the peer, and closes.
func speak(t *testing.T, l program, r *ring.Ring, name string, language rune, from, total uint64, args ...string) {
	t.Helper()
	if language == 'g' {
		p := producer(t, r)
		must(t, send(patient(t), p, castSizes, from, from+total, 1))
		must(t, p.Close())
		return
	}
	args = append([]string{"send", name, "--start", fmt.Sprint(from), "--count", fmt.Sprint(total)}, append(args, castSizes.args()...)...)
	expect(t, start(t, l.peer(t, args...)).Done(), fmt.Sprintf("sent %d ok", total))
}

// speakers are the languages whose producers a program is tried with.
func (l program) speakers() string {
	if l.can("broadcast") {
		return "gp"
	}
	return "g"
}

// Each consumer gets everything, from a producer that waits for them.
func TestBroadcastToAll(t *testing.T) {
	inEach(t, "broadcast-recv", func(t *testing.T, l program) {
		n := l.perProducer() / 20
		for _, language := range l.speakers() {
			for _, wait := range []string{"spin", "futex"} {
				for _, batch := range []string{"1", "5"} {
					t.Run(fmt.Sprintf("%c/%s/batch-%s", language, wait, batch), func(t *testing.T) {
						r, name := create(t, castRing(ring.OverrunBlock))
						g := consumer(t, r)
						got := make(chan error, 1)
						go func() {
							got <- func() error {
								end, err := receive(patient(t), g, castSizes, 0, 0, 1, 1)
								if err == nil && end != n {
									err = fmt.Errorf("end after %d, want %d", end, n)
								}
								return err
							}()
						}()
						a, b := listen(t, l, name, "--wait", wait, "--batch", batch), listen(t, l, name, "--wait", "futex", "--checks", "5")
						speak(t, l, r, name, language, 0, n, "--wait", wait, "--batch", batch)
						for _, p := range []*testutil.Process{a, b} {
							expect(t, p.Done(), fmt.Sprintf("received %d ok", n))
						}
						must(t, <-got)
					})
				}
			}
		}
	})
}

// A producer that waits for nobody: who is too slow knows exactly how much it has lost,
// and of what it gets every message is whole.
func TestBroadcastOverruns(t *testing.T) {
	inEach(t, "broadcast-recv", func(t *testing.T, l program) {
		n := l.perProducer() * 4
		for _, language := range l.speakers() {
			t.Run(string(language), func(t *testing.T) {
				r, name := create(t, castRing(ring.OverrunOverwrite))
				parts := []*testutil.Process{
					listen(t, l, name, "--lossy", "--checks", "20"), listen(t, l, name, "--lossy", "--readonly"),
					listen(t, l, name, "--lossy", "--wait", "spin"),
				}
				if language == 'g' {
					p := producer(t, r)
					must(t, send(patient(t), p, castSizes, 0, n/2, 1))
					must(t, send(patient(t), p, castSizes, n/2, n, 4))
					must(t, p.Close())
				} else {
					speak(t, l, r, name, language, 0, n, "--batch", "3")
				}
				for _, p := range parts {
					var got, lost uint64
					line := p.Done()
					if k, err := fmt.Sscanf(line, "received %d ok lost %d", &got, &lost); k != 2 || got+lost != n || got == 0 {
						t.Errorf("%q (%v), want %d in all", line, err, n)
					}
				}
			})
		}
	})
}

// Without --lossy an overrun is an error, and the latest message is still there.
func TestBroadcastOverrunIsTold(t *testing.T) {
	inEach(t, "broadcast-recv", func(t *testing.T, l program) {
		r, name := create(t, castRing(ring.OverrunOverwrite))
		p := producer(t, r)
		h := listen(t, l, name, "--hold")
		must(t, send(patient(t), p, castSizes, 0, 1, 1))
		h.Expect("held 0")
		must(t, send(patient(t), p, castSizes, 1, 300, 1)) // it holds a copy of its own
		h.Hush()
		expect(t, h.Done(), "received 1 ok")
		c := listen(t, l, name, "--start", "300")
		c.Signal(syscall.SIGSTOP)
		eventually(t, "it stands still", func() bool { return anyStopped(stats(t, r)) })
		must(t, send(patient(t), p, castSizes, 300, 600, 1))
		c.Signal(syscall.SIGCONT)
		mentions(t, c.Fails(), "overrun")
		expect(t, start(t, l.peer(t, append([]string{"recv", name, "--backlog", "--readonly", "--lossy", "--start", "600", "--timeout", "20",
			"--count", "0"}, castSizes.args()...)...)).Done(), "received 0 ok lost 0")
	})
}

// A consumer of a producer that waits dies: it is waited for no longer. One that is
// stopped is.
func TestBroadcastDeadConsumer(t *testing.T) {
	inEach(t, "broadcast-recv", func(t *testing.T, l program) {
		const n = 2000
		for _, language := range l.speakers() {
			t.Run(string(language), func(t *testing.T) {
				r, name := create(t, castRing(ring.OverrunBlock))
				sure := listen(t, l, name)
				dead := listen(t, l, name, "--hold")
				if language == 'g' {
					p := producer(t, r)
					must(t, send(patient(t), p, castSizes, 0, 10, 1))
					dead.Expect("held 0")
					dead.Signal(syscall.SIGSTOP)
					for sent, full := uint64(10), 0; full < 10_000; {
						switch err := p.TrySend(castSizes.message(sent, make([]byte, castSizes.max))); {
						case err == ring.ErrFull:
							full++
						default:
							must(t, err)
							sent++
							continue
						}
						if full == 10_000 {
							dead.Kill()
							must(t, send(patient(t), p, castSizes, sent, n, 1))
							must(t, p.Close())
						}
					}
				} else {
					p := start(t, l.peer(t, append([]string{"send", name, "--count", fmt.Sprint(n)}, castSizes.args()...)...))
					dead.Expect("held 0")
					eventually(t, "the producer waits", func() bool { return stats(t, r).Producer.Asleep })
					dead.Kill()
					expect(t, p.Done(), fmt.Sprintf("sent %d ok", n))
				}
				expect(t, sure.Done(), fmt.Sprintf("received %d ok", n))
				if s := stats(t, r); s.Consumer.Repaired != 1 {
					t.Errorf("%d consumers were found dead, want 1", s.Consumer.Repaired)
				}
			})
		}
	})
}

// A producer dies, with a batch and a reservation begun; its successor, of the other
// language, goes on behind what was committed, and consumers notice nothing.
func TestBroadcastDeadProducer(t *testing.T) {
	inEach(t, "broadcast-recv broadcast", func(t *testing.T, l program) {
		for _, o := range []ring.Overrun{ring.OverrunBlock, ring.OverrunOverwrite} {
			for _, pair := range []string{"pg", "gp", "pp"} {
				t.Run(fmt.Sprintf("%v/%s", o, pair), func(t *testing.T) {
					r, name := create(t, castRing(o))
					lossy := []string{}
					if o == ring.OverrunOverwrite {
						lossy = append(lossy, "--lossy")
					}
					c := listen(t, l, name, lossy...)
					var n uint64
					if pair[0] == 'p' {
						start(t, l.peer(t, append([]string{"send", name, "--die-after", "503", "--cut", "--batch", "5", "--count", fmt.Sprint(endless)},
							castSizes.args()...)...)).EndsBy(syscall.SIGKILL)
						n = 503
					} else {
						gp := start(t, child(t, "send", castSizes.roleArgs(name)...))
						eventually(t, "it has sent some", func() bool { return stats(t, r).Producer.Messages > 500 })
						gp.Kill()
						n = stats(t, r).Producer.Messages
					}
					speak(t, l, r, name, rune(pair[1]), n, 500)
					line := c.Done()
					if o == ring.OverrunBlock {
						expect(t, line, fmt.Sprintf("received %d ok", n+500))
						return
					}
					var got, lost uint64
					if k, err := fmt.Sscanf(line, "received %d ok lost %d", &got, &lost); k != 2 || got+lost != n+500 {
						t.Errorf("%q (%v), want %d in all", line, err, n+500)
					}
				})
			}
		}
	})
}

// Where it would have to wait, the producer drops: all consumers miss the same.
func TestBroadcastDrops(t *testing.T) {
	inEach(t, "broadcast-recv broadcast", func(t *testing.T, l program) {
		r, name := create(t, castRing(ring.OverrunDrop))
		c := consumer(t, r)
		const n = 100
		expect(t, start(t, l.peer(t, append([]string{"send", name, "--count", fmt.Sprint(n)}, castSizes.args()...)...)).Done(),
			fmt.Sprintf("sent %d ok", n))
		got, err := receive(patient(t), c, castSizes, 0, 0, 1, 1) // to the end of the stream
		must(t, err)
		s := stats(t, r)
		if s.Dropped == 0 || got+s.Dropped != n || s.Producer.Messages != got {
			t.Errorf("%d received, %d dropped, %d sent, want %d in all", got, s.Dropped, s.Producer.Messages, n)
		}
	})
}

// A consumer that goes, and the ends of sessions.
func TestBroadcastEnds(t *testing.T) {
	inEach(t, "broadcast-recv", func(t *testing.T, l program) {
		for _, o := range []ring.Overrun{ring.OverrunBlock, ring.OverrunOverwrite} {
			r, name := create(t, castRing(o))
			p := producer(t, r)
			c := listen(t, l, name, "--count", "3")
			must(t, send(patient(t), p, castSizes, 0, 3, 1))
			expect(t, c.Done(), "received 3 ok")
			must(t, send(patient(t), p, castSizes, 3, 100, 1)) // nobody is waited for
			c = listen(t, l, name)
			must(t, p.Close())
			expect(t, c.Done(), "received 0 ok")
			// One that comes later waits for another session, but for the last message of this.
			mentions(t, listen(t, l, name, "--timeout", "20").Fails(), "timed out")
			last := start(t, l.peer(t, "cat", name, "--count", "1", "--backlog")).Done()
			if o == ring.OverrunBlock {
				expect(t, last, received(castSizes.message(99, make([]byte, 700)), 0)+"\nend")
			}
			c = listen(t, l, name, "--start", "100")
			p = producer(t, r)
			must(t, send(patient(t), p, castSizes, 100, 110, 1))
			must(t, p.Close())
			expect(t, c.Done(), "received 10 ok")
		}
	})
}

// A ring that a peer makes.
func TestBroadcastMadeByPeer(t *testing.T) {
	inEach(t, "broadcast-recv create", func(t *testing.T, l program) {
		for o, policy := range map[ring.Overrun]string{ring.OverrunOverwrite: "overwrite", ring.OverrunBlock: "block", ring.OverrunDrop: "drop"} {
			name := freeName(t)
			expect(t, start(t, l.peer(t, "create", name, "--topology", "broadcast", "--overrun", policy, "--capacity", "8192", "--members", "6")).Done(), "created")
			r, err := ring.Open(name)
			must(t, err)
			if c := r.Config(); c.Topology != ring.Broadcast || c.Overrun != o || c.Capacity != 8192 || c.Members != 6 {
				t.Errorf("%s: %+v", policy, c)
			}
			must(t, r.Close())
		}
		if start(t, l.peer(t, "create", freeName(t), "--overrun", "drop")).End() == nil {
			t.Error("an SPSC ring that drops was made")
		}
	})
}
