package lin

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/internal/testutil"
	"annulus/ring"
)

func TestMain(m *testing.M) { testutil.Main(m, roles, func() { unbuild() }) }

// unbuild removes what tests have built.
var unbuild = func() {}

var roles = testutil.Roles{}

// kind is a row of the table of rings.
type kind struct {
	name               string
	config             ring.Config
	senders, receivers int
	sends, recvs       int                   // of each of them in a history
	size               func(value uint8) int // of a message; its bytes are all value
	// spec explains histories that begin with the ring drained.
	spec func(begin) Spec
	// Names of places where a sender and a receiver of it may be killed.
	points [2][]string
}

// begin is where a history begins.
type begin struct {
	lanes        []Span // of each, or of the ring: what is left is padding
	tail, intent uint64
	senders      []int // clients, in the order of their lanes
	receivers    []int
}

func eight(uint8) int { return 8 }

// several makes records of sizes that fill 4 KiB soon and pad at many places.
func several(v uint8) int { return 600 + 97*int(v%11) }

// quarters makes records for broadcast rings of 4 KiB, which take a quarter at most.
func quarters(v uint8) int { return 500 + 47*int(v%11) }

func kinds() []kind {
	const bytes = 4096
	mpmc := func(slots int, redeliver bool) ring.Config {
		return ring.Config{Topology: ring.MPMC, Capacity: slots, SlotSize: 8, Redeliver: redeliver, Members: 8}
	}
	tickets := func(k Tickets) func(begin) Spec { return func(begin) Spec { return k } }
	cast := func(name string, overrun ring.Overrun) kind {
		return kind{
			name: "broadcast, " + name, config: ring.Config{Topology: ring.Broadcast, Capacity: bytes, Members: 8, Overrun: overrun},
			senders: 1, receivers: 2, sends: 8, recvs: 4, size: quarters,
			spec: func(b begin) Spec {
				return Log{
					Readers: b.receivers, Bytes: bytes, Size: quarters, Tail: b.tail, Intent: b.intent, Ahead: bytes / 8,
					Waits: overrun != ring.OverrunOverwrite, Drops: overrun == ring.OverrunDrop,
				}
			},
			points: [2][]string{{"raised", "wrapped", "half", "filled", "latest", "committed"}, {"copied", "released"}},
		}
	}
	places := [2][]string{{"intent", "drawn", "filled", "committed", "published"}, {"intent", "drawn", "received", "settling", "settled"}}
	return []kind{
		{"SPSC records", ring.Config{Capacity: bytes}, 1, 1, 6, 6, several, func(b begin) Spec {
			return Queue{Bytes: bytes, Start: b.lanes[0], Size: several}
		}, [2][]string{{"put", "swept"}, {"released"}}},
		{"SPSC slots", ring.Config{Kind: ring.Slots, Capacity: 2, SlotSize: 8}, 1, 1, 4, 4, eight, func(begin) Spec {
			return Queue{Slots: 2}
		}, [2][]string{nil, {"released"}}},
		{"MPMC", mpmc(2, false), 2, 2, 3, 3, eight, tickets(Tickets{Slots: 2}), places},
		{"MPMC redelivering", mpmc(4, true), 2, 1, 3, 3, eight, tickets(Tickets{Slots: 4, Redeliver: true}), places},
		{"MPSC records", ring.Config{Topology: ring.MPSC, Capacity: bytes, Members: 2}, 2, 1, 5, 6, several, func(b begin) Spec {
			return Lanes{Lane: Queue{Bytes: bytes, Size: several}, Senders: b.senders, Starts: b.lanes}
		}, [2][]string{{"put", "swept"}, {"released"}}},
		{"MPSC slots", ring.Config{Kind: ring.Slots, Topology: ring.MPSC, Capacity: 2, SlotSize: 8, Members: 2}, 2, 1, 4, 5, eight, func(b begin) Spec {
			return Lanes{Lane: Queue{Slots: 2}, Senders: b.senders}
		}, [2][]string{nil, {"released"}}},
		{"MPSC ordered", ring.Config{Topology: ring.MPSCOrdered, Capacity: bytes, Members: 8}, 2, 1, 3, 5, several, func(b begin) Spec {
			return Ordered{Granules: bytes / 64, Start: b.lanes[0].Head, Size: several}
		}, [2][]string{{"intent", "drawn", "padded", "filled", "committed", "published"}, {"released"}}},
		cast("overwrite", ring.OverrunOverwrite),
		cast("block", ring.OverrunBlock),
		cast("drop newest", ring.OverrunDrop),
	}
}

// where tells where a drained ring stands, from its words.
func where(t testing.TB, r *ring.Ring, list []*client) (at begin) {
	t.Helper()
	b := r.Region().Bytes()
	g, _, err := layout.Decode(slices.Clone(b[:layout.HeaderSize]), uint64(len(b)))
	must(t, err)
	at.lanes = []Span{spanAt(b, &g, layout.CursorAt(b, g.ConsumerArea), g.DataArea)}
	if g.Topology == layout.TopologyMPSC {
		at.lanes = nil
		for i := range g.Members {
			at.lanes = append(at.lanes, spanAt(b, &g, layout.LaneCursorAt(b, g.LaneConsumers, g.Stride, i), g.Lane(i)))
		}
	}
	at.tail = mem.Load(&layout.CursorAt(b, g.ProducerArea).Position)
	at.intent = mem.Load(&layout.EndpointAt(b, g.ProducerArea, g.Stride).Intent)
	for _, c := range list {
		if c.s != nil {
			at.senders = append(at.senders, c.number)
		} else {
			at.receivers = append(at.receivers, c.number)
		}
	}
	return at
}

