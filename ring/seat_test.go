package ring_test

import (
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
)

// geometryOf reads where the parts of a ring lie.
func geometryOf(t testing.TB, r *ring.Ring) layout.Geometry {
	t.Helper()
	b := r.Region().Bytes()
	g, _, err := layout.Decode(b[:layout.HeaderSize], uint64(len(b)))
	must(t, err)
	return g
}

// castWords are the words that the producer of a broadcast ring writes.
func castWords(t testing.TB, r *ring.Ring) (*layout.Cursor, *layout.Endpoint) {
	t.Helper()
	g, b := geometryOf(t, r), r.Region().Bytes()
	return layout.CursorAt(b, g.ProducerArea), layout.EndpointAt(b, g.ProducerArea, g.Stride)
}

// seat moves a fresh ring of any topology to a position, as if so much had gone through it.
func seat(t testing.TB, r *ring.Ring, pos uint64) {
	t.Helper()
	g, b := geometryOf(t, r), r.Region().Bytes()
	layout.CursorAt(b, g.ProducerArea).Position = pos
	switch g.Topology {
	case layout.TopologyCast:
		c, e := castWords(t, r)
		c.Latest, e.Intent, c.Messages = pos, pos, pos
		return // consumers begin where the producer is
	case layout.TopologyMPSC:
		for i := range g.Members {
			layout.LaneCursorAt(b, g.LaneProducers, g.Stride, i).Position = pos
			layout.LaneCursorAt(b, g.LaneConsumers, g.Stride, i).Position = pos
		}
		return
	}
	layout.CursorAt(b, g.ConsumerArea).Position = pos
	if g.Kind == layout.KindSlots {
		for i := range g.Capacity {
			p := pos + i // the first position from here on that lies in its slot
			word := p / g.Capacity << layout.SlotLapShift
			if g.Topology == layout.TopologySPSC {
				word = (p/g.Capacity-1)<<layout.SlotLapShift | layout.SlotCommitted
			}
			*layout.WordAt(b, g.DataArea+p%g.Capacity*g.SlotStride) = word
		}
	}
}
