package ring_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"testing"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/ring"
)

// ordered is the smallest ring of many producers in one order: 64 granules.
var ordered = ring.Config{Topology: ring.MPSCOrdered, Capacity: 4096}

func newOrdered(t testing.TB) *ring.Ring {
	t.Helper()
	r, err := ring.New(ordered)
	must(t, err)
	return r
}

// granule returns the word and the data of the granule at a position.
func granule(t testing.TB, r *ring.Ring, pos uint64) (word, data *uint64) {
	t.Helper()
	g, b := geometryOf(t, r), r.Region().Bytes()
	i := pos % g.Granules
	return layout.WordAt(b, g.WordTable+i*layout.WordSize), layout.WordAt(b, g.DataArea+i*layout.GranuleSize)
}

// TestOrdered passes messages of many producers, in all the ways to send, to one
// consumer, in each way to receive: all arrive, once, in each producer's order.
func TestOrdered(t *testing.T) {
	for name, s := range map[string]futex.Strategy{"adaptive": futex.Adaptive(), "futex": futex.Futex(), "yield": futex.Yield()} {
		t.Run(name, func(t *testing.T) { testMany(t, newOrdered(t), 1, 5000, s) })
	}
}

// TestCase49_PositionsRunOver begins shortly before the bounds of what the words can
// say: of an intent's position, of a signed number, of a position.
func TestCase49_PositionsRunOver(t *testing.T) {
	for _, bits := range []uint{32, 44, 56, 57, 58, 63, 64} {
		for _, before := range []uint64{1, 7, 64, 500} {
			t.Run(fmt.Sprintf("2^%d-%d", bits, before), func(t *testing.T) {
				r := newOrdered(t)
				seat(t, r, uint64(1)<<bits-before)
				testMany(t, r, 1, 400, futex.Adaptive())
			})
			t.Run(fmt.Sprintf("2^%d-%d/killed", bits, before), func(t *testing.T) {
				r := newOrdered(t)
				closing(t, r)
				seat(t, r, uint64(1)<<bits-before)
				p, err := r.Producer()
				must(t, err)
				for i := range 3 { // a claim of 15 granules dies between two messages, across the bound
					must(t, p.TrySend(payload(uint64(i))))
					if i == 1 {
						q, err := r.Producer(ring.WithTag(3))
						must(t, err)
						_, err = q.TryReserve(15*64 - 8)
						must(t, err)
					}
				}
				r = killed(t, r)
				c, err := r.Consumer()
				must(t, err)
				for i := range 3 {
					b, err := c.Recv(t.Context(), nil)
					must(t, err)
					must(t, checkPayload(b, uint64(i)))
				}
				s, err := r.Stats()
				must(t, err)
				if s.Producer.Repaired < 15 || s.Producer.Repaired > 15+15 { // padding perhaps
					t.Errorf("%d granules skipped, want 15", s.Producer.Repaired)
				}
			})
		}
	}
}

// TestCase50_RecordsAtTheEnd sends records that end at the end of the ring, a granule
// short of it, and the greatest, from each granule, with a claim that stays before them.
func TestCase50_RecordsAtTheEnd(t *testing.T) {
	r := newOrdered(t)
	closing(t, r)
	p, err := r.Producer()
	must(t, err)
	c, err := r.Consumer()
	must(t, err)
	most := p.Config().MaxMessage
	if most != 4096/2-8 {
		t.Fatalf("greatest message %d, want %d", most, 4096/2-8)
	}
	for start := range 64 {
		for _, n := range []int{(64-start)*64 - 8, (63-start)*64 - 8, most} {
			if n < 0 || n > most {
				continue
			}
			for i := uint64(0); ; i++ { // to the granule
				s, err := r.Stats()
				must(t, err)
				if s.Tail%64 == uint64(start) {
					break
				}
				must(t, p.TrySend(nil))
				_, err = c.TryRecv(nil)
				must(t, err)
			}
			m := bytes.Repeat([]byte{byte(start)}, n)
			must(t, p.TrySend(m))
			b, err := c.TryRecv(nil)
			must(t, err)
			if !bytes.Equal(b, m) {
				t.Fatalf("%d bytes at granule %d differ", n, start)
			}
		}
	}
	for n := 0; ; n++ {
		if err := p.TrySend(nil); err == ring.ErrFull {
			if n != 64 {
				t.Errorf("full after %d messages of one granule, want 64", n)
			}
			break
		} else if must(t, err); n > 64 {
			t.Fatal("never full")
		}
	}
}

