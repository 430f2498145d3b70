package ring_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync"
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
	"annulus/shm"
)

func init() {
	// cast-crash NAME SENT SIZE STATE sends, then comes to that state of one more record
	// and waits to be killed.
	roles["cast-crash"] = func(args []string) error {
		r, p, err := producerOf(args[0])
		if err != nil {
			return err
		}
		sent, _ := strconv.Atoi(args[1])
		size, _ := strconv.Atoi(args[2])
		for n := range sent {
			if err := p.TrySend(payload(uint64(n))); err != nil {
				return err
			}
		}
		b, err := p.Reserve(context.Background(), size)
		if err != nil {
			return err
		}
		if args[3] != "intent" {
			for i := range b[:len(b)/2] {
				b[i] = 0xEE
			}
		}
		if args[3] == "staged" || args[3] == "latest" {
			if err := p.Stage(size); err != nil {
				return err
			}
		}
		if args[3] == "latest" {
			m := r.Region().Bytes()
			g, _, err := layout.Decode(m[:layout.HeaderSize], uint64(len(m)))
			if err != nil {
				return err
			}
			c := layout.CursorAt(m, g.ProducerArea)
			left := g.Capacity - c.Position%g.Capacity
			c.Latest = c.Position
			if uint64(size)+8 > left {
				c.Latest += left
			}
		}
		return killMe()
	}
}

// The writer is killed after it has raised intent, in the middle of a payload, with all
// written and nothing published, or between latest and tail; its record is short or long, and lies
// anywhere in the ring, also at its end. No reader accepts anything torn or invented, the
// successor's first message arrives, and intent never decreases.
func TestCase14_BroadcastWriterKilled(t *testing.T) {
	for _, state := range []string{"intent", "payload", "staged", "latest"} {
		for _, size := range []int{24, 1016} {
			t.Run(fmt.Sprintf("%s-%d", state, size), func(t *testing.T) {
				for sent := 78; sent < 118; sent += 13 - size/200 { // some 40 bytes each: around the second wrap
					caseWriterKilled(t, state, size, sent)
				}
			})
		}
	}
}

func caseWriterKilled(t *testing.T, state string, size, sent int) {
	name, r := castNamed(t, ring.OverrunOverwrite, 0)
	slow, err := r.Consumer() // a lap behind, or two: what it is about to read is being overwritten
	must(t, err)
	child := start(t, "cast-crash", name, fmt.Sprint(sent), fmt.Sprint(size), state)
	child.Expect("begun")
	mid, err := r.Consumer(ring.WithBacklog()) // from where the lap began
	must(t, err)
	fast, err := r.Consumer()
	must(t, err)
	_, e := castWords(t, r)
	intent := e.Intent
	child.Kill()
	received := map[*ring.Consumer]int{}
	next := map[*ring.Consumer]uint64{mid: ^uint64(0), fast: uint64(sent)}
	readers := map[string]*ring.Consumer{"slow": slow, "mid": mid, "fast": fast}
	drain := func(end uint64) {
		t.Helper()
		for who, c := range readers {
			for {
				m, err := c.TryRecv(nil)
				if err == ring.ErrEmpty {
					break
				}
				var over *ring.OverrunError
				if errors.As(err, &over) && c != fast {
					next[c] += over.Lost
					continue
				}
				must(t, err)
				n := binary.LittleEndian.Uint64(m)
				if next[c] == ^uint64(0) {
					next[c] = n
				}
				if err := checkPayload(m, n); err != nil || n != next[c] {
					t.Fatalf("%d sent, %s reader: message %d, want %d, %v", sent, who, n, next[c], err)
				}
				next[c]++
				received[c]++
			}
			if next[c] != end && next[c] != ^uint64(0) {
				t.Fatalf("%d sent, %s reader: got to message %d of %d", sent, who, next[c], end)
			}
		}
	}
	drain(uint64(sent)) // also while nobody writes, and without spinning
	p, err := r.Producer()
	must(t, err)
	for n := uint64(sent); n < uint64(sent)+300; n++ {
		must(t, p.TrySend(payload(n)))
		if int64(e.Intent-intent) < 0 {
			t.Fatalf("intent went from %d to %d", intent, e.Intent)
		}
		intent = e.Intent
		if n%40 == 0 || n < uint64(sent)+3 {
			drain(n + 1)
		}
	}
	must(t, p.Close())
	for _, c := range readers {
		for {
			if _, err := c.TryRecv(nil); err == io.EOF {
				break
			} else if err != nil && !errors.Is(err, ring.ErrOverrun) {
				t.Fatal(err)
			}
		}
	}
	if received[fast] == 0 || received[slow] == 0 {
		t.Fatal("nothing was received")
	}
}

