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
	MaxMessage uint64

	ProducerArea, ConsumerArea, SharedArea uint64
	DataArea, DataSize                     uint64
	TotalSize                              uint64
}

// SlotPayload is where the payload of a slot starts.
const SlotPayload = WordSize

// Compute lays out an SPSC ring. capacity counts bytes (kind bytes) or slots
// (kind slots); slotSize must be 0 for kind bytes. The error wraps ErrGeometry.
func Compute(kind uint32, capacity, slotSize, stride uint64) (Geometry, error) {
	g := Geometry{Kind: kind, Topology: TopologySPSC, Stride: stride, Capacity: capacity, SlotSize: slotSize}
	if !powerOfTwo(stride) || stride < MinStride || stride > MaxStride {
		return g, geometry("stride", stride, "a power of two from %d to %d bytes", MinStride, MaxStride)
	}
	if !powerOfTwo(capacity) {
		return g, geometry("capacity", capacity, "a power of two%s", nextPowerHint(capacity))
	}
	switch kind {
	case KindBytes:
		if capacity < MinCapacityBytes || capacity > MaxCapacityBytes {
			return g, geometry("capacity", capacity, "from %d to %d bytes", MinCapacityBytes, int64(MaxCapacityBytes))
		}
		if slotSize != 0 {
			return g, geometry("slot size", slotSize, "0 in a ring of variable-length records")
		}
		g.DataSize = capacity
		// A record and the padding before it must fit into an empty ring
		// together: see docs/spec/layout-v1.md, "wrap".
		g.MaxMessage = min(capacity/2-WordSize, MaxMessageLimit)
	case KindSlots:
		if capacity < MinSlots || capacity > MaxSlots {
			return g, geometry("capacity", capacity, "from %d to %d slots", MinSlots, int64(MaxSlots))
		}
		if slotSize < 1 || slotSize > MaxSlotSize {
			return g, geometry("slot size", slotSize, "from 1 to %d bytes", MaxSlotSize)
		}
		g.SlotStride = SlotPayload + Align(slotSize, WordSize)
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
	g.TotalSize = Align(g.DataArea+g.DataSize, PageSize)
	return g, nil
}

// Align rounds n up to a multiple of a, a power of two.
func Align(n, a uint64) uint64 { return (n + a - 1) &^ (a - 1) }

func powerOfTwo(n uint64) bool { return n != 0 && n&(n-1) == 0 }

func nextPowerHint(n uint64) string {
	if n == 0 || n > 1<<62 {
		return ""
	}
	return fmt.Sprintf(" (the next is %d)", uint64(1)<<bits.Len64(n))
}
