package ring_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/ring"
)

// lanesOn makes an MPSC ring with producers attached.
func lanesOn(t testing.TB, c ring.Config, producers int, opts ...ring.EndpointOption) (*ring.Ring, []*ring.Producer) {
	t.Helper()
	c.Topology, c.Members = ring.MPSC, max(c.Members, producers, 2)
	r, err := ring.New(c)
	must(t, err)
	closing(t, r)
	ps := make([]*ring.Producer, producers)
	for i := range ps {
		ps[i], err = r.Producer(opts...)
		must(t, err)
	}
	return r, ps
}

func word(n uint64) []byte { return binary.LittleEndian.AppendUint64(nil, n) }

// Producers come while the consumer sleeps, each to a lane that was never looked at,
// send one message and go; the last one's going is the end.
func TestLanesComeAndGo(t *testing.T) {
	for _, kind := range []ring.Kind{ring.Bytes, ring.Slots} {
		r, ps := lanesOn(t, ring.Config{Kind: kind, Capacity: 4096, SlotSize: map[ring.Kind]int{ring.Slots: 8}[kind], Members: 40}, 1)
		c, err := r.Consumer(ring.WithStrategy(unbounded(futex.Futex())))
		must(t, err)
		got, errs := make(chan uint64), make(chan error)
		go func() {
			for m, err := range c.All(context.Background()) {
				if err != nil {
					errs <- err
				}
				got <- binary.LittleEndian.Uint64(m)
			}
			errs <- nil
		}()
		for i := range uint64(200) {
			eventually(t, "the consumer waits", c.Waiting)
			p, err := r.Producer()
			must(t, err)
			must(t, p.TrySend(word(i)))
			if n := <-got; n != i {
				t.Fatalf("message %d, want %d", n, i)
			}
			if i >= 38 {
				must(t, ps[len(ps)-38].Close())
			}
			ps = append(ps, p)
		}
		for _, p := range ps {
			if err := p.Close(); err != nil && !errors.Is(err, ring.ErrClosed) {
				t.Error(err)
			}
		}
		must(t, <-errs)
	}
}

// A producer that is always faster than the consumer does not keep others back.
func TestLanesFair(t *testing.T) {
	for _, config := range []ring.Config{{Capacity: 1 << 16}, {Kind: ring.Slots, Capacity: 1 << 12, SlotSize: 8}} {
		r, ps := lanesOn(t, config, 3)
		c, err := r.Consumer()
		must(t, err)
		fill := func(p *ring.Producer) {
			for p.TrySend(word(0)) == nil {
			}
		}
		fill(ps[0])
		must(t, ps[1].TrySend(word(1)))
		must(t, ps[2].TrySend(word(2)))
		want, n := map[uint64]bool{1: true, 2: true}, 0
		for ; len(want) > 0; n++ {
			b, err := c.TryRecv(nil)
			must(t, err)
			delete(want, binary.LittleEndian.Uint64(b))
			fill(ps[0])
		}
		if n > 1024 {
			t.Errorf("%s: %d messages of a fast producer before those of others", config.Kind, n)
		}
	}
}

// What is peeked together may lie in several lanes, and is released together; a
// consumer that is gone before leaves all of it.
func TestLanesPeek(t *testing.T) {
	const each = 30
	for _, config := range []ring.Config{{Capacity: 1 << 16}, {Kind: ring.Slots, Capacity: 32, SlotSize: 8}} {
		r, ps := lanesOn(t, config, 4)
		for _, p := range ps {
			for i := range uint64(each) {
				must(t, p.TrySend(word(i)))
			}
		}
		views := make([][]byte, 1000)
		for _, release := range []bool{false, true} {
			c, err := r.Consumer()
			must(t, err)
			n, err := c.TryPeekBatch(views)
			must(t, err)
			if n != len(ps)*each {
				t.Fatalf("%s: %d messages at hand, want %d", config.Kind, n, len(ps)*each)
			}
			for i, b := range views[:n] {
				if got := binary.LittleEndian.Uint64(b); got != uint64(i%each) {
					t.Fatalf("%s: message %d, want %d", config.Kind, got, i%each)
				}
			}
			if release {
				must(t, c.Release())
			}
			s, err := r.Stats()
			must(t, err)
			if release != (s.Occupied == 0) || release != (s.Consumer.Messages == uint64(len(ps)*each)) || !release && s.Consumer.Messages != 0 || s.Producer.Messages != uint64(len(ps)*each) {
				t.Errorf("%s: %d occupied, %d received, %d sent; released: %v", config.Kind, s.Occupied, s.Consumer.Messages, s.Producer.Messages, release)
			}
			must(t, c.Close())
		}
	}
}