// Writers are killed at random moments, one after the other, while readers check
// every message. All end.
func TestCase14_BroadcastWritersKilledAtRandom(t *testing.T) {
	for _, o := range []ring.Overrun{ring.OverrunOverwrite, ring.OverrunBlock} {
		t.Run(o.String(), func(t *testing.T) {
			name, r := castNamed(t, o, 0)
			blind, err := ring.Open(name, ring.WithRegion(shm.ReadOnly()))
			must(t, err)
			closing(t, blind)
			handles := []*ring.Ring{r, r}
			if o == ring.OverrunOverwrite {
				handles = append(handles, blind)
			} else if _, err := blind.Consumer(); err == nil {
				t.Error("a consumer that is waited for has attached to a ring opened read-only")
			}
			var reading sync.WaitGroup
			received := make([]uint64, len(handles))
			for i, h := range handles {
				c, err := h.Consumer()
				must(t, err)
				reading.Go(func() {
					next := uint64(0)
					for m, err := range c.All(t.Context()) {
						if errors.Is(err, ring.ErrOverrun) && o == ring.OverrunOverwrite {
							continue
						}
						if err != nil {
							t.Error(err)
							return
						}
						n := binary.LittleEndian.Uint64(m)
						if err := checkPayload(m, n); err != nil || n < next || o == ring.OverrunBlock && n != next && n%1e9 != 0 {
							t.Errorf("reader %d: message %d, expected %d, %v", i, n, next, err)
							return
						}
						next = n + 1
						received[i]++
					}
				})
			}
			for round := range 25 {
				child := start(t, "produce", name, "0", fmt.Sprint(round*1e9))
				child.Expect("begun")
				before := mustStats(t, r).Tail
				eventually(t, "it sends", func() bool { return mustStats(t, r).Tail-before > uint64(round*777) })
				child.Kill()
			}
			p, err := r.Producer()
			must(t, err)
			must(t, p.Close())
			reading.Wait()
			for i, n := range received {
				if n == 0 {
					t.Errorf("reader %d received nothing", i)
				}
			}
		})
	}
}

func mustStats(t testing.TB, r *ring.Ring) ring.Stats {
	s, err := r.Stats()
	must(t, err)
	return s
}

// Positions pass 2^32, 2^63 and 2^64, numbers 2^32 and 2^64, like all others.
func TestBroadcastPositions(t *testing.T) {
	for _, o := range []ring.Overrun{ring.OverrunOverwrite, ring.OverrunBlock, ring.OverrunDrop} {
		for _, pos := range []uint64{1<<32 - 6000, 1<<63 - 6000, ^uint64(0) - 5999} {
			r := castRing(t, o)
			seat(t, r, pos)
			p, err := r.Producer()
			must(t, err)
			c, err := r.Consumer()
			must(t, err)
			slow, err := r.Consumer()
			must(t, err)
			max := payload(0)[:0:0]
			max = append(max, make([]byte, r.Config().MaxMessage)...)
			sent, lost, dropped := 0, uint64(0), uint64(0)
			for n := range uint64(400) {
				m := payload(n)
				if n%7 == 3 {
					m = max
				}
				must(t, p.TrySend(m))
				if d := p.Dropped(); d != dropped {
					dropped = d
				} else {
					sent++
					got, err := c.TryRecv(nil)
					must(t, err)
					if string(got) != string(m) {
						t.Fatalf("%v at %#x: message %d differs", o, pos, n)
					}
				}
				if n%50 != 49 && (o == ring.OverrunOverwrite || n%3 == 0) {
					continue
				}
				for {
					_, err := slow.TryRecv(nil)
					var over *ring.OverrunError
					if errors.As(err, &over) {
						lost += over.Lost
						continue
					}
					if err == ring.ErrEmpty {
						break
					}
					must(t, err)
					lost++
				}
			}
			if lost != uint64(sent) {
				t.Errorf("%v at %#x: the slow reader received or lost %d of %d", o, pos, lost, sent)
			}
			if (o == ring.OverrunOverwrite) != (slow.Lost() > 0) || c.Lost() != 0 {
				t.Errorf("%v at %#x: %d and %d lost", o, pos, slow.Lost(), c.Lost())
			}
		}
	}
}