// spanAt is where a drained lane stands, whose producer may have padded and died.
func spanAt(b []byte, g *layout.Geometry, consumer *layout.Cursor, data uint64) Span {
	head := mem.Load(&consumer.Position)
	s := Span{head, head}
	records := g.Kind == layout.KindBytes && (g.Topology == layout.TopologySPSC || g.Topology == layout.TopologyMPSC)
	if !records {
		return s
	}
	if w := mem.Load(layout.WordAt(b, data+head%g.Capacity)); w&layout.RecordPad != 0 {
		s.Tail += layout.WordSize + w&layout.RecordLengthMask
	}
	return s
}

// drains are the clients that receive what is left.
func (k kind) drains(list []*client) (out []*client) {
	for _, c := range list {
		if c.r == nil {
			continue
		}
		if k.config.Topology != ring.Broadcast {
			out = nil
		}
		out = append(out, c)
	}
	return out
}

// sender and receiver are what a client calls; seeded mistakes are wrapped around.
//
// A way below byHand is to reserve and commit, or to peek and release, 0 the same
// with a pause between them; the other ways are one call.
const (
	byHand = 2
	ways   = 5
)

var anyWay = [2]int{0, ways}

type sender interface {
	send(value uint8, way int) (Result, error)
}

type receiver interface {
	recv(way int) (got, error)
}

// got is what came of a receive.
type got struct {
	value  uint8
	result Result
	again  bool  // redelivered
	lost   uint8 // Overrun
}

type producer struct {
	*ring.Producer
	size  func(uint8) int
	pause func()
	buf   []byte
}

func (p *producer) send(value uint8, way int) (Result, error) {
	n := p.size(value)
	fill := func(b []byte) {
		for i := range b {
			b[i] = value
		}
	}
	dropped := p.Dropped()
	var err error
	if way < byHand {
		var b []byte
		if b, err = p.TryReserve(n); err == nil {
			if way == 0 {
				p.pause()
			}
			fill(b)
			err = p.Commit(n)
		}
	} else {
		p.buf = append(p.buf[:0], make([]byte, n)...)
		fill(p.buf)
		err = p.TrySend(p.buf)
	}
	switch {
	case err == ring.ErrFull:
		return Full, nil
	case p.Dropped() != dropped:
		return Dropped, err
	}
	return OK, err
}

type consumer struct {
	*ring.Consumer
	size  func(uint8) int
	pause func()
	buf   []byte
}

func (c *consumer) recv(way int) (got, error) {
	var b []byte
	var err error
	if way < byHand {
		b, err = c.TryPeek()
	} else {
		b, err = c.TryRecv(c.buf[:0])
		c.buf = b
	}
	if err == ring.ErrEmpty || err == io.EOF { // of a producer that has closed
		return got{result: Empty}, nil
	}
	if over, ok := errors.AsType[*ring.OverrunError](err); ok {
		return got{result: Overrun, lost: uint8(over.Lost)}, nil
	}
	if err != nil {
		return got{}, err
	}
	if len(b) == 0 {
		return got{}, errors.New("a message of no bytes, which nobody sent")
	}
	g := got{value: b[0], again: c.Redelivered() > 0}
	for _, x := range b {
		if x != g.value {
			return g, fmt.Errorf("torn: %x", b)
		}
	}
	if len(b) != c.size(g.value) {
		return g, fmt.Errorf("message %d has %d bytes, want %d", g.value, len(b), c.size(g.value))
	}
	if way < byHand {
		if way == 0 {
			c.pause() // others see a claim under way
		}
		err = c.Release()
	}
	return g, err
}

// client does calls and notes them.
type client struct {
	number int
	s      sender
	r      receiver
	now    func() int64
	rng    *rand.Rand
	ways   [2]int // from the first to before the second
	idle   int    // so that loops that wait are not left out
	ops    []Op
}

func (c *client) call(value uint8) (Op, error) {
	o := Op{Client: c.number, Value: value}
	way := c.ways[0] + c.rng.IntN(c.ways[1]-c.ways[0])
	for range c.rng.IntN(60) {
		c.idle++
	}
	var err error
	o.Call = c.now()
	if c.s != nil {
		o.Result, err = c.s.send(value, way)
	} else {
		var g got
		g, err = c.r.recv(way)
		o.Verb, o.Value, o.Result, o.Redelivered, o.Lost = Recv, g.value, g.result, g.again, g.lost
	}
	o.Return = c.now()
	c.ops = append(c.ops, o)
	return o, err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// clients attaches a producer or a consumer for each client.
func clients(t testing.TB, k kind, r *ring.Ring, now func() int64) (list []*client) {
	t.Helper()
	for range k.senders {
		p, err := r.Producer()
		must(t, err)
		list = append(list, newClient(k, len(list), p, nil, now))
	}
	for range k.receivers {
		c, err := r.Consumer()
		must(t, err)
		list = append(list, newClient(k, len(list), nil, c, now))
	}
	return list
}

// newClient is a client of one of both.
func newClient(k kind, number int, p *ring.Producer, c *ring.Consumer, now func() int64) *client {
	n := &client{number: number, now: now, rng: rand.New(rand.NewPCG(uint64(number), 7)), ways: anyWay}
	if p != nil {
		n.s = &producer{Producer: p, size: k.size, pause: runtime.Gosched}
	} else {
		n.r = &consumer{Consumer: c, size: k.size, pause: runtime.Gosched}
	}
	return n
}

// explain fails with the history if spec has no explanation for it.
func explain(t testing.TB, spec Spec, history []Op) {
	t.Helper()
	if !Check(spec, history) {
		t.Fatalf("no order of these calls explains their results under %T:\n%s", spec, Show(history))
	}
}