func TestLanesTyped(t *testing.T) {
	type tick struct{ From, Seq uint64 }
	config := ring.SlotsOf[tick](16)
	config.Topology, config.Members = ring.MPSC, 4
	r, err := ring.New(config)
	must(t, err)
	closing(t, r)
	c, err := ring.NewConsumerOf[tick](r)
	must(t, err)
	const each = 5000
	errs := make(chan error, 4)
	for from := range uint64(4) {
		p, err := ring.NewProducerOf[tick](r)
		must(t, err)
		go func() {
			batch := make([]tick, 0, 7)
			for seq := range uint64(each) {
				if from%2 == 0 {
					if err := p.Send(t.Context(), tick{from, seq}); err != nil {
						errs <- err
						return
					}
					continue
				}
				if batch = append(batch, tick{from, seq}); len(batch) == cap(batch) || seq == each-1 {
					if _, err := p.SendBatch(t.Context(), batch); err != nil {
						errs <- err
						return
					}
					batch = batch[:0]
				}
			}
			errs <- p.Close()
		}()
	}
	var next [4]uint64
	check := func(v tick) {
		if v.Seq != next[v.From] {
			t.Fatalf("message %d of %d, want %d", v.Seq, v.From, next[v.From])
		}
		next[v.From]++
	}
	for err, vs := error(nil), make([]tick, 50); err == nil; {
		var n int
		if n, err = c.RecvBatch(t.Context(), vs); err == nil {
			for _, v := range vs[:n] {
				check(v)
			}
			var v tick
			if v, err = c.Recv(t.Context()); err == nil {
				check(v)
			}
		}
		if err != nil && err != io.EOF {
			t.Fatal(err)
		}
	}
	for range next {
		must(t, <-errs)
	}
	if next != [4]uint64{each, each, each, each} {
		t.Errorf("received %v", next)
	}
}

// One lane of nonsense is reported once; the others go on, for the next consumer too.
func TestLanesCorrupt(t *testing.T) {
	for what, spoil := range map[string]func(*ring.Ring, layout.Geometry){
		"header": func(r *ring.Ring, g layout.Geometry) {
			*layout.WordAt(r.Region().Bytes(), g.Lane(1)) = layout.RecordCommitted | 5000
		},
		"padding": func(r *ring.Ring, g layout.Geometry) {
			*layout.WordAt(r.Region().Bytes(), g.Lane(1)) = layout.RecordCommitted | layout.RecordPad | 8
		},
		"nonsense": func(r *ring.Ring, g layout.Geometry) {
			*layout.WordAt(r.Region().Bytes(), g.Lane(1)) = ^uint64(0)
		},
		"head": func(r *ring.Ring, g layout.Geometry) {
			layout.LaneCursorAt(r.Region().Bytes(), g.LaneConsumers, g.Stride, 1).Position = 4001
		},
	} {
		t.Run(what, func(t *testing.T) {
			r, ps := lanesOn(t, ring.Config{Capacity: 4096}, 3)
			for i, p := range ps {
				must(t, p.TrySend(word(uint64(i))))
			}
			spoil(r, geometryOf(t, r))
			for round := range 2 {
				c, err := r.Consumer()
				must(t, err)
				corrupt := 0
				for i := uint64(10); i < 300; i++ {
					must(t, ps[2].TrySend(word(i)))
					b, err := c.TryRecv(nil)
					if errors.Is(err, ring.ErrCorrupt) {
						corrupt++
						if !strings.Contains(err.Error(), "lane 1") {
							t.Errorf("%q does not say which lane", err)
						}
					} else if err != nil {
						t.Fatal(err)
					} else if binary.LittleEndian.Uint64(b) == 1 {
						t.Error("a message from the spoilt lane")
					}
				}
				if corrupt != 1 {
					t.Errorf("reported %d times, want once", corrupt)
				}
				for err = nil; err == nil; _, err = c.TryRecv(nil) {
				}
				if err != ring.ErrEmpty {
					t.Errorf("at last %v, want ErrEmpty", err)
				}
				ctx, cancel := context.WithCancel(t.Context()) // and it can sleep
				go func() { eventually(t, "the consumer waits", c.Waiting); cancel() }()
				if _, err := c.Recv(ctx, nil); !errors.Is(err, context.Canceled) {
					t.Errorf("waiting: %v, want Canceled", err)
				}
				if round == 0 {
					must(t, c.Close())
				}
			}
			// The producer of that lane finds its own cursor words wrong, or just a full lane.
			var err error
			for err == nil {
				err = ps[1].TrySend(word(0))
			}
			if what == "head" != errors.Is(err, ring.ErrCorrupt) {
				t.Errorf("sending into the spoilt lane: %v", err)
			}
		})
	}
}

