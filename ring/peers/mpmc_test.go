package peers_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"testing"

	"annulus/futex"
	"annulus/internal/race"
	"annulus/internal/testutil"
	"annulus/ring"
)

var (
	manyRing   = ring.Config{Topology: ring.MPMC, Capacity: 64, SlotSize: 64, Members: 8}
	manySizes  = stream{seed: 3, min: 12, max: 64}
	manyFixed  = stream{seed: 4, min: 61, max: 61}
	sharedWait = map[string]futex.Strategy{"spin": futex.Yield(), "futex": futex.Futex()}
)

// tally is what one consumer of many got: how many, the sum over the mixes of their
// numbers, and how many of them had been in dead hands.
type tally struct{ n, mix, redelivered uint64 }

func (a tally) plus(b tally) tally {
	return tally{a.n + b.n, a.mix + b.mix, a.redelivered + b.redelivered}
}

// numbers is the tally of messages from to to-1.
func numbers(from, to uint64) (t tally) {
	for ; from < to; from++ {
		t = t.plus(tally{1, mix(from), 0})
	}
	return t
}

// collect receives messages of a stream in any order, but for that of each producer, to
// the end of it.
func collect(t *testing.T, c *ring.Consumer, s stream, batch int, each uint64) (got tally, err error) {
	ctx := patient(t)
	views := make([][]byte, batch)
	next := make(map[uint64]uint64) // by producer
	for {
		n := 1
		if views[0], err = c.Peek(ctx); err == nil && batch > 1 {
			var more int
			if more, err = c.TryPeekBatch(views[1:]); err == ring.ErrEmpty || err == io.EOF || err == ring.ErrHeld {
				err = nil
			}
			n += more
		}
		if err == io.EOF {
			return got, nil
		}
		if err != nil {
			return got, err
		}
		if c.Redelivered() > 0 {
			got.redelivered++
		}
		for _, b := range views[:n] {
			if len(b) < payloadRest {
				return got, fmt.Errorf("message of %d bytes", len(b))
			}
			seq := binary.LittleEndian.Uint64(b)
			if err := s.check(seq, b); err != nil {
				return got, err
			}
			if each > 0 {
				if want, begun := next[seq/each]; begun && seq != want || !begun && seq%each != 0 {
					return got, fmt.Errorf("message %d, due is %d", seq, want)
				}
				next[seq/each] = seq + 1
			}
			got.n, got.mix = got.n+1, got.mix+mix(seq)
		}
		if err := c.Release(); err != nil {
			return got, err
		}
	}
}

// collected reads what recv --any says.
func collected(t *testing.T, p *testutil.Process) (got tally) {
	t.Helper()
	line := p.Done()
	if n, err := fmt.Sscanf(line, "received %d ok mix %d redelivered %d", &got.n, &got.mix, &got.redelivered); n != 3 {
		t.Fatalf("%q: %v", line, err)
	}
	return got
}

// crowd is some endpoints of both languages at one MPMC ring.
type crowd struct {
	l       program
	t       *testing.T
	ring    *ring.Ring
	name    string
	stream  stream
	wait    string
	batch   int
	each    uint64 // messages k*each to (k+1)*each-1 are one producer's; 0: in any order
	parts   []*testutil.Process
	results chan error
	got     chan tally
	waiting int
}

func newCrowd(t *testing.T, l program, r *ring.Ring, name string, s stream, wait string, batch int) *crowd {
	return &crowd{l: l, t: t, ring: r, name: name, stream: s, wait: wait, batch: batch, results: make(chan error, 16), got: make(chan tally, 16)}
}

func (w *crowd) args(more ...string) []string {
	return w.stream.args(append([]string{"--per-sender", strconv.FormatUint(w.each, 10), "--wait", w.wait, "--batch", strconv.Itoa(w.batch),
		"--timeout", strconv.FormatInt(patience.Milliseconds(), 10)}, more...)...)
}

// goConsumer and peerConsumer receive up to the end of the stream.
func (w *crowd) goConsumer() {
	c := consumer(w.t, w.ring, ring.WithStrategy(sharedWait[w.wait]))
	w.waiting++
	go func() {
		got, err := collect(w.t, c, w.stream, w.batch, w.each)
		w.got <- got
		w.results <- errors.Join(err, c.Close())
	}()
}