// All are killed at each moment of a claim: what was committed arrives, in order,
// nothing else, and the tag's successor knows what took effect.
func TestOrderedAllKilled(t *testing.T) {
	reserve := func(n int) func(*ring.Producer) error {
		return func(p *ring.Producer) error { _, err := p.TryReserve(n); return err }
	}
	stage := func(n int) func(*ring.Producer) error { return func(p *ring.Producer) error { return p.Stage(n) } }
	send := func(p *ring.Producer) error { return p.TrySend([]byte("sent")) }
	type steps []func(*ring.Producer) error
	for name, c := range map[string]struct {
		before int // granules used before
		do     steps
		sent   uint64
	}{
		"claimed":                       {0, steps{reserve(300)}, 0},
		"claimed across the end":        {60, steps{reserve(300)}, 0},
		"staged":                        {0, steps{reserve(8), stage(4)}, 0},
		"staged, and one more":          {0, steps{reserve(8), stage(4), reserve(100)}, 0},
		"staged across the end":         {62, steps{reserve(8), stage(4), reserve(200), stage(1), reserve(300)}, 0},
		"published, and one more":       {0, steps{reserve(8), stage(4), reserve(100), (*ring.Producer).Publish}, 1},
		"published twice, and one more": {62, steps{reserve(8), stage(4), reserve(200), stage(200), (*ring.Producer).Publish, reserve(9)}, 2},
		"aborted":                       {5, steps{reserve(300), func(p *ring.Producer) error { p.Abort(); return nil }}, 0},
		"aborted behind a staged one":   {5, steps{reserve(8), stage(4), reserve(300), func(p *ring.Producer) error { p.Abort(); return nil }}, 0},
		"sent":                          {0, steps{send}, 1},
		"sent, then aborted":            {0, steps{send, reserve(8), func(p *ring.Producer) error { p.Abort(); return nil }}, 1},
		"a batch": {60, steps{func(p *ring.Producer) error {
			n, err := p.TrySendBatch([][]byte{make([]byte, 8), make([]byte, 100), make([]byte, 200)})
			if n != 3 {
				return fmt.Errorf("%d sent, %v", n, err)
			}
			return err
		}}, 3},
	} {
		t.Run(name, func(t *testing.T) {
			r := newOrdered(t)
			closing(t, r)
			other, err := r.Producer()
			must(t, err)
			first, err := r.Consumer()
			must(t, err)
			for range c.before {
				must(t, other.TrySend(nil))
				_, err = first.TryRecv(nil)
				must(t, err)
			}
			p, err := r.Producer(ring.WithTag(1))
			must(t, err)
			must(t, other.TrySend([]byte("before")))
			for _, f := range c.do {
				must(t, f(p))
			}
			must(t, other.TrySend([]byte("after")))
			for _, by := range []string{"consumer", "attach", "recover"} {
				r := killed(t, r)
				if by == "recover" {
					_, err := r.Recover()
					must(t, err)
					if rec, err := r.Recover(); err != nil || rec != (ring.Recovery{}) {
						t.Errorf("Recover again: %+v, %v, want nothing", rec, err)
					}
				}
				check := func() {
					p, err := r.Producer(ring.WithTag(1))
					must(t, err)
					if p.Committed() != c.sent {
						t.Errorf("by %s: the successor finds %d sent, want %d", by, p.Committed(), c.sent)
					}
					must(t, p.TrySend([]byte("successor")))
				}
				if by == "attach" {
					check()
				}
				q, err := r.Consumer()
				must(t, err)
				want := []string{"before"}
				for range c.sent {
					want = append(want, "")
				}
				for _, w := range append(want, "after") {
					b, err := q.Recv(t.Context(), nil)
					must(t, err)
					if w != "" && string(b) != w {
						t.Errorf("by %s: received %q, want %q", by, b, w)
					}
				}
				if by != "attach" {
					// The words of the claim are overwritten before anybody asks.
					for range 200 {
						o, err := r.Producer()
						must(t, err)
						must(t, o.TrySend(nil))
						_, err = q.Recv(t.Context(), nil)
						must(t, err)
						must(t, o.Close())
						if _, err := q.TryRecv(nil); err != io.EOF {
							t.Fatalf("%v, want EOF", err)
						}
					}
					check()
				}
				b, err := q.Recv(t.Context(), nil)
				must(t, err)
				wantText(t, b, "successor")
			}
		})
	}
}

// TestCase16_AllKilled has dead claims fill the ring: whoever comes next goes on.
func TestCase16_AllKilled(t *testing.T) {
	r := newOrdered(t)
	closing(t, r)
	for range 2 { // of 32 granules each
		p, err := r.Producer()
		must(t, err)
		_, err = p.TryReserve(2040)
		must(t, err)
	}
	for _, first := range []string{"producer", "consumer"} {
		r := killed(t, r)
		var p *ring.Producer
		var c *ring.Consumer
		var err error
		attach := map[string]func(){
			"producer": func() { p, err = r.Producer(); must(t, err) },
			"consumer": func() { c, err = r.Consumer(); must(t, err) },
		}
		attach[first]()
		attach[map[string]string{"producer": "consumer", "consumer": "producer"}[first]]()
		done := make(chan error, 1)
		go func() { done <- p.Send(t.Context(), []byte("on")) }()
		b, err := c.Recv(t.Context(), nil)
		must(t, err)
		wantText(t, b, "on")
		must(t, <-done)
	}
}

