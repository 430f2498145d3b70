package peers_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
)

// image is the bytes of a new SPSC ring.
func image(t *testing.T, kind uint32, capacity, slotSize uint64) []byte {
	t.Helper()
	return imageOf(t, layout.Shape{Kind: kind, Topology: layout.TopologySPSC, Capacity: capacity, SlotSize: slotSize, Stride: 128})
}

func imageOf(t *testing.T, s layout.Shape) []byte {
	t.Helper()
	g, err := layout.Compute(s)
	must(t, err)
	b := make([]byte, g.TotalSize)
	layout.Format(b, g, layout.Identity{})
	return b
}

// refusals are what peers say for Go's errors.
var refusals = map[error]string{
	ring.ErrNotRing:  "not a ring",
	ring.ErrEndian:   "ring of the other byte order",
	ring.ErrNotReady: "ring not initialised yet",
	ring.ErrVersion:  "ring of another layout version",
	ring.ErrFeature:  "ring needs a feature unknown here",
	ring.ErrChecksum: "ring header damaged",
	ring.ErrGeometry: "impossible ring geometry",
	ring.ErrShort:    "file shorter than the ring in it",
	ring.ErrCorrupt:  "ring corrupt", // no arm words or semaphores where they should be
}

// agree opens a file of these bytes in both languages and returns Go's error,
// after the peer has said the same.
func agree(t *testing.T, l program, b []byte) error {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ring")
	must(t, os.WriteFile(path, b, 0o600))
	r, err := ring.OpenFile(path)
	if err == nil {
		must(t, r.Close())
	}
	p := start(t, l.peer(t, "check", path))
	said := "ok"
	if p.End() != nil {
		said = strings.TrimPrefix(strings.TrimSpace(p.Complaints()), "open: ")
		said, _, _ = strings.Cut(said, ":")
	}
	want := "ok"
	if err != nil {
		want = "an error that has no name here"
	}
	for e, text := range refusals {
		if errors.Is(err, e) {
			want = text
		}
	}
	if said != want {
		t.Errorf("Go: %v\n%s: %s %s", err, l.name, said, p.Complaints())
	}
	return err
}

// seal makes the checksum right.
func seal(b []byte) []byte {
	binary.LittleEndian.PutUint64(b[layout.HeaderSize-8:], layout.Checksum(b))
	return b
}

func TestBadHeaders(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		put := func(off int, v uint64) func([]byte) []byte {
			return func(b []byte) []byte { binary.LittleEndian.PutUint64(b[off:], v); return b }
		}
		sealed := func(off int, v uint64) func([]byte) []byte {
			return func(b []byte) []byte { return seal(put(off, v)(b)) }
		}
		for name, c := range map[string]struct {
			change func([]byte) []byte
			want   error
		}{
			"nothing":          {seal, nil},
			"wrong magic":      {put(0, 0xabad1dea), ring.ErrNotRing},
			"swapped":          {put(0, bits.ReverseBytes64(layout.Magic)), ring.ErrEndian},
			"not ready":        {put(0, 0), ring.ErrNotReady},
			"newer major":      {sealed(8, 2), ring.ErrVersion},
			"major before sum": {put(8, 2), ring.ErrVersion},
			"newer minor":      {sealed(8, 1|7<<32), nil},
			"required bit":     {sealed(32, 1<<5), ring.ErrFeature},
			"eventfds":         {sealed(32, layout.FeatureEventfd), ring.ErrFeature},
			"block":            {sealed(32, layout.FeatureBlock), ring.ErrGeometry}, // it is for broadcast rings
			"redelivery":       {sealed(32, layout.FeatureRedeliver), nil},          // it means nothing in an SPSC ring
			"optional bit":     {sealed(40, 1<<63), nil},
			"bad checksum":     {put(176, 1), ring.ErrChecksum},
			"high checksum":    {func(b []byte) []byte { b[255] = 1; return b }, ring.ErrChecksum},
			"longer header":    {func(b []byte) []byte { b[17] = 2; return seal(b) }, nil},
			"shorter header":   {func(b []byte) []byte { b[16], b[17] = 248, 0; return seal(b) }, ring.ErrGeometry},
			"100 bytes":        {func(b []byte) []byte { return b[:100] }, ring.ErrShort},
			"a header only":    {func(b []byte) []byte { return b[:256] }, ring.ErrShort},
			"a page missing":   {func(b []byte) []byte { return b[:len(b)-1] }, ring.ErrShort},
			"a page more":      {func(b []byte) []byte { return append(b, make([]byte, 4096)...) }, nil},
			"total and a page": {sealed(48, 1<<40), ring.ErrGeometry},
		} {
			t.Run(name, func(t *testing.T) {
				if name == "block" && !l.can("broadcast-recv") {
					return // it does not know what that is
				}
				if err := agree(t, l, c.change(image(t, layout.KindBytes, 4096, 0))); !errors.Is(err, c.want) {
					t.Errorf("Go: %v, want %v", err, c.want)
				}
			})
		}
	})
}

