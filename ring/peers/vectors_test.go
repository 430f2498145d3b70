package peers_test

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
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
	name     string
	shape    layout.Shape                      // but for the stride
	required uint64                            // features
	fill     func(t *testing.T, r *ring.Ring)  // nil: a fresh ring, never attached to
	touch    func(b []byte, g layout.Geometry) // what no endpoint can be stopped at; nil: nothing
	want     []string                          // what lies in it, in the words of peer dump
	messages []string                          // what a consumer gets from it, from a backlog on if there is such
	lanes    [][]string                        // what it gets beside, in any order but that of each
	handed   int                               // so many of the messages, the last ones, were in dead hands
	end      bool                              // and then the end of the stream
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
	bytes4K := layout.Shape{Kind: layout.KindBytes, Topology: layout.TopologySPSC, Capacity: 4096}
	slots4 := layout.Shape{Kind: layout.KindSlots, Topology: layout.TopologySPSC, Capacity: 4, SlotSize: 24}
	pair := func(fill func(p *ring.Producer, c *ring.Consumer) error) func(*testing.T, *ring.Ring) {
		return func(t *testing.T, r *ring.Ring) { must(t, fill(producer(t, r), consumer(t, r))) }
	}
	list := []vector{
		{name: "bytes-fresh", shape: bytes4K, want: []string{"end at=0"}},
		{name: "slots-fresh", shape: slots4, want: []string{"end at=0"}},
		{
			// Six messages, of which two were received; both sides closed.
			name: "bytes-messages", shape: bytes4K,
			fill: pair(func(p *ring.Producer, c *ring.Consumer) error {
				return errors.Join(sendAll(p, "first", "second", "", "x", "12345678", string(all)), recvN(c, 2), p.Close(), c.Close())
			}),
			end:      true,
			want:     []string{say(32, ""), say(40, "x"), say(56, "12345678"), say(72, string(all)), "end at=336"},
			messages: []string{"", "x", "12345678", string(all)},
		},
		{
			// The record at 3024 did not fit before the end: padding, and
			// it lies at index 0. A batch of two follows. Both sides live.
			name: "bytes-wrap", shape: bytes4K,
			fill: pair(func(p *ring.Producer, c *ring.Consumer) error {
				err := errors.Join(sendAll(p, long, long, long), recvN(c, 3), sendAll(p, long+strings.Repeat("er", 50)))
				n, berr := p.TrySendBatch([][]byte{[]byte("batch 1"), []byte("batch 2")})
				if n != 2 {
					berr = fmt.Errorf("batch of 2: %d sent: %w", n, berr)
				}
				return errors.Join(err, berr)
			}),
			want: []string{"pad at=3024 length=1064", say(4096, long+strings.Repeat("er", 50)),
				say(5208, "batch 1"), say(5224, "batch 2"), "end at=5240"},
			messages: []string{long + strings.Repeat("er", 50), "batch 1", "batch 2"},
		},
		{
			name: "slots-messages", shape: slots4,
			fill: pair(func(p *ring.Producer, c *ring.Consumer) error {
				return errors.Join(sendAll(p, numbered(0), numbered(1), numbered(2)), recvN(c, 1), p.Close(), c.Close())
			}),
			end:      true,
			want:     []string{slotAt(1), slotAt(2), "end at=3"},
			messages: []string{numbered(1), numbered(2)},
		},
		{
			// Slots of lap 1 and of lap 2, and full.
			name: "slots-wrap", shape: slots4,
			fill: pair(func(p *ring.Producer, c *ring.Consumer) error {
				err := errors.Join(sendAll(p, numbered(0), numbered(1), numbered(2), numbered(3)), recvN(c, 4),
					sendAll(p, numbered(4), numbered(5), numbered(6)), recvN(c, 3),
					sendAll(p, numbered(7), numbered(8), numbered(9), numbered(10)))
				if full := p.TrySend([]byte(numbered(11))); full != ring.ErrFull {
					err = errors.Join(err, fmt.Errorf("fifth message: %v, want %v", full, ring.ErrFull))
				}
				return err
			}),
			want:     []string{slotAt(7), slotAt(8), slotAt(9), slotAt(10), "end at=11"},
			messages: []string{numbered(7), numbered(8), numbered(9), numbered(10)},
		},
		vectorOfClaims(),
	}
	list = append(list, laneVectors()...)
	list = append(list, orderedVector())
	return append(list, broadcastVectors()...)
}

