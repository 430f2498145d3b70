package peers_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
	"annulus/seqlock"
)

// nonsense is a vector with a word that no correct peer writes.
type nonsense struct {
	vector string
	where  func(g layout.Geometry) uint64
	words  []uint64
}

func dataAt(off uint64) func(layout.Geometry) uint64 {
	return func(g layout.Geometry) uint64 { return g.DataArea + off }
}

func nonsenses() []nonsense {
	const committed, pad = layout.RecordCommitted, layout.RecordPad
	return []nonsense{
		{"bytes-messages", dataAt(32), []uint64{1, 1 << 40, committed | 4089, committed | pad, committed | layout.RecordLengthMask, ^uint64(0)}},
		{"bytes-messages", func(g layout.Geometry) uint64 { return g.ConsumerArea }, []uint64{33}},
		{"mpmc-claims", dataAt(0), []uint64{1<<8 | 3, 7 << 8, ^uint64(0)}}, // ticket 8, the next
		{"mpmc-claims", dataAt(40 + 8), []uint64{25, 1 << 63}},             // the length of message 9
		{"lanes-records", func(g layout.Geometry) uint64 { return g.Lane(1) + 16 }, []uint64{1, ^uint64(0)}},
		{"lanes-records", func(g layout.Geometry) uint64 { return g.LaneConsumers }, []uint64{3025}},
		{"ordered-claims", func(g layout.Geometry) uint64 { return g.WordTable + 48*8 }, []uint64{5, 64 | layout.GranuleCommitted, ^uint64(0)}},
		{"ordered-claims", dataAt(0), []uint64{0, ^uint64(0), 1<<32 | 57, 65<<32 | 1100, 18<<32 | 2041}}, // what the record at 64 begins with
		{"broadcast-overrun", dataAt(7176 - 4096), []uint64{10<<32 | 9, 10<<32 | layout.CastPad | 8, ^uint64(0)}},
		{"broadcast-overrun", func(g layout.Geometry) uint64 { return g.ProducerArea }, []uint64{7193}}, // tail
	}
}

// What no correct peer writes is refused by each language as Go does: with the one word
// for it, and nobody crashes.
func TestNonsenseIsRefused(t *testing.T) {
	inEach(t, "", func(t *testing.T, l program) {
		for _, k := range nonsenses() {
			v := named(t, k.vector)
			if !l.can(topology(v.shape.Topology)) {
				continue
			}
			for _, word := range k.words {
				b, g := v.make(t)
				at := k.where(g)
				binary.LittleEndian.PutUint64(b[at:], word)
				t.Run(fmt.Sprintf("%s/%#x at %d", k.vector, word, at), func(t *testing.T) {
					path := copyOf(t, v.path())
					must(t, os.WriteFile(path, b, 0o600))
					args := []string{"cat", path, "--count", fmt.Sprint(v.count())}
					if v.shape.Topology == layout.TopologyCast {
						args = append(args, "--backlog")
					}
					mentions(t, start(t, l.peer(t, args...)).Fails(), "ring corrupt")
					if err := readAll(t, path, v); !errors.Is(err, ring.ErrCorrupt) {
						t.Errorf("Go: %v, want %v", err, ring.ErrCorrupt)
					}
				})
			}
		}
	})
}

// readAll is what Go says of a file that should hold what v does.
func readAll(t *testing.T, path string, v vector) error {
	t.Helper()
	r, err := ring.OpenFile(path)
	must(t, err)
	defer r.Close()
	var opts []ring.EndpointOption
	if v.shape.Topology == layout.TopologyCast {
		opts = append(opts, ring.WithBacklog())
	}
	c, err := r.Consumer(opts...)
	for i := 0; err == nil && i < v.count(); i++ {
		_, err = c.Recv(patient(t), nil)
	}
	return err
}

// A length beyond the block's size is refused once it is known not to be in the making.
func TestNonsenseInCells(t *testing.T) {
	inEach(t, "cell-read", func(t *testing.T, l program) {
		for _, v := range cellVectors() {
			if v.kind != layout.CellKindBlock {
				continue
			}
			for _, length := range []uint64{101, 1 << 40, ^uint64(0)} {
				b, g := v.make(t)
				layout.CellStateAt(b, g.WriterArea).Length1 = length // of version 3
				path := copyOf(t, v.path())
				must(t, os.WriteFile(path, b, 0o600))
				mentions(t, l.cell(t, "cat", path).Fails(), "ring corrupt")
				c, err := seqlock.OpenBlockFile(path)
				must(t, err)
				r, err := c.Reader()
				must(t, err)
				if _, _, err := r.Load(nil); !errors.Is(err, seqlock.ErrCorrupt) {
					t.Errorf("Go: %v, want %v", err, seqlock.ErrCorrupt)
				}
				must(t, c.Close())
			}
		}
	})
}