// Every field of the header gets every value that might slip through: both
// languages accept and refuse the same.
func TestEveryFieldIsChecked(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		fields := map[int]int{16: 4, 20: 4, 24: 4, 28: 4, 48: 8, 56: 8, 64: 4, 68: 4, 72: 4, 76: 4, 80: 8,
			88: 8, 96: 8, 104: 8, 112: 8, 120: 8, 128: 8, 136: 8, 144: 8, 168: 8}
		accepted := map[int]bool{16: true, 80: true, 168: true} // header size, fingerprint, created_ns
		for name, shape := range map[string]layout.Shape{
			"bytes":          {Kind: layout.KindBytes, Topology: layout.TopologySPSC, Capacity: 4096, Stride: 128},
			"slots":          {Kind: layout.KindSlots, Topology: layout.TopologySPSC, Capacity: 4096, SlotSize: 24, Stride: 128},
			"mpmc":           {Kind: layout.KindSlots, Topology: layout.TopologyMPMC, Capacity: 64, SlotSize: 24, Stride: 128, Variable: true, Members: 16},
			"lanes":          {Kind: layout.KindBytes, Topology: layout.TopologyMPSC, Capacity: 4096, Stride: 128, Members: 3},
			"lanes of slots": {Kind: layout.KindSlots, Topology: layout.TopologyMPSC, Capacity: 64, SlotSize: 24, Stride: 128, Members: 3},
			"ordered":        {Kind: layout.KindBytes, Topology: layout.TopologyMPSCOrdered, Capacity: 4096, Stride: 128, Members: 16},
			"broadcast":      {Kind: layout.KindBytes, Topology: layout.TopologyCast, Capacity: 4096, Stride: 128, Members: 16},
			"fixed":          {Kind: layout.KindSlots, Topology: layout.TopologyMPMC, Capacity: 64, SlotSize: 24, Stride: 128, Members: 16},
		} {
			if !l.can(topology(shape.Topology)) {
				continue
			}
			for off, size := range fields {
				if l.pace > 1 && off%32 != 0 { // a slow program does it with some
					continue
				}
				old := imageOf(t, shape)
				get := binary.LittleEndian.Uint64(old[off:])
				if size == 4 {
					get &= 1<<32 - 1
				}
				for _, v := range []uint64{0, get + 1, get * 2, ^uint64(0)} {
					if size == 4 {
						v &= 1<<32 - 1
					}
					if v == get {
						continue
					}
					b := imageOf(t, shape)
					if size == 4 {
						binary.LittleEndian.PutUint32(b[off:], uint32(v))
					} else {
						binary.LittleEndian.PutUint64(b[off:], v)
					}
					t.Run(fmt.Sprintf("%s/at-%d/%#x", name, off, v), func(t *testing.T) {
						if err := agree(t, l, seal(b)); err == nil && !accepted[off] {
							t.Errorf("accepted: %d at byte %d instead of %d", v, off, get)
						}
					})
				}
			}
		}
	})
}
