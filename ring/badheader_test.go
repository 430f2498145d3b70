package ring_test

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"os"
	"path/filepath"
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
)

// header makes a ring file, lets change spoil its first bytes and returns the
// path. With seal the checksum is made right again, so that what is checked
// behind it shows.
func header(t testing.TB, seal bool, change func(b []byte)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ring")
	r, err := ring.CreateFile(path, ring.Config{Capacity: 4096})
	must(t, err)
	must(t, r.Close())
	b, err := os.ReadFile(path)
	must(t, err)
	change(b)
	if seal {
		binary.LittleEndian.PutUint64(b[layout.HeaderSize-8:], layout.Checksum(b))
	}
	must(t, os.WriteFile(path, b, 0o600))
	return path
}

func put32(off int, v uint32) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint32(b[off:], v) }
}

func put64(off int, v uint64) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint64(b[off:], v) }
}

func TestBadHeader(t *testing.T) {
	for name, c := range map[string]struct {
		change func([]byte)
		seal   bool
		want   error
	}{
		"magic":              {put64(0, 0xABAD1DEA), true, ring.ErrNotRing},
		"swapped magic":      {put64(0, bits.ReverseBytes64(layout.Magic)), true, ring.ErrEndian},
		"creator at work":    {put64(0, 0), true, ring.ErrNotReady},
		"newer major":        {put32(8, layout.Major+1), true, ring.ErrVersion},
		"older major":        {put32(8, layout.Major-1), true, ring.ErrVersion},
		"unknown feature":    {put64(32, 1<<40), true, ring.ErrFeature},
		"eventfds missing":   {put64(32, layout.FeatureEventfd), true, ring.ErrFeature},
		"checksum":           {put64(168, 1), false, ring.ErrChecksum},
		"checksum itself":    {put64(248, 1), false, ring.ErrChecksum},
		"header size":        {put32(16, 8), true, ring.ErrGeometry},
		"kind":               {put32(20, 9), true, ring.ErrGeometry},
		"topology":           {put32(24, 7), true, ring.ErrGeometry},
		"stride 0":           {put32(28, 0), true, ring.ErrGeometry},
		"stride 96":          {put32(28, 96), true, ring.ErrGeometry},
		"other stride":       {put32(28, 2048), true, ring.ErrGeometry},
		"capacity 0":         {put64(56, 0), true, ring.ErrGeometry},
		"capacity 1":         {put64(56, 1), true, ring.ErrGeometry},
		"capacity 4097":      {put64(56, 4097), true, ring.ErrGeometry},
		"capacity 2^31":      {put64(56, 1<<31), true, ring.ErrGeometry},
		"capacity 2^32":      {put64(56, 1<<32), true, ring.ErrGeometry},
		"capacity 2^63":      {put64(56, 1<<63), true, ring.ErrGeometry},
		"slot size":          {put32(64, 8), true, ring.ErrGeometry},
		"slot stride":        {put32(68, 8), true, ring.ErrGeometry},
		"slot payload":       {put32(72, 8), true, ring.ErrGeometry},
		"greatest message":   {put32(76, 1<<20), true, ring.ErrGeometry},
		"producer area":      {put64(88, 1<<40), true, ring.ErrGeometry},
		"consumer area":      {put64(96, 4096), true, ring.ErrGeometry},
		"shared area":        {put64(104, ^uint64(0)), true, ring.ErrGeometry},
		"endpoint table":     {put64(112, 4096), true, ring.ErrGeometry},
		"endpoint count":     {put64(120, 1), true, ring.ErrGeometry},
		"data area":          {put64(128, 7), true, ring.ErrGeometry},
		"data size":          {put64(136, 1<<40), true, ring.ErrGeometry},
		"total size":         {put64(48, 4096), true, ring.ErrGeometry},
		"lock base":          {put64(144, 0), true, ring.ErrGeometry},
		"slots beyond bound": {func(b []byte) { put32(20, 2)(b); put64(56, 1<<30)(b); put32(64, 1<<24)(b) }, true, ring.ErrGeometry},
		"newer minor":        {put32(12, 9), true, nil},
		"optional feature":   {put64(40, 1<<50), true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := header(t, c.seal, c.change)
			r, err := ring.OpenFile(path)
			if err == nil {
				must(t, r.Close())
			}
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if err != nil {
				t.Log(err)
			}
			if _, err := ring.OpenOrCreateFile(path, ring.Config{}); !errors.Is(err, c.want) {
				t.Fatalf("open or create: %v, want %v", err, c.want)
			} else if err == nil {
				return
			}
			if _, err := os.Stat(path); err != nil {
				t.Fatalf("the file was touched: %v", err)
			}
		})
	}
}

