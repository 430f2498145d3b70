package stress

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/ring"
)

// attack offers one ring after the other and writes nonsense over its own side of it,
// which is all that it can write, until the victim wants the next one.
func attack(seed uint64, l *ledger) error {
	c, err := newCompany(seed, l)
	if err != nil {
		return err
	}
	defer c.conn.Close()
	own := rand.New(rand.NewPCG(seed, 5))
	var flips atomic.Uint64
	for {
		role, config := c.draw()
		r, err := ring.Offer(context.Background(), c.conn, role, config, ring.WithPeer(anybody))
		if over(err) {
			return nil
		}
		if err != nil {
			return err
		}
		var done atomic.Bool
		var all sync.WaitGroup
		for range 2 {
			a := assault{r: r, b: r.Region().Bytes(), role: role, rng: rand.New(rand.NewPCG(own.Uint64(), 6))}
			a.plan()
			all.Go(func() {
				for !done.Load() {
					l.set(wordFlips, flips.Add(a.burst()))
				}
			})
		}
		_, err = c.conn.Read(make([]byte, 1))
		done.Store(true)
		all.Wait()
		r.Close() // it may find its own nonsense
		if err != nil {
			return nil
		}
	}
}

// assault is one thread that writes.
type assault struct {
	r    *ring.Ring
	b    []byte
	role ring.Role
	rng  *rand.Rand

	area, data, size, step uint64 // where its words and its records or slots are
	stride                 uint64
	near                   uint64 // how far from where the victim is it aims; 0: anywhere
	values                 []uint64
}

// plan draws where to write, and what.
func (a *assault) plan() {
	raw := append([]byte(nil), a.b[:layout.HeaderSize]...)
	g, _, err := layout.DecodePart(raw, uint64(len(a.b)), uint32(a.role))
	if err != nil {
		panic(err) // nobody else has written it
	}
	a.area, a.stride, a.step = g.ProducerArea, g.Stride, layout.WordSize
	if a.role == ring.AsConsumer {
		a.area = g.ConsumerArea
	} else {
		a.data, a.size = g.DataArea, g.DataSize
	}
	n := g.Capacity
	valid := []uint64{0, layout.RecordCommitted, layout.RecordCommitted | 8, layout.RecordCommitted | 16, layout.RecordCommitted | 24,
		layout.RecordCommitted | 100, layout.RecordCommitted | g.MaxMessage}
	wild := []uint64{1, 8, n - 8, n, n + 8, 1<<32 - 1, 1<<31 - 1, layout.RecordCommitted | (g.MaxMessage + 1), layout.RecordCommitted | (n - 8),
		layout.RecordCommitted | 1<<31, layout.RecordCommitted | (1<<32 - 1), layout.RecordCommitted | layout.RecordPad | (n - 8), 1 << 34, 1 << 63, ^uint64(0), ^uint64(7)}
	if g.Kind == layout.KindSlots {
		a.step = g.SlotStride
		valid = valid[:1]
		for lap := range uint64(40) {
			valid = append(valid, lap<<layout.SlotLapShift|layout.SlotCommitted)
		}
	}
	switch a.values = valid; a.rng.IntN(4) {
	case 0: // what could be true keeps a victim at work for long
	case 1:
		a.values = wild
	default:
		a.values = append(valid, wild[a.rng.IntN(len(wild))])
	}
	if a.rng.IntN(2) == 0 {
		a.near = 8 << a.rng.IntN(8)
	}
}

// burst writes some words and returns how many.
func (a *assault) burst() uint64 {
	const n = 1 << 10
	base := mem.Of(a.b)
	head := uint64(0)
	if a.near > 0 && a.data > 0 {
		if s, err := a.r.Stats(); err == nil {
			head = s.Head // where a consumer looks next
		}
	}
	words := a.data == 0 || a.rng.IntN(8) == 0
	for range n {
		v := a.values[a.rng.IntN(len(a.values))]
		switch {
		case words: // those of its side
			a.control(base, v)
		case a.near > 0 && a.step == layout.WordSize:
			mem.Publish(base.Word(a.data+(head+a.rng.Uint64N(a.near)&^7)&(a.size-1)), v)
		default:
			mem.Publish(base.Word(a.data+a.rng.Uint64N(a.size/a.step)*a.step), v)
		}
	}
	return n
}

// control writes a word that the victim goes by, or wakes it for nothing.
func (a *assault) control(base mem.Ptr, v uint64) {
	cursor, seq := base.Word(a.area), base.Word(a.area+layout.LineSeq*a.stride)
	arm, endpoint := base.Word(a.area+layout.LineArm*a.stride), a.area+layout.LineEndpoint*a.stride
	switch a.rng.IntN(8) {
	case 0:
		mem.Publish(cursor, v)
	case 1, 2: // a little further, as if it went on
		mem.Publish(cursor, mem.Load(cursor)+8*a.rng.Uint64N(3))
	case 3:
		mem.Publish(seq, a.rng.Uint64())
	case 4:
		w := layout.ArmValid | a.rng.Uint64N(16)<<32 | uint64(a.rng.Uint32N(64))
		if a.rng.IntN(1<<12) == 0 {
			w = a.rng.Uint64()
		}
		mem.Publish(arm, w)
	case 5:
		mem.Publish(base.Word(endpoint), a.rng.Uint64N(4)<<32|a.rng.Uint64N(4))
	case 6:
		mem.Publish(base.Word(endpoint+8), a.rng.Uint64N(4)<<32|a.rng.Uint64N(4))
	default:
		// An error would say that its own memory is gone.
		_, _ = futex.Wake(mem.Atomic32(&layout.SeqAt(a.b, a.area, a.stride).Seq), 1<<30)
	}
}
