package peers_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
	"annulus/shm"
)

var update = flag.Bool("update", false, "write the golden vectors anew")

// vector is a ring whose bytes are kept in vectors/NAME.bin.
type vector struct {
	name               string
	kind               uint32
	capacity, slotSize uint64
	fill               func(p *ring.Producer, c *ring.Consumer) error // nil: a fresh ring, never attached to
	many               bool                                           // an MPMC ring, which fillMany fills
	want               []string                                       // what lies in it, in the words of peer dump
	messages           []string                                       // what a consumer gets from it
}

// numbered is the 24-byte message of a slot.
func numbered(i int) string { return fmt.Sprintf("slot message number %04d", i) }

func sendAll(p *ring.Producer, msgs ...string) error {
	var errs []error
	for _, m := range msgs {
		errs = append(errs, p.TrySend([]byte(m)))
	}
	return errors.Join(errs...)
}

func recvN(c *ring.Consumer, n int) error {
	var errs []error
	for range n {
		_, err := c.TryPeek()
		errs = append(errs, err, c.Release())
	}
	return errors.Join(errs...)
}

func say(at int, payload string) string {
	return fmt.Sprintf("message at=%d length=%d payload=%x", at, len(payload), payload)
}

func vectors() []vector {
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	long := strings.Repeat("long", 250)
	return []vector{
		{name: "bytes-fresh", kind: layout.KindBytes, capacity: 4096, want: []string{"end at=0"}},
		{name: "slots-fresh", kind: layout.KindSlots, capacity: 4, slotSize: 24, want: []string{"end at=0"}},
		{
			// Six messages, of which two were received; both sides closed.
			name: "bytes-messages", kind: layout.KindBytes, capacity: 4096,
			fill: func(p *ring.Producer, c *ring.Consumer) error {
				return errors.Join(sendAll(p, "first", "second", "", "x", "12345678", string(all)), recvN(c, 2), p.Close(), c.Close())
			},
			want:     []string{say(32, ""), say(40, "x"), say(56, "12345678"), say(72, string(all)), "end at=336"},
			messages: []string{"", "x", "12345678", string(all)},
		},
		{
			// The record at 3024 did not fit before the end: padding, and
			// it lies at index 0. A batch of two follows. Both sides live.
			name: "bytes-wrap", kind: layout.KindBytes, capacity: 4096,
			fill: func(p *ring.Producer, c *ring.Consumer) error {
				err := errors.Join(sendAll(p, long, long, long), recvN(c, 3), sendAll(p, long+strings.Repeat("er", 50)))
				n, berr := p.TrySendBatch([][]byte{[]byte("batch 1"), []byte("batch 2")})
				if n != 2 {
					berr = fmt.Errorf("batch of 2: %d sent: %w", n, berr)
				}
				return errors.Join(err, berr)
			},
			want: []string{"pad at=3024 length=1064", say(4096, long+strings.Repeat("er", 50)),
				say(5208, "batch 1"), say(5224, "batch 2"), "end at=5240"},
			messages: []string{long + strings.Repeat("er", 50), "batch 1", "batch 2"},
		},
		{
			name: "slots-messages", kind: layout.KindSlots, capacity: 4, slotSize: 24,
			fill: func(p *ring.Producer, c *ring.Consumer) error {
				return errors.Join(sendAll(p, numbered(0), numbered(1), numbered(2)), recvN(c, 1), p.Close(), c.Close())
			},
			want:     []string{slotAt(1), slotAt(2), "end at=3"},
			messages: []string{numbered(1), numbered(2)},
		},
		{
			// Slots of lap 1 and of lap 2, and full.
			name: "slots-wrap", kind: layout.KindSlots, capacity: 4, slotSize: 24,
			fill: func(p *ring.Producer, c *ring.Consumer) error {
				err := errors.Join(sendAll(p, numbered(0), numbered(1), numbered(2), numbered(3)), recvN(c, 4),
					sendAll(p, numbered(4), numbered(5), numbered(6)), recvN(c, 3),
					sendAll(p, numbered(7), numbered(8), numbered(9), numbered(10)))
				if full := p.TrySend([]byte(numbered(11))); full != ring.ErrFull {
					err = errors.Join(err, fmt.Errorf("fifth message: %v, want %v", full, ring.ErrFull))
				}
				return err
			},
			want:     []string{slotAt(7), slotAt(8), slotAt(9), slotAt(10), "end at=11"},
			messages: []string{numbered(7), numbered(8), numbered(9), numbered(10)},
		},
		{
			// See fillMany; all are still attached.
			name: "mpmc-claims", kind: layout.KindSlots, capacity: 8, slotSize: 24, many: true,
			want: []string{"skip at=8", say(9, letters(9)), say(10, letters(10)), "claimed at=11", say(12, letters(12)), "end at=13"},
		},
	}
}

