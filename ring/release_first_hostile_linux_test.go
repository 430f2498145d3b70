//go:build !race

// Behind a long run under the race detector, whose shadow memory lies about, no place for guard pages was
// found beside some of these rings.

package ring_test

import (
	"bytes"
	"errors"
	"math/rand/v2"
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
)

// Words are spoilt while messages are peeked: ReleaseFirst says that the ring is corrupt, or
// releases something, and reads and writes nothing outside of the ring. What is spoilt of one
// lane does not keep Release from giving all back.
func TestReleaseFirstHostile(t *testing.T) {
	for name, config := range releaseConfigs {
		t.Run(name, func(t *testing.T) {
			r := guarded(t, config)
			g, b := geometryOf(t, r), r.Region().Bytes()
			fresh := bytes.Clone(b)
			rng := rand.New(rand.NewPCG(3, 4))
			places := []uint64{g.DataArea}
			if config.Topology == ring.MPSC {
				places = []uint64{g.Lane(0), g.Lane(1)}
			} else if g.Granules > 0 {
				places = append(places, g.WordTable)
			}
			values, corrupt := hostile(g), 0
			for range 1500 {
				copy(b, fresh)
				c, err := r.Consumer()
				must(t, err)
				s := &releaseCase{t: t, config: config}
				for range 2 {
					p, err := r.Producer()
					if errors.Is(err, ring.ErrAttached) {
						break
					}
					must(t, err)
					s.ps = append(s.ps, p)
				}
				for i := range 8 {
					must(t, s.ps[i%len(s.ps)].TrySend(s.message(0, uint64(i))))
				}
				k, err := c.TryPeekBatch(make([][]byte, 6))
				must(t, err)
				word := layout.WordAt(b, places[rng.IntN(len(places))]+layout.WordSize*uint64(rng.IntN(64)))
				if rng.IntN(4) == 0 {
					switch word = &layout.CursorAt(b, g.ConsumerArea).Position; config.Topology {
					case ring.MPSC:
						word = &layout.LaneCursorAt(b, g.LaneConsumers, g.Stride, uint64(rng.IntN(2))).Position
					case ring.Broadcast:
						word = &layout.MemberAt(b, g.MemberArea, g.Stride, 0).Drawn
					}
				}
				*word = values[rng.IntN(len(values))]
				for n := 1; n < k; n += 2 {
					if err = c.ReleaseFirst(n); err != nil {
						break
					}
				}
				if errors.Is(err, ring.ErrCorrupt) {
					corrupt++
				} else if err != nil && !errors.Is(err, ring.ErrNotPeeked) {
					t.Fatal(err)
				}
				if err := c.Release(); config.Topology == ring.MPSC && err != nil {
					t.Fatalf("in a ring of lanes: %v", err)
				}
				must(t, c.Close())
				for _, p := range s.ps {
					must(t, p.Close())
				}
			}
			if copies := config.Overrun == ring.OverrunOverwrite; copies != (corrupt == 0) && config.Kind != ring.Slots {
				t.Errorf("corrupt %d times", corrupt)
			}
		})
	}
}
