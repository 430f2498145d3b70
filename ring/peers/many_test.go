package peers_test

import (
	"errors"
	"fmt"
	"syscall"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
)

// toOne are rings of many producers and one consumer.
var toOne = []struct {
	name, speaks string
	config       ring.Config
	sizes        stream
}{
	{"lanes of records", "mpsc", ring.Config{Topology: ring.MPSC, Capacity: 4096, Members: 5}, stream{seed: 5, min: 12, max: 900}},
	{"lanes of slots", "mpsc", ring.Config{Topology: ring.MPSC, Kind: ring.Slots, Capacity: 16, SlotSize: 61, Members: 5}, manyFixed},
	{"ordered", "mpsc-ordered", ring.Config{Topology: ring.MPSCOrdered, Capacity: 8192, Members: 8}, stream{seed: 6, min: 12, max: 1500}},
}

// inEachToOne runs a test with each program and each of these rings that it speaks.
func inEachToOne(t *testing.T, test func(t *testing.T, l program, config ring.Config, sizes stream)) {
	inEach(t, "", func(t *testing.T, l program) {
		for _, k := range toOne {
			if l.can(k.speaks) {
				t.Run(k.name, func(t *testing.T) { test(t, l, k.config, k.sizes) })
			}
		}
	})
}

// consume adds a consumer of a language, attached when this returns.
func (w *crowd) consume(language rune) {
	if language == 'p' {
		w.peerConsumer()
	} else {
		w.goConsumer()
	}
}

// Producers of both languages at one consumer: each one's messages in their order.
func TestManyToOneTogether(t *testing.T) {
	inEachToOne(t, func(t *testing.T, l program, config ring.Config, sizes stream) {
		n := l.perProducer() / 10
		for _, mixture := range []struct {
			producers string
			consumer  rune
		}{{"gg", 'p'}, {"pp", 'g'}, {"gp", 'p'}, {"pg", 'g'}, {"pp", 'p'}} {
			for wait := range sharedWait {
				if l.pace >= 100 && wait == "spin" { // once is enough for one that takes long to start
					continue
				}
				for _, batch := range []int{1, 5} {
					t.Run(fmt.Sprintf("%s to %c/%s/batch-%d", mixture.producers, mixture.consumer, wait, batch), func(t *testing.T) {
						r, name := create(t, config)
						w := newCrowd(t, l, r, name, sizes, wait, batch)
						w.each = n
						w.consume(mixture.consumer)
						open := producer(t, r) // else the first to be ready might be the last
						var from uint64
						var senders []*testutil.Process
						for _, language := range mixture.producers {
							if language == 'p' {
								senders = append(senders, w.peerProducer(from, from+n))
							} else {
								w.goProducer(from, from+n)
							}
							from += n
						}
						for _, p := range senders {
							expect(t, p.Done(), fmt.Sprintf("sent %d ok", n))
						}
						eventually(t, "all is received", func() bool {
							s := stats(t, r)
							return s.Producer.Messages == from && s.Occupied == 0
						})
						must(t, open.Close())
						if got, want := w.total(), numbers(0, from); got != want {
							t.Errorf("got %+v, want %+v", got, want)
						}
					})
				}
			}
		}
	})
}

// A producer dies with a batch and a reservation in its hands: nobody waits for it, and
// its successor, of the other language, goes on where it was.
func TestManyToOneDeadProducer(t *testing.T) {
	inEachToOne(t, func(t *testing.T, l program, config ring.Config, sizes stream) {
		for _, languages := range []string{"gpp", "pgp", "pgg", "gpg", "ppp"} { // who dies, who follows, who receives
			for wait := range sharedWait {
				if l.pace >= 100 && wait == "spin" { // once is enough for one that takes long to start
					continue
				}
				t.Run(languages+"/"+wait, func(t *testing.T) {
					r, name := create(t, config)
					w := newCrowd(t, l, r, name, sizes, wait, 1)
					open := producer(t, r)
					w.consume(rune(languages[2]))
					w.dies(rune(languages[0]))
					const more = 500
					if languages[1] == 'p' {
						p := start(t, l.peer(t, append([]string{"send", name, "--start", fmt.Sprint(sentThen), "--count", fmt.Sprint(more),
							"--tag", fmt.Sprint(deadTag)}, w.args()...)...))
						if line := p.Line(); config.Topology == ring.MPSCOrdered {
							expect(t, line, fmt.Sprintf("committed %d", sentThen))
						}
						expect(t, p.Done(), fmt.Sprintf("sent %d ok", more))
					} else {
						p := producer(t, r, ring.WithTag(deadTag))
						if n := p.Committed(); config.Topology == ring.MPSCOrdered && n != sentThen {
							t.Errorf("the successor is told of %d messages, %d were committed", n, sentThen)
						}
						must(t, send(patient(t), p, sizes, sentThen, sentThen+more, 1))
						must(t, p.Close())
					}
					must(t, open.Close())
					if got, want := w.total(), numbers(0, sentThen+more); got != want {
						t.Errorf("got %+v, want %+v", got, want)
					}
					if s := stats(t, r); s.Occupied != 0 {
						t.Errorf("%d left", s.Occupied)
					}
				})
			}
		}
	})
}

