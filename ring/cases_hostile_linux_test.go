package ring_test

import (
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annulus/internal/layout"
	"annulus/internal/race"
	"annulus/ring"
)

// Values that no peer writes, in every word of a ring, with guard pages around it.

// spoilt lists the words of a ring that endpoints go by, and for each the values that
// may be harmful.
func spoilt(r *ring.Ring, g layout.Geometry) map[string]*uint64 {
	b := r.Region().Bytes()
	words := map[string]*uint64{
		"tail": &layout.CursorAt(b, g.ProducerArea).Position, "head": &layout.CursorAt(b, g.ConsumerArea).Position,
		"first word": layout.WordAt(b, g.DataArea),
	}
	second := uint64(16) // of a record of 8 bytes
	if g.Kind == layout.KindSlots {
		second = g.SlotStride
	}
	words["second word"] = layout.WordAt(b, g.DataArea+second)
	if g.Members > 0 {
		words["length"] = layout.WordAt(b, g.DataArea+layout.SlotLength)
		for i := range uint64(2) {
			m := layout.MemberAt(b, g.MemberArea, g.Stride, i)
			for name, w := range map[string]*uint64{"intent": &m.Intent, "sent": &m.Sent, "drawn": &m.Drawn, "base": &m.Base, "skipped": &m.Skipped} {
				words[name+string(rune('0'+i))] = w
			}
		}
	}
	return words
}

func hostile(size uint64) []uint64 {
	list := []uint64{0, 1, 2, 3, 4, 5, 6, 7, 8, 0xFF, size - 1, size, size + 1, 1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<32 + 8,
		1<<33 | 1<<32, 3<<32 | (size - 8), 1 << 34, 1<<56 - 1, 1 << 56, 255 << 56, 255<<56 | 1, 1 << 63, 1<<63 + 1, ^uint64(0), ^uint64(7)}
	for lap := range uint64(3) {
		for state := range uint64(8) {
			list = append(list, lap<<layout.SlotLapShift|state, lap<<layout.SlotLapShift|layout.SlotRedeliverMask|state)
		}
	}
	return list
}

// use sends, receives, repairs and looks, until nothing more comes of it. What it
// returns is what a call may say of a spoilt ring; anything else is an error of the test.
func use(t *testing.T, r *ring.Ring, seed int) (corrupt bool) {
	t.Helper()
	note := func(err error) bool {
		if err != nil && err != ring.ErrFull && err != ring.ErrEmpty && err != ring.ErrHeld && err != io.EOF &&
			!errors.Is(err, ring.ErrCorrupt) && !errors.Is(err, ring.ErrClosed) && !errors.Is(err, ring.ErrAttached) {
			t.Errorf("%v", err)
		}
		corrupt = corrupt || errors.Is(err, ring.ErrCorrupt)
		return err == nil
	}
	for range 2 {
		if p, err := r.Producer(); note(err) {
			for i := range 100 + seed%3 {
				if i%7 == 0 {
					b, err := p.TryReserve(8)
					if note(err) {
						copy(b, "reserved")
						note(p.Stage(8))
					}
					continue
				}
				note(p.TrySend(make([]byte, 8)))
			}
			p.Committed()
			note(p.Close())
		}
		if c, err := r.Consumer(); note(err) {
			n := 0
			for ; n < 3000; n++ {
				if n%5 == 0 {
					if _, err := c.TryPeekBatch(make([][]byte, 3)); !note(err) {
						break
					}
					note(c.Release())
				} else if _, err := c.TryRecv(nil); !note(err) && n > 300 {
					break
				}
			}
			if n == 3000 {
				t.Error("there is no end of messages")
			}
			note(c.Close())
		}
		_, err := r.Recover()
		note(err)
		_, err = r.Stats()
		note(err)
	}
	return corrupt
}

var hostileConfigs = []ring.Config{
	{Capacity: 4096},
	{Kind: ring.Slots, Capacity: 4, SlotSize: 8},
	{Topology: ring.MPMC, Capacity: 4, SlotSize: 8, Members: 4},
	{Topology: ring.MPMC, Capacity: 4, SlotSize: 8, Members: 4, Redeliver: true},
}

