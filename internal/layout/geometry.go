package layout

import (
	"fmt"
	"math/bits"
)

// Geometry says where everything of one ring lies. It is computed from a few
// numbers, by the creator and again by each attacher, and kept in private
// memory: shared copies are compared with it once and never read again.
type Geometry struct {
	Kind       uint32
	Topology   uint32
	Stride     uint64 // bytes of a line
	Capacity   uint64 // bytes or slots
	SlotSize   uint64 // kind slots: payload bytes
	SlotStride uint64
	SlotOffset uint64 // kind slots: where the payload of a slot starts
	MaxMessage uint64
	Members    uint64 // entries of the endpoint table
	Granules   uint64 // MPSC ordered: what positions count; else 0

	WordTable                              uint64 // MPSC ordered: words of the granules
	MemberArea                             uint64
	LaneProducers, LaneConsumers           uint64 // MPSC: the cursors of the lanes
	LaneStride                             uint64 // MPSC: bytes of data from lane to lane
	ProducerArea, ConsumerArea, SharedArea uint64
	DataArea, DataSize                     uint64 // MPSC: of lane 0
	TotalSize                              uint64
}

// SlotPayload is where the payload of a slot starts, SlotLength where its length
// is if it has one; then the payload follows at SlotPayloadLength.
const (
	SlotPayload       = WordSize
	SlotLength        = WordSize
	SlotPayloadLength = 2 * WordSize
)

// Shape is what a ring's geometry follows from.
type Shape struct {
	Kind, Topology uint32
	Capacity       uint64 // bytes (kind bytes) or slots (kind slots)
	SlotSize       uint64 // kind slots; else 0
	Variable       bool   // messages of any length up to SlotSize; MPMC only
	Members        uint64 // entries of the endpoint table; 0 in SPSC
	Stride         uint64
}

// Compute lays out a ring. The error wraps ErrGeometry.
func Compute(s Shape) (Geometry, error) {
	kind, capacity, slotSize, stride := s.Kind, s.Capacity, s.SlotSize, s.Stride
	g := Geometry{Kind: kind, Topology: s.Topology, Stride: stride, Capacity: capacity, SlotSize: slotSize, Members: s.Members}
	if err := s.check(); err != nil {
		return g, err
	}
	if !powerOfTwo(stride) || stride < MinStride || stride > MaxStride {
		return g, geometry("stride", stride, "a power of two from %d to %d bytes", MinStride, MaxStride)
	}
	switch kind {
	case KindBytes:
		if err := checkCapacity(capacity, MinCapacityBytes, MaxCapacityBytes, "bytes"); err != nil {
			return g, err
		}
		if slotSize != 0 {
			return g, geometry("slot size", slotSize, "0 in a ring of variable-length records")
		}
		g.DataSize = capacity
		// A record and the padding before it must fit into an empty ring
		// together: see docs/spec/layout-v1.md, "wrap".
		g.MaxMessage = min(capacity/2-WordSize, MaxMessageLimit)
		if s.Topology == TopologyCast {
			// And the record before both, for whoever was overrun, with intent ahead.
			g.MaxMessage = min(capacity/4-WordSize, MaxMessageLimit)
		}
	case KindSlots:
		if err := checkCapacity(capacity, MinSlots, MaxSlots, "slots"); err != nil {
			return g, err
		}
		if slotSize < 1 || slotSize > MaxSlotSize {
			return g, geometry("slot size", slotSize, "from 1 to %d bytes", MaxSlotSize)
		}
		g.SlotOffset = SlotPayload
		if s.Variable {
			g.SlotOffset = SlotPayloadLength
		}
		g.SlotStride = g.SlotOffset + Align(slotSize, WordSize)
		g.MaxMessage = slotSize
		hi, n := bits.Mul64(capacity, g.SlotStride)
		if hi != 0 || n > MaxDataSize {
			return g, geometry("capacity", capacity, "at most %d slots of %d bytes", MaxDataSize/g.SlotStride, slotSize)
		}
		g.DataSize = n
	default:
		return g, geometry("kind", uint64(kind), "%d (bytes) or %d (slots)", KindBytes, KindSlots)
	}
	area := Align(SideLines*stride, PageSize)
	g.ProducerArea = PageSize
	g.ConsumerArea = g.ProducerArea + area
	g.SharedArea = g.ConsumerArea + area
	g.DataArea = g.SharedArea + Align(SharedLines*stride, PageSize)
	if g.Members > 0 {
		g.MemberArea = g.DataArea
		g.DataArea += Align(g.Members*MemberLines*stride, PageSize)
	}
	switch s.Topology {
	case TopologyMPSC:
		return g.withLanes()
	case TopologyMPSCOrdered:
		g.Granules = capacity >> GranuleShift
		g.WordTable = g.DataArea
		g.DataArea += Align(g.Granules*WordSize, PageSize)
		// With the padding before it, which is shorter, a record must be no more than
		// an intent can name. That half the ring is no more than the ring is above.
		g.MaxMessage = min(g.MaxMessage, (GranuleIntentMaxCount/2+1)*GranuleSize-WordSize)
	}
	g.TotalSize = Align(g.DataArea+g.DataSize, PageSize)
	return g, nil
}