// Whatever stands in shared memory, every call returns, with an error that says
// so or with what it can make of it.
func TestBroadcastCorruptWords(t *testing.T) {
	values := []uint64{0, 1, 8, 4096, 1 << 31, 1<<32 - 1, 1 << 32, 1 << 62, 1 << 63, ^uint64(0), ^uint64(7)}
	for _, o := range []ring.Overrun{ring.OverrunOverwrite, ring.OverrunBlock, ring.OverrunDrop} {
		for word := range 9 {
			for _, v := range values {
				for _, add := range []bool{false, true} {
					corruptWord(t, o, word, v, add)
				}
			}
		}
	}
}

func corruptWord(t *testing.T, o ring.Overrun, word int, v uint64, add bool) {
	r := castRing(t, o)
	p, err := r.Producer()
	must(t, err)
	c, err := r.Consumer()
	must(t, err)
	late, err := r.Consumer()
	must(t, err)
	g, b := geometryOf(t, r), r.Region().Bytes()
	for n := range uint64(60) {
		must(t, p.TrySend(payload(n)))
		if n%2 == 0 {
			if _, err := c.TryRecv(nil); err != nil {
				t.Fatal(err)
			}
		}
	}
	cur, e := castWords(t, r)
	m, h := layout.MemberAt(b, g.MemberArea, g.Stride, 0), layout.HolderAt(b, g.MemberArea, g.Stride, 1)
	state := uint64(h.State)
	pos := m.Drawn % g.Capacity
	w := []*uint64{
		&cur.Position, &cur.Latest, &cur.Messages, &e.Intent, &m.Drawn, &state, &m.Intent,
		layout.WordAt(b, g.DataArea+pos), layout.WordAt(b, g.DataArea+cur.Latest%g.Capacity),
	}[word]
	if add {
		v += *w
	}
	*w = v
	h.State = uint32(state)
	ok := func(what string, err error) {
		if err != nil && !errors.Is(err, ring.ErrCorrupt) && !errors.Is(err, ring.ErrOverrun) && err != ring.ErrEmpty && err != ring.ErrFull && err != io.EOF &&
			!errors.Is(err, ring.ErrAttached) {
			t.Errorf("%v, word %d = %#x: %s: %v", o, word, v, what, err)
		}
	}
	for n := range uint64(100) {
		for _, c := range []*ring.Consumer{c, late} {
			m, err := c.TryRecv(nil)
			ok("receive", err)
			if err == nil && len(m) > r.Config().MaxMessage {
				t.Errorf("%d bytes", len(m))
			}
			if n%10 == 0 {
				views := make([][]byte, 5)
				_, err = c.TryPeekBatch(views)
				ok("peek", err)
				ok("release", c.Release())
			}
		}
		if n%4 == 3 {
			ok("send", p.TrySend(payload(n)))
		}
	}
	_, err = r.Stats()
	must(t, err)
	must(t, p.Close())
	p, err = r.Producer()
	ok("attach a producer", err)
	if err == nil {
		ok("send", p.TrySend(payload(1)))
	}
	for _, opt := range [][]ring.EndpointOption{nil, {ring.WithBacklog()}} {
		c, err := r.Consumer(opt...)
		ok("attach a consumer", err)
		if err == nil {
			_, err = c.TryRecv(nil)
			ok("receive", err)
		}
	}
}