// FuzzHeader opens files whose first bytes are anything: never a crash, and
// what is accepted works.
func FuzzHeader(f *testing.F) {
	for _, c := range []ring.Config{{Capacity: 4096}, {Kind: ring.Slots, Capacity: 4, SlotSize: 24}} {
		path := filepath.Join(f.TempDir(), "seed")
		r, err := ring.CreateFile(path, c)
		must(f, err)
		must(f, r.Close())
		b, err := os.ReadFile(path)
		must(f, err)
		f.Add(b[:layout.HeaderSize], uint16(len(b)/16), true)
	}
	f.Add([]byte{}, uint16(0), false)
	f.Fuzz(func(t *testing.T, head []byte, size16 uint16, seal bool) {
		b := make([]byte, max(int(size16)*16, len(head)))
		copy(b, head)
		if seal && len(b) >= layout.HeaderSize {
			binary.LittleEndian.PutUint64(b[layout.HeaderSize-8:], layout.Checksum(b))
		}
		path := filepath.Join(t.TempDir(), "ring")
		must(t, os.WriteFile(path, b, 0o600))
		r, err := ring.OpenFile(path)
		if err != nil {
			return
		}
		defer r.Close()
		if _, err := r.Stats(); err != nil {
			t.Fatal(err)
		}
		p, err := r.Producer()
		if err != nil {
			return
		}
		m := make([]byte, min(p.Config().MaxMessage, 8))
		if p.Config().Kind == ring.Slots {
			m = make([]byte, p.Config().SlotSize)
		}
		_ = p.TrySend(m)
		c, err := r.Consumer()
		if err != nil {
			return
		}
		for range 10 {
			if _, err := c.TryRecv(nil); err != nil {
				break
			}
		}
	})
}

// FuzzWords attaches both ends to a ring whose words and records are anything.
func FuzzWords(f *testing.F) {
	f.Add(uint64(0), uint64(0), []byte{})
	f.Add(uint64(8), uint64(4096), []byte{8, 0, 0, 0, 1, 0, 0, 0})
	f.Add(uint64(1)<<63, ^uint64(0), []byte{0, 0, 0, 0, 3, 0, 0, 0})
	f.Fuzz(func(t *testing.T, tail, head uint64, data []byte) {
		r, err := ring.New(ring.Config{Capacity: 4096})
		must(t, err)
		defer r.Close()
		b := r.Region().Bytes()
		g, _, err := layout.Decode(b, uint64(len(b)))
		must(t, err)
		layout.CursorAt(b, g.ProducerArea).Position = tail
		layout.CursorAt(b, g.ConsumerArea).Position = head
		copy(b[g.DataArea:], data)
		if _, err := r.Stats(); err != nil {
			t.Fatal(err)
		}
		if p, err := r.Producer(); err == nil {
			for range 100 {
				if p.TrySend(make([]byte, 100)) != nil {
					break
				}
			}
		} else if !errors.Is(err, ring.ErrCorrupt) {
			t.Fatal(err)
		}
		c, err := r.Consumer()
		if err != nil {
			if !errors.Is(err, ring.ErrCorrupt) {
				t.Fatal(err)
			}
			return
		}
		for range 2000 {
			if _, err := c.TryRecv(nil); err != nil {
				return
			}
		}
		t.Fatal("more messages than the ring can hold")
	})
}