// withLanes lays out the lanes of an MPSC ring behind its endpoint table: one line
// each for what its producer and what the consumer stores, and its data.
//
//	+------------+-----------------+-----------------+--------+--------+---
//	| table      | producer lines  | consumer lines  | lane 0 | lane 1 | ...
//	+------------+-----------------+-----------------+--------+--------+---
//	             page              page              page     page
func (g Geometry) withLanes() (Geometry, error) {
	lines := Align(g.Members*g.Stride, PageSize)
	g.LaneProducers = g.DataArea
	g.LaneConsumers = g.LaneProducers + lines
	g.DataArea = g.LaneConsumers + lines
	g.LaneStride = Align(g.DataSize, PageSize)
	if g.Members > MaxDataSize/g.LaneStride {
		return g, geometry("endpoint table", g.Members, "at most %d lanes of %d bytes", MaxDataSize/g.LaneStride, g.LaneStride)
	}
	g.TotalSize = g.DataArea + g.Members*g.LaneStride
	return g, nil
}

// Lane is where the data of lane i starts.
func (g *Geometry) Lane(i uint64) uint64 { return g.DataArea + i*g.LaneStride }

// check holds topology, kind and table against each other.
func (s Shape) check() error {
	switch s.Topology {
	case TopologySPSC:
		if s.Members != 0 {
			return geometry("endpoint table", s.Members, "0 entries in a ring of one producer and one consumer")
		}
		if s.Variable {
			return geometry("slot payload offset", SlotPayloadLength, "%d in a ring of one producer and one consumer", SlotPayload)
		}
	case TopologyMPMC:
		if s.Kind != KindSlots {
			return geometry("kind", uint64(s.Kind), "%d (slots) in a ring of many producers and consumers", KindSlots)
		}
		return s.checkMembers()
	case TopologyMPSC:
		if s.Variable {
			return geometry("slot payload offset", SlotPayloadLength, "%d in a ring of lanes", SlotPayload)
		}
		return s.checkMembers()
	case TopologyMPSCOrdered:
		if s.Kind != KindBytes {
			return geometry("kind", uint64(s.Kind), "%d (bytes) in a ring of many producers in one order", KindBytes)
		}
		return s.checkMembers()
	case TopologyCast:
		if s.Kind != KindBytes {
			return geometry("kind", uint64(s.Kind), "%d (bytes) in a broadcast ring", KindBytes)
		}
		return s.checkMembers()
	default:
		return geometry("topology", uint64(s.Topology), "%d (SPSC), %d (MPMC), %d (MPSC), %d (MPSC ordered) or %d (broadcast)",
			TopologySPSC, TopologyMPMC, TopologyMPSC, TopologyMPSCOrdered, TopologyCast)
	}
	return nil
}

func (s Shape) checkMembers() error {
	if s.Members < MinMembers || s.Members > MaxMembers {
		return geometry("endpoint table", s.Members, "from %d to %d entries", MinMembers, MaxMembers)
	}
	return nil
}

// Align rounds n up to a multiple of a, a power of two.
func Align(n, a uint64) uint64 { return (n + a - 1) &^ (a - 1) }

func powerOfTwo(n uint64) bool { return n != 0 && n&(n-1) == 0 }

// checkCapacity looks at the range first: the next power of two is of use only
// within it.
func checkCapacity(n, least, most uint64, unit string) error {
	hint := ""
	switch {
	case n >= least && n <= most && powerOfTwo(n):
		return nil
	case n >= least && n <= most:
		hint = fmt.Sprintf("; the next is %d", uint64(1)<<bits.Len64(n))
	}
	return geometry("capacity", n, "from %d to %d %s, a power of two%s", least, most, unit, hint)
}