// testHostile puts each harmful value into each of the words that names says, of a ring
// with two messages in it.
func testHostile(t *testing.T, names ...string) {
	for _, config := range hostileConfigs {
		r := guarded(t, config)
		g := geometryOf(t, r)
		clean := string(r.Region().Bytes())
		tried, corrupt := 0, 0
		words := spoilt(r, g)
		for name, word := range words {
			listed := false
			for _, n := range names {
				listed = listed || n == name || n == name[:len(name)-1]
			}
			if !listed {
				continue
			}
			for i, v := range hostile(g.Capacity) {
				copy(r.Region().Bytes(), clean)
				p, err := r.Producer()
				must(t, err)
				must(t, p.TrySend([]byte("8 bytes.")))
				must(t, p.TrySend([]byte("8 bytes.")))
				must(t, p.Close())
				atomic.StoreUint64(word, v)
				tried++
				if use(t, r, i) {
					corrupt++
				}
				if t.Failed() {
					t.Fatalf("%v %v: %s = %#x", config.Topology, config.Kind, name, v)
				}
			}
		}
		copy(r.Region().Bytes(), clean)
		t.Logf("%v %v: %d values tried, %d found out", r.Config().Topology, r.Config().Kind, tried, corrupt)
		// A word of an SPSC slot is the one that is waited for or not: there is nothing to
		// find out.
		if corrupt == 0 && (g.Kind == layout.KindBytes || g.Members > 0) {
			t.Errorf("nothing was ever found out")
		}
	}
}

// Positions that jump back, ahead, by half the range, or off their alignment.
func TestCase44_HostilePositions(t *testing.T) { testHostile(t, "tail", "head") }

// Headers, lengths, states, flags and intents of any value.
func TestCase45_HostileWords(t *testing.T) {
	testHostile(t, "first word", "second word", "length", "intent", "sent", "drawn", "base", "skipped")
}

// Words that change while they are looked at: what was checked is what is used.
func TestCase46_FlippedWhileChecked(t *testing.T) {
	if race.Enabled {
		t.Skip("the flips are a race; the plain run shows what comes of it")
	}
	for _, config := range hostileConfigs {
		r := guarded(t, config)
		g := geometryOf(t, r)
		clean := string(r.Region().Bytes())
		words := spoilt(r, g)
		names := []string{"first word", "second word"}
		good := uint64(layout.RecordCommitted | 8)
		if g.Kind == layout.KindSlots {
			good = layout.SlotCommitted
		}
		if g.Members > 0 {
			names = append(names, "length")
		}
		var over atomic.Bool
		var flips atomic.Int64
		var wg sync.WaitGroup
		wg.Go(func() {
			rng := rand.New(rand.NewPCG(4, 6))
			bad := hostile(g.Capacity)
			n := int64(0)
			for !over.Load() {
				w := words[names[rng.IntN(len(names))]]
				v := bad[rng.IntN(len(bad))]
				for range 200 {
					atomic.StoreUint64(w, v) // not plain: the compiler would leave one out
					atomic.StoreUint64(w, good)
					n += 2
				}
			}
			flips.Store(n)
		})
		corrupt, rounds := 0, 0
		for begin := time.Now(); time.Since(begin) < 400*time.Millisecond || rounds < 20; rounds++ {
			copy(r.Region().Bytes()[layout.HeaderSize:], clean[layout.HeaderSize:])
			for _, side := range []*uint64{words["tail"], words["head"]} {
				atomic.StoreUint64(side, 0)
			}
			if useFlipped(t, r) {
				corrupt++
			}
		}
		over.Store(true)
		wg.Wait()
		t.Logf("%v %v: %d flips, %d rounds, %d of them found out", r.Config().Topology, r.Config().Kind, flips.Load(), rounds, corrupt)
		if corrupt == 0 && (g.Kind == layout.KindBytes || g.Members > 0) {
			t.Errorf("no flip was ever seen")
		}
	}
}

// useFlipped receives and sends while the words change: no call may leave the ring, hang, or
// hand out more than a message can have.
func useFlipped(t *testing.T, r *ring.Ring) (corrupt bool) {
	limit := r.Config().MaxMessage
	sum := byte(0)
	if c, err := r.Consumer(); err == nil {
		for range 200 {
			b, err := c.TryPeek()
			if err == nil {
				for _, x := range b {
					sum += x
				}
			}
			if len(b) > max(limit, r.Config().Capacity) {
				t.Fatalf("a message of %d bytes", len(b))
			}
			corrupt = corrupt || errors.Is(err, ring.ErrCorrupt)
			c.Release()
			if b, err = c.TryRecv(nil); len(b) > max(limit, r.Config().Capacity) {
				t.Fatalf("a message of %d bytes", len(b))
			}
			corrupt = corrupt || errors.Is(err, ring.ErrCorrupt)
		}
		c.Close()
	}
	if p, err := r.Producer(); err == nil {
		for range 20 {
			err := p.TrySend([]byte{sum, 1, 2, 3, 4, 5, 6, 7})
			corrupt = corrupt || errors.Is(err, ring.ErrCorrupt)
		}
		p.Close()
	}
	return corrupt
}
