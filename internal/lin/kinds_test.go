package lin

import (
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"testing"

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
	calls              int                   // of each in a history
	size               func(value uint8) int // of a message; its bytes are all value
	// spec explains histories that begin with the ring empty, at a position of
	// its producer.
	spec func(start uint64) Spec
}

func eight(uint8) int { return 8 }

// several makes records of sizes that fill 4 KiB soon and pad at many places.
func several(v uint8) int { return 600 + 97*int(v%11) }

func tickets1(k Tickets) func(uint64) Spec { return func(uint64) Spec { return k } }

func kinds() []kind {
	mpmc := func(slots int, redeliver bool) ring.Config {
		return ring.Config{Topology: ring.MPMC, Capacity: slots, SlotSize: 8, Redeliver: redeliver, Members: 8}
	}
	return []kind{
		{"SPSC records", ring.Config{Capacity: 4096}, 1, 1, 6, several, func(start uint64) Spec {
			return Queue{Bytes: 4096, Start: start, Size: several}
		}},
		{"SPSC slots", ring.Config{Kind: ring.Slots, Capacity: 2, SlotSize: 8}, 1, 1, 4, eight, func(uint64) Spec {
			return Queue{Slots: 2}
		}},
		{"MPMC", mpmc(2, false), 2, 2, 3, eight, tickets1(Tickets{Slots: 2})},
		{"MPMC redelivering", mpmc(4, true), 2, 1, 3, eight, tickets1(Tickets{Slots: 4, Redeliver: true})},
	}
}

// sender and receiver are what a client calls; seeded mistakes are wrapped around.
//
// A way below byHand is to reserve and commit, or to peek and release, 0 the same
// with a pause between them; the other ways are one call.
const (
	byHand = 2
	ways   = 5
)

type sender interface {
	send(value uint8, way int) (Result, error)
}

type receiver interface {
	recv(way int) (value uint8, result Result, again bool, err error)
}

type producer struct {
	*ring.Producer
	size func(uint8) int
	buf  []byte
}

func (p *producer) send(value uint8, way int) (Result, error) {
	n := p.size(value)
	fill := func(b []byte) {
		for i := range b {
			b[i] = value
		}
	}
	var err error
	if way < byHand {
		var b []byte
		if b, err = p.TryReserve(n); err == nil {
			if way == 0 {
				runtime.Gosched()
			}
			fill(b)
			err = p.Commit(n)
		}
	} else {
		p.buf = append(p.buf[:0], make([]byte, n)...)
		fill(p.buf)
		err = p.TrySend(p.buf)
	}
	if err == ring.ErrFull {
		return Full, nil
	}
	return OK, err
}

type consumer struct {
	*ring.Consumer
	size func(uint8) int
	buf  []byte
}

func (c *consumer) recv(way int) (value uint8, result Result, again bool, err error) {
	var b []byte
	if way < byHand {
		b, err = c.TryPeek()
	} else {
		b, err = c.TryRecv(c.buf[:0])
		c.buf = b
	}
	if err == ring.ErrEmpty || err == io.EOF { // of a producer that has closed
		return 0, Empty, false, nil
	}
	if err != nil {
		return 0, Empty, false, err
	}
	value = b[0]
	for _, x := range b {
		if x != value {
			return 0, OK, false, fmt.Errorf("torn: %x", b)
		}
	}
	if len(b) != c.size(value) {
		return 0, OK, false, fmt.Errorf("message %d has %d bytes, want %d", value, len(b), c.size(value))
	}
	again = c.Redelivered() > 0
	if way < byHand {
		if way == 0 {
			runtime.Gosched() // others see a claim under way
		}
		err = c.Release()
	}
	return value, OK, again, err
}

// client does calls and notes them.
type client struct {
	number int
	s      sender
	r      receiver
	now    func() int64
	rng    *rand.Rand
	ways   int // so many of the ways
	idle   int // so that loops that wait are not left out
	ops    []Op
}

func (c *client) call(value uint8) (Op, error) {
	o := Op{Client: c.number, Value: value}
	way := c.rng.IntN(c.ways)
	for range c.rng.IntN(60) {
		c.idle++
	}
	var err error
	o.Call = c.now()
	if c.s != nil {
		o.Result, err = c.s.send(value, way)
	} else {
		o.Verb = Recv
		o.Value, o.Result, o.Redelivered, err = c.r.recv(way)
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
func clients(t testing.TB, k kind, r *ring.Ring, now func() int64) (list []*client, first *ring.Producer) {
	t.Helper()
	add := func(s sender, v receiver) {
		n := len(list)
		list = append(list, &client{number: n, s: s, r: v, now: now, rng: rand.New(rand.NewPCG(uint64(n), 7)), ways: ways})
	}
	for range k.senders {
		p, err := r.Producer()
		must(t, err)
		if first == nil {
			first = p
		}
		add(&producer{Producer: p, size: k.size}, nil)
	}
	for range k.receivers {
		c, err := r.Consumer()
		must(t, err)
		add(nil, &consumer{Consumer: c, size: k.size})
	}
	return list, first
}

// explain fails with the history if spec has no explanation for it.
func explain(t testing.TB, spec Spec, history []Op) {
	t.Helper()
	if !Check(spec, history) {
		t.Fatalf("no order of these calls explains their results under %T:\n%s", spec, Show(history))
	}
}
