package peers_test

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
)

// batch sends messages as one batch.
func batch(p *ring.Producer, msgs ...string) error {
	views := make([][]byte, len(msgs))
	for i, m := range msgs {
		views[i] = []byte(m)
	}
	if n, err := p.TrySendBatch(views); n != len(msgs) {
		return fmt.Errorf("batch of %d: %d sent: %w", len(msgs), n, err)
	}
	return nil
}

// reserve opens a reservation and writes to it.
func reserve(p *ring.Producer, n int, fill string) error {
	b, err := p.TryReserve(n)
	copy(b, fill)
	return err
}

var longer = long + strings.Repeat("er", 50)

func inLane(lane int, lines ...string) (all []string) {
	for _, l := range lines {
		kind, rest, _ := strings.Cut(l, " ")
		all = append(all, fmt.Sprintf("%s lane=%d %s", kind, lane, rest))
	}
	return all
}

// laneVectors are MPSC rings of lanes: one whose producers were killed and closed, one
// whose session is over.
func laneVectors() []vector {
	return []vector{
		{
			name:  "lanes-records",
			shape: layout.Shape{Kind: layout.KindBytes, Topology: layout.TopologyMPSC, Capacity: 4096, Members: 3},
			fill: func(t *testing.T, r *ring.Ring) {
				p0, p1, c := producer(t, r, ring.WithTag(9)), producer(t, r), consumer(t, r)
				must(t, errors.Join(sendAll(p1, "received"), recvN(c, 1), sendAll(p0, long, long, long), recvN(c, 3),
					sendAll(p0, longer), batch(p0, "batch 1", "batch 2"),
					sendAll(p1, "second lane", "", "x"), p1.Close(), c.Close()))
			},
			want: append(inLane(0, "cursor tail=3024 head=3024 messages=3 bytes=3000", "pad at=3024 length=1064", say(4096, longer),
				say(5208, "batch 1"), say(5224, "batch 2"), "end at=5240"),
				inLane(1, "cursor tail=64 head=16 messages=1 bytes=8", say(16, "second lane"), say(40, ""), say(48, "x"), "end at=64")...),
			lanes: [][]string{{longer, "batch 1", "batch 2"}, {"second lane", "", "x"}},
		},
		{
			name:  "lanes-slots",
			shape: layout.Shape{Kind: layout.KindSlots, Topology: layout.TopologyMPSC, Capacity: 4, SlotSize: 24, Members: 2},
			fill: func(t *testing.T, r *ring.Ring) {
				p0, p1, c := producer(t, r), producer(t, r), consumer(t, r)
				must(t, errors.Join(sendAll(p0, numbered(0), numbered(1), numbered(2), numbered(3)), recvN(c, 4),
					sendAll(p0, numbered(4), numbered(5), numbered(6)), recvN(c, 1),
					sendAll(p1, numbered(100), numbered(101)), p0.Close(), p1.Close(), c.Close()))
			},
			want: append(inLane(0, "cursor tail=7 head=5 messages=5 bytes=120", slotAt(5), slotAt(6), "end at=7"),
				inLane(1, "cursor tail=2 head=0 messages=0 bytes=0", say(0, numbered(100)), say(1, numbered(101)), "end at=2")...),
			lanes: [][]string{{numbered(5), numbered(6)}, {numbered(100), numbered(101)}},
			end:   true,
		},
	}
}

// orderedVector is a ring of many producers in one order. Positions are granules of 64
// bytes; all its endpoints are dead to whoever opens it.
func orderedVector() vector {
	return vector{
		name:  "ordered-claims",
		shape: layout.Shape{Kind: layout.KindBytes, Topology: layout.TopologyMPSCOrdered, Capacity: 4096, Members: 4},
		fill: func(t *testing.T, r *ring.Ring) {
			p0, p1, c := producer(t, r), producer(t, r, ring.WithTag(5)), consumer(t, r)
			must(t, errors.Join(sendAll(p0, long, long, long), recvN(c, 3), sendAll(p0, longer)))
			must(t, reserve(p1, 100, "given up"))
			p1.Abort()
			must(t, errors.Join(sendAll(p1, "behind the skip"), reserve(p1, 200, "never published")))
			must(t, errors.Join(batch(p0, "batch 1", "batch 2"), reserve(p0, 500, "short"), p0.Commit(5)))
		},
		want: []string{"pad at=48 span=16", spanAt(64, 18, longer), "skip at=82", "skip at=83", spanAt(84, 1, "behind the skip"),
			"claimed at=85", "claimed at=86", "claimed at=87", "claimed at=88", spanAt(89, 1, "batch 1"), spanAt(90, 1, "batch 2"),
			spanAt(91, 8, "short"), "end at=99"},
		messages: []string{longer, "behind the skip", "batch 1", "batch 2", "short"},
	}
}

func spanAt(at, span int, payload string) string {
	return fmt.Sprintf("message at=%d span=%d length=%d payload=%x", at, span, len(payload), payload)
}

func castAt(at, number int, payload string) string {
	return fmt.Sprintf("message at=%d number=%d length=%d payload=%x", at, number, len(payload), payload)
}