// A consumer's successor gets again what was not released; there is one at a time.
func TestOrderedConsumers(t *testing.T) {
	r := newOrdered(t)
	closing(t, r)
	p, err := r.Producer()
	must(t, err)
	for i := range uint64(5) {
		must(t, p.TrySend(payload(i)))
	}
	c, err := r.Consumer()
	must(t, err)
	if _, err := r.Consumer(); !errors.Is(err, ring.ErrAttached) {
		t.Errorf("a second consumer: %v, want ErrAttached", err)
	}
	_, err = c.TryRecv(nil)
	must(t, err)
	if n, err := c.TryPeekBatch(make([][]byte, 3)); n != 3 || err != nil {
		t.Fatal(n, err)
	}
	r = killed(t, r)
	c, err = r.Consumer()
	must(t, err)
	for i := uint64(1); i < 5; i++ {
		b, err := c.TryRecv(nil)
		must(t, err)
		must(t, checkPayload(b, i))
	}
}

// Words and lengths that no peer writes are refused, never followed.
func TestOrderedCorrupt(t *testing.T) {
	unseen := map[string]bool{"length beyond the most": true, "length of 2^32-1": true, "more than the granules": true} // by repair
	for name, spoil := range map[string]func(word, data *uint64){
		"state 4":                  func(word, data *uint64) { *word = 4 },
		"state 63":                 func(word, data *uint64) { *word = 63 },
		"a lap without a state":    func(word, data *uint64) { *word = 64 },
		"the lap that comes next":  func(word, data *uint64) { *word = 64 | layout.GranuleCommitted },
		"padding of a whole lap":   func(word, data *uint64) { *word = layout.GranulePad },
		"length beyond the most":   func(word, data *uint64) { *data = 2041 | 33<<32 },
		"length of 2^32-1":         func(word, data *uint64) { *data = 1<<32 - 1 | 64<<32 },
		"no granules":              func(word, data *uint64) { *data = 0 },
		"more than the granules":   func(word, data *uint64) { *data = 200 | 3<<32 },
		"granules beyond the end":  func(word, data *uint64) { *data = 8 | 65<<32 },
		"granules beyond anything": func(word, data *uint64) { *data = 8 | (1<<32-1)<<32 },
	} {
		t.Run(name, func(t *testing.T) {
			r := newOrdered(t)
			closing(t, r)
			p, err := r.Producer()
			must(t, err)
			must(t, p.TrySend([]byte("message")))
			spoil(granule(t, r, 0))
			if _, err := r.Stats(); err != nil {
				t.Error(err)
			}
			if _, err := killed(t, r).Recover(); unseen[name] != (err == nil) || err != nil && !errors.Is(err, ring.ErrCorrupt) {
				t.Errorf("recover: %v, want ErrCorrupt: %v", err, !unseen[name])
			}
			for _, peek := range []bool{false, true} {
				c, err := r.Consumer()
				must(t, err)
				if peek {
					_, err = c.TryPeek()
				} else {
					_, err = c.TryRecv(nil)
				}
				if !errors.Is(err, ring.ErrCorrupt) {
					t.Errorf("%v, want ErrCorrupt", err)
				}
				must(t, c.Close())
			}
		})
	}
	for name, head := range map[string]uint64{"ahead of tail": 200, "far behind": 1<<64 - 64, "half a world away": 1 << 63} {
		t.Run("head "+name, func(t *testing.T) {
			r := newOrdered(t)
			closing(t, r)
			p, err := r.Producer()
			must(t, err)
			must(t, p.TrySend(nil))
			g := geometryOf(t, r)
			layout.CursorAt(r.Region().Bytes(), g.ConsumerArea).Position = head
			for err == nil {
				err = p.TrySend(nil)
			}
			if !errors.Is(err, ring.ErrCorrupt) {
				t.Errorf("%v, want ErrCorrupt", err)
			}
		})
	}
}

// FuzzOrdered lets every shared word hold anything, under a consumer, a producer and a
// repairer: an error, never a panic or a hang.
func FuzzOrdered(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3}, uint64(7))
	f.Add(binary.LittleEndian.AppendUint64(nil, 1<<44-1), ^uint64(0))
	f.Add(bytes.Repeat([]byte{3, 0, 0, 0, 0, 0, 0, 0}, 64), uint64(3))
	f.Fuzz(func(t *testing.T, words []byte, seed uint64) {
		r := newOrdered(t)
		defer r.Close()
		p, err := r.Producer()
		must(t, err)
		for i := range uint64(20) {
			must(t, p.TrySend(payload(i)))
		}
		g, b := geometryOf(t, r), r.Region().Bytes()
		at := []uint64{g.ProducerArea, g.ConsumerArea, g.MemberArea, g.MemberArea + g.Stride, g.WordTable, g.DataArea}
		for i := 0; i+8 <= len(words); i += 8 {
			x := seed*0x9E3779B97F4A7C15 + uint64(i)*0xBF58476D1CE4E5B9
			off := at[x>>60%uint64(len(at))] + x>>20%64*8
			*layout.WordAt(b, off) = binary.LittleEndian.Uint64(words[i:])
		}
		if _, err := r.Stats(); err != nil {
			return
		}
		r.Recover()
		if c, err := r.Consumer(); err == nil {
			for range 200 {
				if _, err := c.TryRecv(nil); err != nil {
					break
				}
			}
		}
		for range 200 {
			if p.TrySend([]byte("more")) != nil {
				break
			}
		}
	})
}
