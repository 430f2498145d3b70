package ring

import (
	"fmt"
	"strings"

	"annulus/internal/cpu"
	"annulus/internal/layout"
)

// Kind says what a ring is made of.
type Kind uint8

const (
	// Bytes is a ring of records of any length up to Config.MaxMessage.
	Bytes Kind = layout.KindBytes
	// Slots is a ring of messages of one size, typed or not.
	Slots Kind = layout.KindSlots
)

func (k Kind) String() string {
	switch k {
	case 0:
		return "default"
	case Bytes:
		return "bytes"
	case Slots:
		return "slots"
	}
	return fmt.Sprintf("kind(%d)", uint8(k))
}

// Topology says how many endpoints a ring may have on each side.
type Topology uint8

const (
	// SPSC is one producer and one consumer.
	SPSC Topology = layout.TopologySPSC
	// MPMC is any number of producers and consumers, each message to one of the
	// consumers. Of kind Slots only; untyped, its messages may be of any length up
	// to Config.SlotSize.
	MPMC Topology = layout.TopologyMPMC
	// MPSC is any number of producers and one consumer. Each producer has a lane,
	// a ring of its own within the ring, so that none waits for another: messages of one
	// producer keep their order, there is none between producers. Of either kind.
	MPSC Topology = layout.TopologyMPSC
	// MPSCOrdered is any number of producers and one consumer, which receives all
	// messages in one order, that in which the producers claimed room. Of kind Bytes.
	MPSCOrdered Topology = layout.TopologyMPSCOrdered
	// Broadcast is one producer and any number of consumers, each of which receives
	// every message, from when it attached. Of kind Bytes only; Config.Overrun says
	// what becomes of a consumer that is too slow.
	Broadcast Topology = layout.TopologyCast
)

func (t Topology) String() string {
	switch t {
	case 0:
		return "default"
	case SPSC:
		return "SPSC"
	case MPMC:
		return "MPMC"
	case MPSC:
		return "MPSC"
	case MPSCOrdered:
		return "MPSC ordered"
	case Broadcast:
		return "broadcast"
	}
	return fmt.Sprintf("topology(%d)", uint8(t))
}

// Name is the topology as command lines, documents and metrics write it, in one word: mpsc-ordered.
func (t Topology) Name() string { return strings.ReplaceAll(strings.ToLower(t.String()), " ", "-") }

// Defaults of Config.
const (
	DefaultCapacity = 1 << 20 // bytes
	DefaultSlots    = 1 << 12
)

// Config is the part of a ring that is persisted in its header and shared by
// all peers. Zero fields are defaults.
type Config struct {
	Kind     Kind // default Bytes
	Capacity int  // Bytes: 4 KiB to 4 GiB; Slots: 2 to 2^30 slots; a power of two. MPSC: of each lane
	SlotSize int  // Slots: bytes of every message, 1 to 2^24
	Stride   int  // bytes that keep two writers apart; default from cpuid

	Topology Topology // default SPSC
	// Members is how many producers and consumers a ring of many can have at a
	// time, all together; default 64. Of an MPSC ring it is the number of lanes, and
	// so of producers; default 8. Its memory is that many times the capacity. Of a
	// Broadcast ring it is how many consumers, but with OverrunOverwrite there may be
	// more, whom Stats does not show.
	Members int
	// Overrun says what the producer of a Broadcast ring does when a consumer is a
	// whole ring behind; default OverrunOverwrite.
	Overrun Overrun
	// Redeliver hands a message that an MPMC ring's consumer held when it died
	// to another consumer (see Consumer.Redelivered); else it is dropped.
	Redeliver bool

	// MaxMessage is the greatest payload in bytes. It follows from the rest
	// and is ignored by Create.
	MaxMessage int

	element     string // of a typed ring
	fingerprint uint64
	err         error // why the element type will not do
}

// SlotsOf returns the Config of a ring of slots that each hold one T, which must
// be free of pointers (checked when the ring is created).
func SlotsOf[T any](slots int) Config {
	t := describe[T]()
	return Config{Kind: Slots, Capacity: slots, SlotSize: t.Size, element: t.Name, fingerprint: t.Fingerprint, err: t.err}
}

func (c Config) withDefaults() Config {
	if c.Topology == 0 {
		c.Topology = SPSC
	}
	if c.Kind == 0 {
		c.Kind = Bytes
		if c.Topology == MPMC {
			c.Kind = Slots
		}
	}
	if c.Members == 0 {
		switch c.Topology {
		case MPMC, MPSCOrdered, Broadcast:
			c.Members = layout.DefaultMembers
		case MPSC:
			c.Members = layout.DefaultLanes
		}
	}
	if c.Overrun == 0 && c.Topology == Broadcast {
		c.Overrun = OverrunOverwrite
	}
	if c.Capacity == 0 {
		c.Capacity = DefaultCapacity
		if c.Kind == Slots {
			c.Capacity = DefaultSlots
		}
	}
	if c.Stride == 0 {
		c.Stride = cpu.Stride()
	}
	return c
}

// Validate says whether a ring can be made of c, and if not, why: an error that
// wraps ErrGeometry, or, of a Config by SlotsOf, ErrPointers or ErrSize.
func (c Config) Validate() error {
	_, err := c.geometry()
	return err
}