// broadcastVectors are of 4096 bytes.
func broadcastVectors() []vector {
	shape := layout.Shape{Kind: layout.KindBytes, Topology: layout.TopologyCast, Capacity: 4096, Members: 3}
	wrap := func(t *testing.T, r *ring.Ring) *ring.Producer {
		p := producer(t, r)
		must(t, errors.Join(sendAll(p, long, long, long, long, long[:999]+"!"), batch(p, "batch #1", "batch #2")))
		return p
	}
	died := func(t *testing.T, r *ring.Ring) {
		p := wrap(t, r)
		must(t, errors.Join(sendAll(p, long, long, "next to the last", "the last"), reserve(p, 1000, "")))
	}
	overwrite := func(b []byte, g layout.Geometry) { copy(b[g.DataArea+8:], "OVERWRITTEN") }
	lap1 := []string{castAt(4096, 4, long[:999]+"!"), castAt(5104, 5, "batch #1"), castAt(5120, 6, "batch #2")}
	return []vector{
		{name: "broadcast-fresh", shape: shape, want: []string{"end at=0"}},
		{
			name: "broadcast-wrap", shape: shape,
			fill:     func(t *testing.T, r *ring.Ring) { must(t, wrap(t, r).Close()) },
			want:     append(lap1[:3:3], "end at=5136"),
			messages: []string{long[:999] + "!", "batch #1", "batch #2"},
			end:      true,
		},
		{
			// The producer has raised intent for a record that wraps, and begun to fill it.
			name: "broadcast-overrun", shape: shape, fill: died, touch: overwrite,
			want:     []string{castAt(7176, 10, "the last"), "end at=7192"},
			messages: []string{"the last"},
		},
		{
			// It died between its stores of latest and of position.
			name: "broadcast-latest", shape: shape, fill: died,
			touch: func(b []byte, g layout.Geometry) {
				overwrite(b, g)
				h := layout.CursorAt(b, g.ProducerArea)
				rest := 8192 - h.Position
				binary.LittleEndian.PutUint64(b[g.DataArea+h.Position&4095:], 11<<layout.CastNumberShift|layout.CastPad|(rest-8))
				binary.LittleEndian.PutUint64(b[g.DataArea:], 11<<layout.CastNumberShift|1000)
				h.Latest = 8192
			},
			want: []string{"end at=7192"},
		},
		{
			name: "broadcast-block", shape: shape, required: layout.FeatureBlock,
			fill: func(t *testing.T, r *ring.Ring) {
				c, p := consumer(t, r), producer(t, r)
				must(t, errors.Join(sendAll(p, "first", "second", "third", ""), recvN(c, 2)))
			},
			want:     []string{castAt(48, 3, ""), "end at=56"},
			messages: []string{""},
		},
	}
}

func named(t *testing.T, name string) vector {
	t.Helper()
	for _, v := range vectors() {
		if v.name == name {
			return v
		}
	}
	t.Fatalf("no vector %s", name)
	return vector{}
}

// What the README says of successors.
func TestGoGoesOnAtVectors(t *testing.T) {
	open := func(t *testing.T, name string) *ring.Ring {
		r, err := ring.OpenFile(copyOf(t, named(t, name).path()))
		must(t, err)
		t.Cleanup(func() { r.Close() })
		return r
	}
	t.Run("ordered-claims", func(t *testing.T) {
		if n := producer(t, open(t, "ordered-claims"), ring.WithTag(5)).Committed(); n != 1 {
			t.Errorf("the successor is told of %d messages, 1 was committed", n)
		}
	})
	for _, name := range []string{"broadcast-overrun", "broadcast-latest", "broadcast-block"} {
		t.Run(name, func(t *testing.T) {
			r := open(t, name)
			c, p := consumer(t, r), producer(t, r)
			for i := range 5 { // all around the ring, over whoever is dead
				must(t, p.TrySend([]byte(longer[:1000+i])))
				b, err := c.TryRecv(nil)
				must(t, err)
				expect(t, string(b), longer[:1000+i])
			}
		})
	}
}

// Producers of a peer go on where the vectors leave off.
func TestPeerGoesOnAtVectors(t *testing.T) {
	sizes := stream{seed: 9, min: 1000, max: 1016}
	inEach(t, "", func(t *testing.T, l program) {
		for _, k := range []struct {
			name, speaks string
			args         []string
			committed    string
		}{
			{"bytes-wrap", "spsc", nil, ""},
			{"lanes-records", "mpsc", []string{"--tag", "9"}, "committed 5240"},
			{"ordered-claims", "mpsc-ordered", []string{"--tag", "5"}, "committed 1"},
			{"broadcast-fresh", "broadcast", nil, ""}, {"broadcast-wrap", "broadcast", nil, ""}, {"broadcast-overrun", "broadcast", nil, ""},
			{"broadcast-latest", "broadcast", nil, ""}, {"broadcast-block", "broadcast", nil, ""},
		} {
			if !l.can(k.speaks) {
				continue
			}
			t.Run(k.name, func(t *testing.T) {
				v := named(t, k.name)
				path := copyOf(t, v.path())
				r, err := ring.OpenFile(path)
				must(t, err)
				defer r.Close()
				c := consumer(t, r)
				if v.shape.Topology != layout.TopologyCast { // whose consumers begin anew
					for range v.count() {
						_, err := c.Recv(patient(t), nil)
						must(t, err)
					}
				}
				const n = 9 // more than all around
				p := start(t, l.peer(t, append([]string{"send", path, "--count", fmt.Sprint(n)}, sizes.args(k.args...)...)...))
				if k.committed != "" {
					p.Expect(k.committed)
				}
				for seq := range uint64(n) {
					b, err := c.Recv(patient(t), nil)
					if errors.Is(err, ring.ErrOverrun) {
						break // not the last one, by as much as comes to pass
					}
					must(t, err)
					must(t, sizes.check(seq, b))
				}
				expect(t, p.Done(), fmt.Sprintf("sent %d ok", n))
			})
		}
	})
}