// Producers of a peer are killed wherever they are, while another goes on.
func TestManyToOneKilledProducers(t *testing.T) {
	inEachToOne(t, func(t *testing.T, l program, config ring.Config, sizes stream) {
		for _, batch := range []int{1, 7} {
			t.Run(fmt.Sprintf("batch-%d", batch), func(t *testing.T) {
				r, name := create(t, config)
				w := newCrowd(t, l, r, name, sizes, "futex", batch)
				open, c := producer(t, r), consumer(t, r)
				for round := range uint64(8) {
					// What it has committed comes in its order, and then nothing of it.
					p := w.peerProducer(round<<32, round<<32+endless)
					next, seen := round<<32, uint64(0)
					take := func(err error, b []byte) {
						must(t, err)
						must(t, sizes.check(next, b))
						next, seen = next+1, seen+1
					}
					for seen < 300 {
						b, err := c.Recv(patient(t), nil)
						take(err, b)
					}
					p.Kill()
					behind := make(chan error, 1)
					go func() { behind <- open.Send(patient(t), make([]byte, sizes.min)) }()
					for {
						b, err := c.Recv(patient(t), nil)
						must(t, err)
						if string(b) == string(make([]byte, sizes.min)) {
							break
						}
						take(nil, b)
					}
					must(t, <-behind)
					for { // in lanes, what was committed may come later
						b, err := c.TryRecv(nil)
						if err == ring.ErrEmpty {
							break
						}
						take(err, b)
					}
				}
			})
		}
	})
}

// A consumer dies with messages in its hands: its successor, of the other language, gets
// them again.
func TestManyToOneDeadConsumer(t *testing.T) {
	inEachToOne(t, func(t *testing.T, l program, config ring.Config, sizes stream) {
		const total, dead, batch = 2000, 1000, 7
		for _, pair := range []string{"pg", "gp", "pp"} {
			t.Run(pair, func(t *testing.T) {
				r, name := create(t, config)
				p := producer(t, r)
				ctx, sent := patient(t), make(chan error, 1)
				go func() { sent <- errors.Join(send(ctx, p, sizes, 0, total, 1), p.Close()) }()
				if pair[0] == 'p' {
					start(t, l.peer(t, append([]string{"recv", name, "--die-after", fmt.Sprint(dead), "--batch", fmt.Sprint(batch)},
						sizes.args()...)...)).EndsBy(syscall.SIGKILL)
				} else {
					gc := start(t, child(t, "recv", sizes.roleArgs(name, fmt.Sprint(dead-1))...))
					expect(t, gc.Line(), "peeked")
					gc.Kill()
				}
				first := uint64(dead - 1) // the first that it has not released: Go counts now and then
				if pair[0] == 'p' {
					first = stats(t, r).Consumer.Messages
				}
				if first > dead-1 || dead-first > batch {
					t.Fatalf("%d messages released of %d, in batches of %d", first, dead, batch)
				}
				if pair[1] == 'p' {
					expect(t, start(t, l.peer(t, append([]string{"recv", name, "--start", fmt.Sprint(first)}, sizes.args()...)...)).Done(),
						fmt.Sprintf("received %d ok", total-first))
				} else {
					n, err := receive(ctx, consumer(t, r), sizes, first, 0, 1, 1)
					must(t, err)
					if n != total {
						t.Errorf("end of stream after %d, want %d", n, total)
					}
				}
				must(t, <-sent)
			})
		}
	})
}