func slotAt(i int) string { return say(i, numbered(i)) }

// make returns the bytes of the ring: made by the layout's source and filled by
// the real endpoints. What depends on the process and the hour is zero; a live
// producer's cursor, which it brings up to date at its own pace, is where the
// consumer's is, so that whoever takes over has to look for the end.
func (v vector) make(t *testing.T) ([]byte, layout.Geometry) {
	t.Helper()
	shape, id := layout.Shape{Kind: v.kind, Topology: layout.TopologySPSC, Capacity: v.capacity, SlotSize: v.slotSize, Stride: 128}, layout.Identity{}
	if v.many {
		shape.Topology, shape.Variable, shape.Members = layout.TopologyMPMC, true, vectorMembers
		id.Required = layout.FeatureRedeliver
	}
	g, err := layout.Compute(shape)
	must(t, err)
	m, err := shm.Heap(int(g.TotalSize), shm.WithInit(func(b []byte) error { layout.Format(b, g, id); return nil }))
	must(t, err)
	r, err := ring.Attach(m)
	must(t, err)
	defer r.Close()
	if v.many {
		fillMany(t, r)
		return impersonal(bytes.Clone(m.Bytes()[:g.TotalSize]), g), g
	}
	if v.fill != nil {
		must(t, v.fill(producer(t, r), consumer(t, r)))
	}
	b := bytes.Clone(m.Bytes()[:g.TotalSize])
	if layout.EndpointAt(b, g.ProducerArea, g.Stride).State == 1 {
		layout.CursorAt(b, g.ProducerArea).Position = layout.CursorAt(b, g.ConsumerArea).Position
	}
	for _, area := range []uint64{g.ProducerArea, g.ConsumerArea} {
		e := layout.EndpointAt(b, area, g.Stride)
		e.PID, e.StartTime, e.Attached = 0, 0, 0
	}
	return b, g
}

func (v vector) path() string { return filepath.Join("vectors", v.name+".bin") }

func TestVectors(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			got, _ := v.make(t)
			if *update {
				must(t, os.WriteFile(v.path(), got, 0o644))
			}
			v.compare(t, got)
		})
	}
}

// compare holds bytes against the vector.
func (v vector) compare(t *testing.T, got []byte) {
	t.Helper()
	want, err := os.ReadFile(v.path())
	must(t, err)
	if len(got) != len(want) {
		t.Fatalf("%d bytes, %s has %d; if that is meant, run with -update", len(got), v.path(), len(want))
	}
	for i := 0; i < len(got); i += 8 {
		if g, w := got[i:i+8], want[i:i+8]; !bytes.Equal(g, w) {
			t.Errorf("at byte %d: % x, %s has % x", i, g, v.path(), w)
		}
	}
}

// A consumer in Go gets from each vector what was sent.
func TestGoReadsVectors(t *testing.T) {
	for _, v := range vectors() {
		if v.many {
			continue // see TestVectorOfClaims
		}
		t.Run(v.name, func(t *testing.T) {
			r, err := ring.OpenFile(copyOf(t, v.path()))
			must(t, err)
			defer r.Close()
			c := consumer(t, r)
			for _, want := range v.messages {
				got, err := c.TryRecv(nil)
				must(t, err)
				expect(t, string(got), want)
			}
			if _, err := c.TryRecv(nil); err != ring.ErrEmpty && err != io.EOF {
				t.Errorf("behind the last message: %v", err)
			}
		})
	}
}

// copyOf returns a file of this user's, of the same bytes.
func copyOf(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	must(t, err)
	name := filepath.Join(t.TempDir(), "ring")
	must(t, os.WriteFile(name, b, 0o600))
	return name
}
