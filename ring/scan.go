package ring

import (
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// looks bounds how often one call looks at words that others change all the time: no
// correct peers do it so long.
const looks = 1 << 16

// tally is what a scan found from one position on.
type tally struct {
	start    uint64
	end      uint64 // position behind the last committed record
	messages uint64
	bytes    uint64
}

// scan walks the committed records or slots in data from position pos, where one
// starts, to the first that is not committed or to limit. Only a producer that
// has the role, or a reader that can live with nonsense, may rely on it.
func (r *Ring) scan(data mem.Ptr, pos, limit uint64) (tally, error) {
	g := &r.geometry
	t := tally{start: pos, end: pos}
	if g.Kind == layout.KindSlots {
		for ; t.end != limit; t.end++ {
			if mem.Load(data.Word(t.end&(g.Capacity-1)*g.SlotStride)) != slotWord(t.end, g.Capacity) {
				break
			}
		}
		t.messages = t.end - pos
		t.bytes = t.messages * g.SlotSize
		return t, nil
	}
	if pos%layout.WordSize != 0 {
		return t, r.implausible("position %d is not a multiple of %d", pos, layout.WordSize)
	}
	for int64(limit-t.end) > 0 {
		i := t.end & (g.Capacity - 1)
		w := mem.Load(data.Word(i)) // [P1]
		if w == 0 {
			return t, nil
		}
		n := w & layout.RecordLengthMask
		if w&^(layout.RecordLengthMask|layout.RecordPad) != layout.RecordCommitted || record(n) > g.Capacity-i ||
			record(n) > limit-t.end-layout.WordSize {
			return t, r.implausible("header %#x at position %d", w, t.end)
		}
		if pad := w&layout.RecordPad != 0; pad && (i == 0 || record(n) != g.Capacity-i) {
			return t, r.implausible("padding %#x at position %d", w, t.end)
		} else if !pad {
			t.messages++
			t.bytes += n
		}
		t.end += record(n)
	}
	return t, nil
}

// survey scans a ring in use, or a lane of one, from its head. Records released and
// overwritten on the way make no sense; then it starts again from the new head, and after
// some rounds settles for what it has.
func (r *Ring) survey(l laneAt, head uint64) (t tally) {
	for range 8 {
		var err error
		if t, err = r.scan(l.data, head, head+r.geometry.Capacity); err == nil {
			break
		}
		head = mem.Load(&l.consumer.Position)
	}
	return t
}
