package ring_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"testing"

	"annulus/ring"
)

// wrapConfigs are the kinds of ring whose positions are made to wrap.
var wrapConfigs = map[string]ring.Config{
	"SPSC records": {Capacity: 4096},
	"SPSC slots":   {Kind: ring.Slots, Capacity: 2, SlotSize: 16},
	"MPMC":         {Topology: ring.MPMC, Capacity: 2, SlotSize: 16},
	"MPMC of 64":   {Topology: ring.MPMC, Capacity: 64, SlotSize: 16, Redeliver: true},
}

// Traffic goes on while positions pass 2^32, 2^56, 2^63 and 2^64, and laps the end of
// their field: singly, in batches, with endpoints that attach on the way.
func TestCase49_PositionsWrap(t *testing.T) {
	for name, config := range wrapConfigs {
		for _, edge := range []struct {
			name string
			at   uint64
		}{{"2^32", 1 << 32}, {"2^56", 1 << 56}, {"2^57", 1 << 57}, {"2^62", 1 << 62}, {"2^63", 1 << 63}, {"2^64", 0}} {
			t.Run(name+"/"+edge.name, func(t *testing.T) {
				r, err := ring.New(config)
				must(t, err)
				closing(t, r)
				back := uint64(200)
				if config.Capacity == 4096 {
					back = 8192
				}
				seat(t, r, edge.at-back)
				sent, received := uint64(0), uint64(0)
				message := func() []byte {
					sent++
					return binary.LittleEndian.AppendUint64(make([]byte, 8), sent)
				}
				for attach := range 8 {
					p, err := r.Producer()
					must(t, err)
					c, err := r.Consumer()
					must(t, err)
					for step := range 100 {
						switch step % 4 {
						case 0:
							for range 3 {
								if err := p.TrySend(message()); err == ring.ErrFull {
									sent--
									break
								} else {
									must(t, err)
								}
							}
						default:
							if step%4 == 1 {
								must(t, p.TrySend(message()))
								break
							}
							for range 2 {
								b, err := p.TryReserve(16)
								must(t, err)
								copy(b, message())
								must(t, p.Stage(16))
							}
							must(t, p.Publish())
						}
						for received < sent {
							b, err := c.TryRecv(nil)
							if err != nil {
								t.Fatalf("attach %d, step %d, message %d of %d: %v", attach, step, received, sent, err)
							}
							received++
							if got := binary.LittleEndian.Uint64(b[8:]); got != received {
								t.Fatalf("message %d, want %d", got, received)
							}
						}
						if _, err := c.TryRecv(nil); err != ring.ErrEmpty {
							t.Fatalf("%v, want ErrEmpty", err)
						}
					}
					if _, err := r.Recover(); err != nil {
						t.Fatal(err)
					}
					s, err := r.Stats()
					must(t, err)
					if s.Occupied != 0 {
						t.Errorf("%d occupied", s.Occupied)
					}
					must(t, errors.Join(c.Close(), p.Close()))
				}
			})
		}
	}
}

// Records that fit exactly: to the end of data, a word short of it, the longest, and as
// many as go in; rings of two slots.
func TestCase50_ExactFits(t *testing.T) {
	const size = 4096
	r, err := ring.New(ring.Config{Capacity: size})
	must(t, err)
	closing(t, r)
	longest := r.Config().MaxMessage
	for _, lens := range [][]int{
		{1992, 992, 1088},             // exactly to the end
		{1992, 992, 1080},             // a word is left: padding without length
		{1992, 992, 1072}, {1992, 24}, // two words; plenty
		{longest}, {longest, longest}, {8, longest}, {longest, 0}, {0, 0, 0},
	} {
		t.Run(fmt.Sprint(lens), func(t *testing.T) {
			seat(t, r, size*10)
			clear(r.Region().Bytes()[geometryOf(t, r).DataArea:])
			p, err := r.Producer()
			must(t, err)
			c, err := r.Consumer()
			must(t, err)
			for range 40 {
				for _, n := range lens {
					b := make([]byte, n)
					for i := range b {
						b[i] = byte(n + i)
					}
					must(t, p.TrySend(b))
					got, err := c.TryRecv(nil)
					must(t, err)
					if string(got) != string(b) {
						t.Fatalf("%d bytes came back as %d others", n, len(got))
					}
				}
			}
			if err := p.TrySend(make([]byte, longest+1)); !errors.Is(err, ring.ErrTooLarge) {
				t.Errorf("a byte more than the longest: %v, want ErrTooLarge", err)
			}
			must(t, errors.Join(c.Close(), p.Close()))
		})
	}
	for name, config := range map[string]ring.Config{
		"records":    {Capacity: size},
		"two slots":  {Kind: ring.Slots, Capacity: 2, SlotSize: 8},
		"MPMC of 2":  {Topology: ring.MPMC, Capacity: 2, SlotSize: 8},
		"MPMC of 64": {Topology: ring.MPMC, Capacity: 64, SlotSize: 8},
	} {
		r, err := ring.New(config)
		must(t, err)
		closing(t, r)
		p, err := r.Producer()
		must(t, err)
		c, err := r.Consumer()
		must(t, err)
		want := config.Capacity
		if config.Kind == 0 && config.Topology == 0 {
			want = size/16 - 1 // the next header needs a word
		}
		for round := range 5 {
			n := 0
			for ; ; n++ {
				if err := p.TrySend(binary.LittleEndian.AppendUint64(nil, uint64(n))); err == ring.ErrFull {
					break
				} else {
					must(t, err)
				}
			}
			if n != want {
				t.Errorf("%s, round %d: %d fit, want %d", name, round, n, want)
			}
			for i := range n {
				b, err := c.TryRecv(nil)
				must(t, err)
				if binary.LittleEndian.Uint64(b) != uint64(i) {
					t.Fatalf("%s: message %x, want %d", name, b, i)
				}
			}
		}
	}
}
