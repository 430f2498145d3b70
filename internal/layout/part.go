package layout

import "fmt"

// A ring between processes that do not trust each other lies in two memories, each
// written by one side alone. Each begins with the header; all offsets are those of a
// ring in one piece, and what the other side writes is left out or means nothing:
//
//	the producer's            the consumer's
//	+--------------------+    +--------------------+ 0
//	| header             |    | header             |
//	+--------------------+    +--------------------+ producer_area
//	| producer side      |    |                    |
//	+--------------------+    +--------------------+ consumer_area
//	|                    |    | consumer side      |
//	+--------------------+    +--------------------+ shared_area
//	|                    |
//	+--------------------+ data_area
//	| records or slots   |
//	+--------------------+ total_size

// parts is the family of rings, for headers that ask for FeatureApart.
var parts = func() family {
	f := rings
	f.known = FeatureApart
	return f
}()

// PartSize is how many bytes the memory of a role takes, where each has one.
func (g *Geometry) PartSize(role uint32) uint64 {
	if role == RoleConsumer {
		return g.SharedArea
	}
	return g.TotalSize
}

// FormatPart is Format for the memory of one role, at least g.PartSize(role) long.
func FormatPart(mem []byte, g Geometry, id Identity, role uint32) {
	area := g.ProducerArea
	if role == RoleConsumer {
		area = g.ConsumerArea
	}
	formatSide(mem, area, g.Stride)
	id.Required = FeatureApart
	formatHeader(mem, g, id)
}

// DecodePart is Decode for the memory of one role.
func DecodePart(raw []byte, size uint64, role uint32) (Geometry, Header, error) {
	g, h, err := decodeRing(&parts, raw, size)
	switch {
	case err != nil:
		return g, h, err
	case h.Required != FeatureApart:
		return g, h, fmt.Errorf("%w: required feature bits %#x, want %#x alone", ErrFeature, h.Required, FeatureApart)
	case g.Topology != TopologySPSC:
		return g, h, geometry("topology", uint64(g.Topology), "%d (SPSC) where each side has a memory of its own", TopologySPSC)
	}
	return g, h, parts.room(g.PartSize(role), size)
}