// Positions run over 2^32, 2^63 and 2^64 without a trace.
func TestLanesPositions(t *testing.T) {
	for _, config := range []ring.Config{{Capacity: 4096}, {Kind: ring.Slots, Capacity: 16, SlotSize: 24}} {
		for _, start := range []uint64{1<<32 - 2048, 1<<63 - 2048, ^uint64(2047), 1<<56 - 2048} {
			t.Run(fmt.Sprintf("%s/%#x", config.Kind, start), func(t *testing.T) {
				config.Topology, config.Members = ring.MPSC, 3
				r, err := ring.New(config)
				must(t, err)
				closing(t, r)
				seat(t, r, start)
				var ps []*ring.Producer
				for i := range 3 {
					p, err := r.Producer(ring.WithTag(uint64(i + 1)))
					must(t, err)
					ps = append(ps, p)
				}
				c, err := r.Consumer()
				must(t, err)
				var next [3]uint64
				msg := make([]byte, 24)
				for n := range uint64(3000) {
					for i := range ps {
						binary.LittleEndian.PutUint64(msg, uint64(i))
						binary.LittleEndian.PutUint64(msg[8:], n)
						must(t, ps[i].TrySend(msg))
					}
					if n%1000 == 999 { // takeovers, with messages in the lanes
						must(t, c.Close())
						next := killed(t, r)
						for i := range ps {
							ps[i], err = next.Producer(ring.WithTag(uint64(i + 1)))
							must(t, err)
						}
						r = next
						c, err = r.Consumer()
						must(t, err)
					}
					for range 3 {
						b, err := c.TryRecv(nil)
						must(t, err)
						from, seq := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
						if seq != next[from] {
							t.Fatalf("message %d of %d, want %d", seq, from, next[from])
						}
						next[from]++
					}
				}
				unit := map[ring.Kind]uint64{ring.Bytes: 32, ring.Slots: 1}[r.Config().Kind]
				for i, p := range ps {
					if got := p.Committed() - start; got != 3000*unit {
						t.Errorf("producer %d has committed %d, want %d", i, got, 3000*unit)
					}
				}
			})
		}
	}
}

// A ring of lanes has no claims that could be left.
func TestLanesRecover(t *testing.T) {
	r, ps := lanesOn(t, ring.Config{}, 2)
	_, err := ps[0].TryReserve(8)
	must(t, err)
	if rec, err := r.Recover(); err != nil || rec != (ring.Recovery{}) {
		t.Errorf("%+v, %v, want nothing", rec, err)
	}
	if _, err := r.Producer(); !errors.Is(err, ring.ErrAttached) || !strings.Contains(err.Error(), "all 2 entries") {
		t.Errorf("beyond the table: %v, want ErrAttached that says how many there may be", err)
	}
}
