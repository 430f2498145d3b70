package ring

import (
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// Lanes of an MPSC ring. Each producer has one, an SPSC ring but for the gates and the
// consumer, which all share: so no producer ever waits for another, and one that dies
// leaves nothing that would have to be repaired. Lane i is that of entry i of the
// endpoint table; the next holder of the entry takes the lane over with what is in it.

// laneAt is where a lane lies.
type laneAt struct {
	data     mem.Ptr
	producer *layout.Cursor // the line its producer stores to
	consumer *layout.Cursor // and the line the consumer does
}

// lanesOf lays the lanes over the ring's memory; nil where there are none.
func lanesOf(b []byte, g *layout.Geometry) []laneAt {
	if g.Topology != layout.TopologyMPSC {
		return nil
	}
	lanes := make([]laneAt, g.Members)
	for i := range lanes {
		lanes[i] = laneAt{
			data:     mem.Of(b).At(g.Lane(uint64(i))),
			producer: layout.LaneCursorAt(b, g.LaneProducers, g.Stride, uint64(i)),
			consumer: layout.LaneCursorAt(b, g.LaneConsumers, g.Stride, uint64(i)),
		}
	}
	return lanes
}

// whole is an SPSC ring as if it were a lane.
func (r *Ring) whole() laneAt {
	return laneAt{mem.Of(r.mem).At(r.geometry.DataArea), r.producer.cursor, r.consumer.cursor}
}

// enterLane makes a lane the place where this endpoint works.
func (e *endpoint) enterLane(l *laneAt) {
	e.data = l.data
	e.mine.cursor, e.peer.cursor = l.producer, l.consumer
	if e.mine.number == layout.RoleConsumer {
		e.mine.cursor, e.peer.cursor = l.consumer, l.producer
	}
	e.cursor = e.mine.cursor
}

// drained tells whether all that was committed in lane i is released, or was a moment
// ago. It is a hint.
func (r *Ring) drained(i int) bool {
	l, g := r.lanes[i], &r.geometry
	head := mem.Load(&l.consumer.Position)
	if g.Kind == layout.KindSlots {
		return mem.Load(l.data.Word(head&(g.Capacity-1)*g.SlotStride)) != slotWord(head, g.Capacity)
	}
	return head%layout.WordSize == 0 && mem.Load(l.data.Word(head&(g.Capacity-1))) == 0
}