// Size returns the bytes of shared memory a ring of c takes.
func (c Config) Size() (int64, error) {
	g, err := c.geometry()
	return int64(g.TotalSize), err
}

func (c Config) geometry() (layout.Geometry, error) {
	c = c.withDefaults()
	if c.err != nil {
		return layout.Geometry{}, c.err
	}
	for _, f := range []struct {
		name string
		n    int
	}{{"capacity", c.Capacity}, {"slot size", c.SlotSize}, {"stride", c.Stride}, {"members", c.Members}} {
		if f.n < 0 {
			return layout.Geometry{}, fmt.Errorf("%w: %s is %d, want a positive number", ErrGeometry, f.name, f.n)
		}
	}
	if err := c.fits(); err != nil {
		return layout.Geometry{}, err
	}
	g, err := layout.Compute(layout.Shape{
		Kind: uint32(c.Kind), Topology: uint32(c.Topology), Capacity: uint64(c.Capacity), SlotSize: uint64(c.SlotSize),
		Variable: c.Topology == MPMC && c.fingerprint == 0, Members: uint64(c.Members), Stride: uint64(c.Stride),
	})
	if err == nil && uint64(int(g.TotalSize)) != g.TotalSize {
		err = fmt.Errorf("%w: %d bytes are more than this machine can address", ErrGeometry, g.TotalSize)
	}
	return g, err
}

// fits holds the choices of a Config, defaults filled in, against each other.
func (c Config) fits() error {
	only := Kind(0) // kind there may be
	switch c.Topology {
	case MPMC:
		only = Slots
	case MPSCOrdered, Broadcast:
		only = Bytes
	case SPSC, MPSC:
	default:
		return misfit("Topology is %d, want SPSC, MPMC, MPSC, MPSCOrdered or Broadcast", c.Topology)
	}
	switch {
	case c.Kind != Bytes && c.Kind != Slots:
		return misfit("Kind is %d, want Bytes or Slots", c.Kind)
	case only != 0 && c.Kind != only:
		return misfit("Kind is %v, but a ring of topology %v is of kind %v; leave Kind out", c.Kind, c.Topology, only)
	case c.Topology == SPSC && c.Members != 0:
		return misfit("Members is %d, but a ring of topology SPSC has one producer and one consumer; leave it out", c.Members)
	case c.Topology != SPSC && (c.Members < layout.MinMembers || c.Members > layout.MaxMembers):
		return misfit("Members is %d, want from %d to %d", c.Members, layout.MinMembers, layout.MaxMembers)
	case c.Redeliver && c.Topology == Broadcast:
		return misfit("Redeliver is for MPMC rings; each consumer of a broadcast ring receives everything, nothing is handed on; leave it out")
	case c.Redeliver && c.Topology != MPMC:
		return misfit("Redeliver is for MPMC rings; what the one consumer of a ring of topology %v has not released, the next one receives anyway; leave it out", c.Topology)
	case c.Overrun > OverrunDrop:
		return misfit("Overrun is %d, want OverrunOverwrite, OverrunBlock or OverrunDrop", c.Overrun)
	case c.Overrun != 0 && c.Topology != Broadcast:
		return misfit("Overrun is %v in a ring of topology %v; overwrite, block and drop are for broadcast rings; leave it out", c.Overrun, c.Topology)
	}
	return nil
}

func misfit(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrGeometry, fmt.Sprintf(format, args...))
}

func configOf(g layout.Geometry, h *layout.Header) Config {
	name := h.Element[:]
	for i, b := range name {
		if b == 0 {
			name = name[:i]
			break
		}
	}
	return Config{
		Kind: Kind(g.Kind), Capacity: int(g.Capacity), SlotSize: int(g.SlotSize), Stride: int(g.Stride),
		Topology: Topology(g.Topology), Members: int(g.Members), Redeliver: h.Required&layout.FeatureRedeliver != 0,
		Overrun:    overrunOf(g, h),
		MaxMessage: int(g.MaxMessage), element: string(name), fingerprint: h.Fingerprint,
	}
}

// Element returns the name of the element type its creator gave a typed ring, "" for
// others. It is for people: two languages name one type differently.
func (c Config) Element() string { return c.element }

// accepts compares what a caller asked of an existing ring with what it is.
func (c Config) accepts(got Config) error {
	for _, f := range []struct {
		name      string
		want, got any
		asked     bool
	}{
		{"kind", c.Kind, got.Kind, c.Kind != 0}, {"topology", c.Topology, got.Topology, c.Topology != 0},
		{"capacity", c.Capacity, got.Capacity, c.Capacity != 0}, {"slot size", c.SlotSize, got.SlotSize, c.SlotSize != 0},
		{"overrun policy", c.Overrun, got.Overrun, c.Overrun != 0}, {"redelivery", c.Redeliver, got.Redeliver, c.Redeliver},
		{"stride", c.Stride, got.Stride, c.Stride != 0}, {"members", c.Members, got.Members, c.Members != 0},
	} {
		if f.asked && f.want != f.got {
			return fmt.Errorf("%w: its %s is %v, want %v; remove the ring or ask for what it is", ErrMismatch, f.name, f.got, f.want)
		}
	}
	if c.fingerprint != 0 && c.fingerprint != got.fingerprint {
		return fmt.Errorf("%w: its elements are %q, want %q", ErrMismatch, got.element, c.element)
	}
	return nil
}
