package peers_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"annulus/internal/layout"
	"annulus/seqlock"
	"annulus/shm"
)

// cellVector is a cell or block whose bytes are kept in vectors/NAME.bin.
type cellVector struct {
	name       string
	kind       uint32
	size       uint64
	fill       func(t *testing.T, m *shm.Region) // nil: nothing was ever written
	unfinished string                            // what a writer that died had written of the next version
	version    uint64                            // what a reader gets
	payload    string
	end        bool // and the end, of who waits for more
}

type cell24 [24]byte

func cellText(i int) (v cell24) {
	copy(v[:], fmt.Sprintf("cell value, version %04d", i))
	return v
}

// cellWriter stays attached until the test ends, unless it is closed.
func cellWriter(t *testing.T, m *shm.Region) *seqlock.Writer[cell24] {
	t.Helper()
	c, err := seqlock.Attach[cell24](m)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	w, err := c.Writer()
	must(t, err)
	return w
}

func cellVectors() []cellVector {
	text := func(i int) string { v := cellText(i); return string(v[:]) }
	return []cellVector{
		{name: "cell-fresh", kind: layout.CellKindValue, size: 24},
		{
			// Version 6 was being written.
			name: "cell-value", kind: layout.CellKindValue, size: 24, version: 5, payload: text(5),
			fill: func(t *testing.T, m *shm.Region) {
				w := cellWriter(t, m)
				for i := range 5 {
					must(t, w.Write(cellText(i+1)))
				}
				_, err := w.Reserve()
				must(t, err)
			},
			unfinished: "unfinished",
		},
		{
			name: "cell-closed", kind: layout.CellKindValue, size: 24, version: 2, payload: text(2), end: true,
			fill: func(t *testing.T, m *shm.Region) {
				w := cellWriter(t, m)
				must(t, w.Write(cellText(1)))
				must(t, w.Write(cellText(2)))
				must(t, w.Close())
			},
		},
		{
			// Version 4 was being written, over version 2.
			name: "cell-block", kind: layout.CellKindBlock, size: 100, version: 3, payload: "the third version of the block",
			fill: func(t *testing.T, m *shm.Region) {
				c, err := seqlock.AttachBlock(m)
				must(t, err)
				t.Cleanup(func() { c.Close() })
				w, err := c.Writer()
				must(t, err)
				for _, s := range []string{"first", "", "the third version of the block"} {
					must(t, w.Write([]byte(s)))
				}
				_, err = w.Reserve(100)
				must(t, err)
			},
			unfinished: "unfinished, and longer than the third",
		},
	}
}

func (v cellVector) path() string { return filepath.Join("vectors", v.name+".bin") }

// make returns the bytes of the cell, as vector.make does those of a ring.
func (v cellVector) make(t *testing.T) ([]byte, layout.CellGeometry) {
	t.Helper()
	g, err := layout.ComputeCell(v.kind, v.size, 128)
	must(t, err)
	m, err := shm.Heap(int(g.TotalSize), shm.WithInit(func(b []byte) error {
		layout.FormatCell(b, g, layout.Identity{})
		return nil
	}))
	must(t, err)
	if v.fill != nil {
		v.fill(t, m)
	} else {
		defer m.Close()
	}
	b := bytes.Clone(m.Bytes()[:g.TotalSize])
	copy(b[g.DataArea+(v.version+1)&1*g.CopyStride:], v.unfinished)
	o := layout.EndpointAt(b, g.WriterArea, g.Stride)
	o.PID, o.StartTime, o.Attached = 0, 0, 0
	return b, g
}

func TestCellVectors(t *testing.T) {
	for _, v := range cellVectors() {
		t.Run(v.name, func(t *testing.T) {
			got, _ := v.make(t)
			if *update {
				must(t, os.WriteFile(v.path(), got, 0o644))
			}
			compareWith(t, v.path(), got)
		})
	}
}

func TestGoReadsCellVectors(t *testing.T) {
	for _, v := range cellVectors() {
		t.Run(v.name, func(t *testing.T) {
			path := copyOf(t, v.path())
			var got []byte
			var version uint64
			if v.kind == layout.CellKindBlock {
				c, err := seqlock.OpenBlockFile(path)
				must(t, err)
				defer c.Close()
				r, err := c.Reader()
				must(t, err)
				got, version, err = r.Load(nil)
				must(t, err)
			} else {
				c, err := seqlock.OpenFile[cell24](path)
				must(t, err)
				defer c.Close()
				r, err := c.Reader()
				must(t, err)
				var value cell24
				value, version, err = r.Load()
				must(t, err)
				if version > 0 {
					got = value[:]
				}
			}
			if string(got) != v.payload || version != v.version {
				t.Errorf("version %d is %q, want version %d, %q", version, got, v.version, v.payload)
			}
		})
	}
}
