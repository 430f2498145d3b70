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
	"annulus/seqlock"
)

// TestPeerDumpsCellVectors compares what a peer reads from each vector with what Go knows
// of it.
func TestPeerDumpsCellVectors(t *testing.T) {
	inEach(t, "cell-read", func(t *testing.T, l program) {
		for _, v := range cellVectors() {
			t.Run(v.name, func(t *testing.T) {
				path := copyOf(t, v.path())
				value := fmt.Sprintf("value version=%d length=%d payload=%x", v.version, len(v.payload), v.payload)
				expect(t, l.cell(t, "cat", path).Done(), value)
				if l.can("dump") {
					b, g := v.make(t)
					expect(t, l.cell(t, "dump", path).Done(), strings.Join(append(describeCell(b, g), value), "\n"))
				}
			})
		}
	})
}

// describeCell says what peer cell dump prints beside the value.
func describeCell(b []byte, g layout.CellGeometry) []string {
	s, q := layout.CellStateAt(b, g.WriterArea), layout.SeqAt(b, g.WriterArea, g.Stride)
	a, o := layout.ArmAt(b, g.ReaderArea, g.Stride), layout.EndpointAt(b, g.WriterArea, g.Stride)
	return []string{
		fmt.Sprintf("cell version=%d.%d kind=%d stride=%d size=%d copy_stride=%d total=%d required=0 optional=0 fingerprint=0 element=\"\"",
			layout.CellMajor, layout.CellMinor, g.Kind, g.Stride, g.Size, g.CopyStride, g.TotalSize),
		fmt.Sprintf("cell reader_area=%d writer_area=%d data_area=%d lock_base=%d created_ns=0 creator_pid=0 checksum=%#x",
			g.ReaderArea, g.WriterArea, g.DataArea, uint64(layout.LockBase), layout.CellChecksum(b)),
		fmt.Sprintf("writer state=%d length0=%d length1=%d seq=%d wakes=%d session=%d closed=%d attached=%d pid=0",
			s.State, s.Length0, s.Length1, q.Seq, q.Wakes, o.Session, o.Closed, o.State),
		fmt.Sprintf("reader arm=%#x parks=%d", a.Arm, a.Parks),
	}
}

// Both languages refuse the same headers.
func TestCellHeaders(t *testing.T) {
	refused := map[error]string{
		seqlock.ErrNotCell: "not a ring", seqlock.ErrEndian: "ring of the other byte order", seqlock.ErrNotReady: "ring not initialised yet",
		seqlock.ErrVersion: "ring of another layout version", seqlock.ErrFeature: "ring needs a feature unknown here",
		seqlock.ErrChecksum: "ring header damaged", seqlock.ErrGeometry: "impossible ring geometry", seqlock.ErrShort: "file shorter than the ring in it",
	}
	fields := map[int]int{0: 8, 8: 4, 16: 4, 20: 4, 24: 4, 32: 8, 40: 8, 48: 8, 56: 8, 64: 8, 80: 8, 88: 8, 96: 8, 104: 8}
	inEach(t, "cell-read", func(t *testing.T, l program) {
		for off, size := range fields {
			if l.pace > 1 && off%32 != 0 { // a slow program does it with some
				continue
			}
			for _, change := range []func(uint64) uint64{
				func(uint64) uint64 { return 0 }, func(n uint64) uint64 { return n + 1 }, func(n uint64) uint64 { return 2 * n },
				bits.ReverseBytes64, func(uint64) uint64 { return ^uint64(0) },
			} {
				g, err := layout.ComputeCell(layout.CellKindBlock, 100, 128)
				must(t, err)
				b := make([]byte, g.TotalSize)
				layout.FormatCell(b, g, layout.Identity{})
				var word [8]byte
				copy(word[:size], b[off:])
				old := binary.LittleEndian.Uint64(word[:])
				binary.LittleEndian.PutUint64(word[:], change(old))
				copy(b[off:off+size], word[:])
				binary.LittleEndian.PutUint64(b[layout.HeaderSize-8:], layout.CellChecksum(b))
				path := filepath.Join(t.TempDir(), "cell")
				must(t, os.WriteFile(path, b, 0o600))
				c, err := seqlock.OpenBlockFile(path)
				want := "ok"
				if err == nil {
					must(t, c.Close())
				} else {
					want = "an error that has no name here"
				}
				for e, text := range refused {
					if errors.Is(err, e) {
						want = text
					}
				}
				p := l.cell(t, "check", path)
				said := "ok"
				if p.End() != nil {
					said, _, _ = strings.Cut(strings.TrimPrefix(strings.TrimSpace(p.Complaints()), "open: "), ":")
				}
				if said != want {
					t.Errorf("byte %d, %#x: Go: %v\n%s: %s", off, change(old), err, l.name, p.Complaints())
				}
			}
		}
	})
}
