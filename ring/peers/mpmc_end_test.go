package peers_test

import (
	"encoding/binary"
	"fmt"
	"io"
	"testing"
	"time"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/ring"
	"annulus/shm"
)

// A consumer dies with a message in its hands after another got the end of the
// stream: one that comes then gets the message, and the end behind it.
func TestMPMCEndBehindTheDead(t *testing.T) {
	inEach(t, "mpmc", func(t *testing.T, l program) {
		for _, language := range "gp" {
			t.Run(string(language), func(t *testing.T) {
				config := manyRing
				config.Redeliver = true
				r, name := create(t, config)
				p := producer(t, r)
				must(t, send(patient(t), p, manySizes, 0, 2, 1))
				h := start(t, l.peer(t, append([]string{"recv", name, "--hold"}, manySizes.args()...)...))
				expect(t, h.Line(), "held 0")
				c := consumer(t, r)
				must(t, p.Close())
				if n, err := receive(patient(t), c, manySizes, 1, 0, 1, 1); n != 2 || err != nil {
					t.Fatalf("%d, %v", n, err)
				}
				h.Kill()
				want := numbers(0, 1)
				want.redelivered = 1
				w := newCrowd(t, l, r, name, manySizes, "futex", 1)
				if language == 'p' {
					w.parts = append(w.parts, start(t, l.peer(t, append([]string{"recv", name, "--any"}, w.args()...)...)))
				} else {
					w.goConsumer()
				}
				if got := w.total(); got != want {
					t.Errorf("got %+v, want %+v", got, want)
				}
				if _, err := c.TryRecv(nil); err != io.EOF {
					t.Errorf("the first, again: %v", err)
				}
			})
		}
	})
}

// A producer publishes a batch while its next message is still being written, commits
// that too, and dies before it has counted it: its successor counts it.
func TestMPMCCommittedBehindABatch(t *testing.T) {
	shape := layout.Shape{Kind: layout.KindSlots, Topology: layout.TopologyMPMC, Capacity: 8, SlotSize: 24, Variable: true, Members: 4, Stride: 128}
	for _, committed := range []bool{false, true} {
		t.Run(fmt.Sprint(committed), func(t *testing.T) {
			g, err := layout.Compute(shape)
			must(t, err)
			attach := func(init func([]byte) error) (*ring.Ring, *shm.Region) {
				m, err := shm.Heap(int(g.TotalSize), shm.WithInit(init))
				must(t, err)
				r, err := ring.Attach(m)
				must(t, err)
				t.Cleanup(func() { r.Close() })
				return r, m
			}
			r, m := attach(func(b []byte) error { layout.Format(b, g, layout.Identity{}); return nil })
			p := producer(t, r, ring.WithTag(5))
			for range 2 {
				_, err := p.TryReserve(8)
				must(t, err)
				must(t, p.Stage(8))
			}
			_, err = p.TryReserve(8)
			must(t, err)
			must(t, p.Publish())
			// What all of its death leaves: its memory, and no lock.
			dead, want := append([]byte(nil), m.Bytes()[:g.TotalSize]...), uint64(2)
			if committed {
				binary.LittleEndian.PutUint64(dead[g.DataArea+2*g.SlotStride:], layout.SlotCommitted)
				want = 3
			}
			r, _ = attach(func(b []byte) error { copy(b, dead); return nil })
			if got := producer(t, r, ring.WithTag(5)).Committed(); got != want {
				t.Errorf("the successor is told of %d messages, %d were committed", got, want)
			}
		})
	}
}

// A consumer that finds nothing but places that were given up wakes who waits for their room.
func TestMPMCSkippedRoomIsTold(t *testing.T) {
	inEach(t, "mpmc", func(t *testing.T, l program) {
		config := manyRing
		config.Capacity = 2
		r, name := create(t, config)
		p := producer(t, r)
		for range 2 {
			_, err := p.TryReserve(8)
			must(t, err)
			p.Abort()
		}
		s := futex.Futex()
		s.Slice, s.FirstSlice = time.Hour, time.Hour
		waits := producer(t, r, ring.WithStrategy(s))
		sent := make(chan error, 1)
		go func() { sent <- send(patient(t), waits, manySizes, 0, 1, 1) }()
		eventually(t, "it sleeps", func() bool { return stats(t, r).Producer.Asleep })
		c := start(t, l.peer(t, append([]string{"recv", name, "--count", "1"}, manySizes.args()...)...))
		must(t, <-sent)
		expect(t, c.Done(), "received 1 ok")
	})
}
