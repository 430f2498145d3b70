package peers_test

import (
	"fmt"
	"strconv"
	"testing"

	"annulus/futex"
	"annulus/internal/race"
	"annulus/ring"
)

// flow is one stream between Go and another language.
type flow struct {
	wait     string
	strategy futex.Strategy
	count    uint64
	config   ring.Config
	stream   stream
	batch    int
	checks   int // of each message by the receiver: how slow it is
}

func (f flow) name() string {
	return fmt.Sprintf("%s/%s/batch-%d/checks-%d/%d", f.config.Kind, f.wait, f.batch, f.checks, f.count)
}

var (
	smallRing = ring.Config{Kind: ring.Bytes, Capacity: 64 << 10}
	slotRing  = ring.Config{Kind: ring.Slots, Capacity: 256, SlotSize: 61}
	anySize   = stream{seed: 1, min: 0, max: 3000}
	slotSize  = stream{seed: 2, min: 61, max: 61}
)

// flows: a million messages where nobody sleeps and where everybody does, fewer
// for the other ways. Go yields in the former, for on a busy machine a spinning
// peer that gives nothing away waits for the other by whole time slices.
func (l program) flows() (list []flow) {
	n := uint64(1_000_000)
	if testing.Short() || race.Enabled {
		n = 20_000
	}
	n /= l.pace
	for _, f := range []flow{
		{"spin", futex.Yield(), n, smallRing, anySize, 1, 1},
		{"futex", futex.Futex(), n, smallRing, anySize, 1, 1},
		{"spin", futex.Spin(), n / 20, smallRing, anySize, 1, 1},
		{"spin", futex.Yield(), n / 10, smallRing, anySize, 1, 10}, // mostly full
		{"futex", futex.Futex(), n / 10, smallRing, anySize, 1, 10},
		{"futex", futex.Adaptive(), n / 10, smallRing, anySize, 7, 1},
		{"semaphore", futex.Sem(), n / 10, smallRing, anySize, 1, 1},
		{"spin", futex.Yield(), n / 5, slotRing, slotSize, 1, 1},
		{"futex", futex.Futex(), n / 5, slotRing, slotSize, 16, 1},
		{"semaphore", futex.Sem(), n / 20, slotRing, slotSize, 1, 10},
	} {
		if f.wait != "semaphore" || l.can(f.wait) {
			list = append(list, f)
		}
	}
	return list
}

func (f flow) args() []string {
	return f.stream.args("--wait", f.wait, "--batch", strconv.Itoa(f.batch), "--checks", strconv.Itoa(f.checks), "--count", strconv.FormatUint(f.count, 10),
		"--timeout", strconv.FormatInt(patience.Milliseconds(), 10), "--kind", f.config.Kind.String())
}

func TestGoToPeer(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		for _, f := range l.flows() {
			t.Run(f.name(), func(t *testing.T) {
				r, name := create(t, f.config)
				p := producer(t, r, ring.WithStrategy(f.strategy))
				c := start(t, l.peer(t, append([]string{"recv", name}, f.args()...)...))
				if err := send(patient(t), p, f.stream, 0, f.count, f.batch); err != nil {
					t.Fatalf("%v; the consumer: %s", err, c.Fails())
				}
				expect(t, c.Done(), fmt.Sprintf("received %d ok", f.count))
				s, err := r.Stats()
				must(t, err)
				if s.Consumer.Messages != f.count || s.Occupied != 0 {
					t.Errorf("statistics: %d messages released, %d bytes or slots left, want %d and 0", s.Consumer.Messages, s.Occupied, f.count)
				}
			})
		}
	})
}

func TestPeerToGo(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		for _, f := range l.flows() {
			t.Run(f.name(), func(t *testing.T) {
				r, name := create(t, f.config)
				c := consumer(t, r, ring.WithStrategy(f.strategy))
				p := start(t, l.peer(t, append([]string{"send", name}, f.args()...)...))
				n, err := receive(patient(t), c, f.stream, 0, 0, f.batch, f.checks) // to the end of the stream
				if err != nil {
					p.Kill()
					t.Fatalf("%v; the producer: %s", err, p.Complaints())
				}
				if n != f.count {
					t.Errorf("end of stream after %d messages, want %d", n, f.count)
				}
				expect(t, p.Done(), fmt.Sprintf("sent %d ok", f.count))
			})
		}
	})
}

// A memfd has no name: the peer gets it by inheritance and opens it anew, for locks of
// its own.
func TestInheritedMemfd(t *testing.T) {
	inEach(t, "spsc", func(t *testing.T, l program) {
		r, err := ring.CreateMemfd("annulus-peers", smallRing)
		must(t, err)
		defer r.Close()
		c := consumer(t, r)
		cmd := l.peer(t, append([]string{"send", "fd:3", "--count", "1000"}, anySize.args()...)...)
		cmd.ExtraFiles = append(cmd.ExtraFiles, r.Region().File())
		p := start(t, cmd)
		n, err := receive(patient(t), c, anySize, 0, 0, 1, 1)
		must(t, err)
		expect(t, p.Done(), fmt.Sprintf("sent %d ok", n))
	})
}
