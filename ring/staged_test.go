package ring_test

import (
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
)

// A producer that dies with a batch half staged must not have stored a position
// beyond what it has published: its successor would leave a hole that the
// consumer never gets over.
func TestStagedIsNotCommitted(t *testing.T) {
	for _, cfg := range []ring.Config{{Capacity: 4096}, {Kind: ring.Slots, Capacity: 64, SlotSize: 40}} {
		r, err := ring.New(cfg)
		must(t, err)
		closing(t, r)
		b := r.Region().Bytes()
		g, _, err := layout.Decode(b, uint64(len(b)))
		must(t, err)
		p, err := r.Producer()
		must(t, err)
		c, err := r.Consumer()
		must(t, err)
		for round := range 200 {
			before, err := r.Stats()
			must(t, err)
			for range 2 + round%37 {
				_, err := p.TryReserve(40)
				must(t, err)
				must(t, p.Stage(40))
				tail := layout.CursorAt(b, g.ProducerArea).Position
				if int64(tail-before.Tail) > 0 && tail != g.Capacity*(tail/g.Capacity) {
					t.Fatalf("%v round %d: stored position %d, committed is %d", cfg.Kind, round, tail, before.Tail)
				}
			}
			if round%2 == 0 {
				must(t, p.Publish())
			} else { // dies instead
				must(t, p.Close())
				if p, err = r.Producer(); err != nil {
					t.Fatal(err)
				}
				must(t, p.TrySend(make([]byte, 40)))
			}
			n := 0
			for ; ; n++ {
				if _, err := c.TryRecv(nil); err != nil {
					break
				}
			}
			if want := 2 + round%37; round%2 == 0 && n != want || round%2 == 1 && n != 1 {
				t.Fatalf("%v round %d: received %d", cfg.Kind, round, n)
			}
		}
	}
}