func (w *crowd) peerConsumer() *testutil.Process {
	p := start(w.t, w.l.peer(w.t, append([]string{"recv", w.name, "--any", "--announce"}, w.args()...)...))
	p.Expect("attached")
	w.parts = append(w.parts, p)
	return p
}

// goProducer sends messages from to to-1. It is attached when this returns.
func (w *crowd) goProducer(from, to uint64) {
	p := producer(w.t, w.ring, ring.WithStrategy(sharedWait[w.wait]))
	w.waiting++
	go func() {
		err := send(patient(w.t), p, w.stream, from, to, w.batch)
		w.got <- tally{}
		w.results <- errors.Join(err, p.Close())
	}()
}

func (w *crowd) peerProducer(from, to uint64) *testutil.Process {
	return start(w.t, w.l.peer(w.t, append([]string{"send", w.name, "--start", fmt.Sprint(from), "--count", fmt.Sprint(to - from)}, w.args()...)...))
}

// total waits for all consumers and adds up what they got.
func (w *crowd) total() (sum tally) {
	w.t.Helper()
	for _, p := range w.parts {
		sum = sum.plus(collected(w.t, p))
	}
	for range w.waiting {
		sum = sum.plus(<-w.got)
		if err := <-w.results; err != nil {
			w.t.Error(err)
		}
	}
	return sum
}

func (l program) perProducer() uint64 {
	if testing.Short() || race.Enabled {
		return 5_000 / l.pace
	}
	return 50_000 / l.pace
}

// TestMPMCTogether lets producers and consumers of both languages work at one ring.
func TestMPMCTogether(t *testing.T) {
	inEach(t, "mpmc", func(t *testing.T, l program) {
		n := l.perProducer()
		for _, mixture := range []struct{ name, producers, consumers string }{
			{"Go to peer", "gg", "pp"}, {"peer to Go", "pp", "gg"}, {"2x2", "gp", "pg"}, {"1x1 peer", "p", "p"},
		} {
			for wait := range sharedWait {
				for _, batch := range []int{1, 5} {
					t.Run(fmt.Sprintf("%s/%s/batch-%d", mixture.name, wait, batch), func(t *testing.T) {
						r, name := create(t, manyRing)
						w := newCrowd(t, l, r, name, manySizes, wait, batch)
						for _, language := range mixture.consumers {
							if language == 'p' {
								w.peerConsumer()
							} else {
								w.goConsumer()
							}
						}
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

// A ring that C makes, of messages of one size, with redelivery.
func TestMPMCMadeByPeer(t *testing.T) {
	inEach(t, "mpmc", func(t *testing.T, l program) {
		name := freeName(t)
		expect(t, start(t, l.peer(t, "create", name, "--mpmc", "--redeliver", "--fixed", "--size", "61", "--capacity", "16")).Done(), "created")
		r, err := ring.Open(name)
		must(t, err)
		defer r.Close()
		if c := r.Config(); c.Topology != ring.MPMC || !c.Redeliver || c.Capacity != 16 || c.SlotSize != 61 || c.Members != 64 {
			t.Fatalf("%+v", c)
		}
		p := producer(t, r)
		if err := p.TrySend(make([]byte, 60)); err == nil {
			t.Error("60 bytes were sent")
		}
		w := newCrowd(t, l, r, name, manyFixed, "futex", 1)
		w.peerConsumer()
		must(t, send(patient(t), p, manyFixed, 0, 1000, 1))
		must(t, p.Close())
		if got, want := w.total(), numbers(0, 1000); got != want {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
}

// C refuses and accepts what Go does: see TestEveryFieldIsChecked for SPSC rings.
func TestMPMCTableFull(t *testing.T) {
	inEach(t, "mpmc", func(t *testing.T, l program) {
		c := manyRing
		c.Members = 2
		r, name := create(t, c)
		producer(t, r)
		h := start(t, l.peer(t, "hold", "consumer", name))
		expect(t, h.Line(), "attached")
		mentions(t, start(t, l.peer(t, "recv", name)).Fails(), "role already taken")
		if _, err := r.Producer(); !errors.Is(err, ring.ErrAttached) || !strings.Contains(err.Error(), "all 2 entries") {
			t.Errorf("third endpoint: %v", err)
		}
		h.Kill()
		consumer(t, r)
		mentions(t, start(t, l.peer(t, "send", name, "--wait", "semaphore")).Fails(), "invalid argument")
	})
}