func slotAt(i int) string { return say(i, numbered(i)) }

// make returns the bytes of the ring: made by the layout's source and filled by
// the real endpoints.
func (v vector) make(t *testing.T) ([]byte, layout.Geometry) {
	t.Helper()
	shape := v.shape
	shape.Stride = 128
	g, err := layout.Compute(shape)
	must(t, err)
	m, err := shm.Heap(int(g.TotalSize), shm.WithInit(func(b []byte) error {
		layout.Format(b, g, layout.Identity{Required: v.required})
		return nil
	}))
	must(t, err)
	r, err := ring.Attach(m)
	must(t, err)
	defer r.Close()
	if v.fill != nil {
		v.fill(t, r)
	}
	b := impersonal(bytes.Clone(m.Bytes()[:g.TotalSize]), g)
	if v.touch != nil {
		v.touch(b, g)
	}
	return b, g
}

// impersonal makes zero what depends on process and hour, and what means nothing: a
// consumer's notes for a producer's successor. A live producer's cursor, which it
// brings up to date at its own pace, is put where the consumer's is, so that whoever
// takes over has to look for the end.
func impersonal(b []byte, g layout.Geometry) []byte {
	h := layout.HeaderAt(b)
	h.BootID, h.CreatedNS, h.CreatorPID = [16]byte{}, 0, 0
	if g.Topology == layout.TopologySPSC && layout.EndpointAt(b, g.ProducerArea, g.Stride).State == 1 {
		layout.CursorAt(b, g.ProducerArea).Position = layout.CursorAt(b, g.ConsumerArea).Position
	}
	for _, area := range []uint64{g.ProducerArea, g.ConsumerArea} {
		e := layout.EndpointAt(b, area, g.Stride)
		e.PID, e.StartTime, e.Attached = 0, 0, 0
	}
	for i := range g.Members {
		m, h := layout.MemberAt(b, g.MemberArea, g.Stride, i), layout.HolderAt(b, g.MemberArea, g.Stride, i)
		h.PID, h.StartTime = 0, 0
		switch {
		case g.Topology == layout.TopologyCast:
			h.Attached = min(h.Attached, 1) // 0 would say that it was found dead
		case h.Role == layout.RoleConsumer:
			m.Base, m.Drawn = 0, 0
			fallthrough
		default:
			h.Attached = 0
		}
		if g.Topology == layout.TopologyMPSC && h.State == layout.StateAttached {
			layout.LaneCursorAt(b, g.LaneProducers, g.Stride, i).Position = layout.LaneCursorAt(b, g.LaneConsumers, g.Stride, i).Position
		}
	}
	return seal(b)
}

func (v vector) path() string { return filepath.Join("vectors", v.name+".bin") }

var long = strings.Repeat("long", 250)

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
	compareWith(t, v.path(), got)
}

func compareWith(t *testing.T, path string, got []byte) {
	t.Helper()
	want, err := os.ReadFile(path)
	must(t, err)
	if len(got) != len(want) {
		t.Fatalf("%d bytes, %s has %d; if that is meant, run with -update", len(got), path, len(want))
	}
	for i := 0; i < len(got); i += 8 {
		if g, w := got[i:i+8], want[i:i+8]; !bytes.Equal(g, w) {
			t.Errorf("at byte %d: % x, %s has % x", i, g, path, w)
		}
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
