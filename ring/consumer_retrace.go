package ring

import (
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// retrace goes again over messages that were handed out from a, from the end of t on, which
// it adds them to, up to position to or for at most most messages. Their producer may have changed
// everything since: nothing is believed that leads beyond to.
func (c *Consumer) retrace(a *lane, t *tally, to, most uint64) error {
	if to-t.end > c.size {
		return c.rewritten(t.end)
	}
	for t.end != to && most > 0 {
		n, span, message := c.handedOut(a.data, t.end)
		if span == 0 || span > to-t.end {
			return c.rewritten(t.end)
		}
		if t.end += span; message {
			t.messages++
			t.bytes += n
			most--
		}
	}
	return nil
}

// handedOut tells what was handed out, or stepped over, at a position: the length of the
// message and how far off the next one is. A span of 0: what is there cannot have been.
func (c *Consumer) handedOut(data mem.Ptr, pos uint64) (n, span uint64, message bool) {
	switch {
	case c.form == formTickets:
		return c.ticketHandedOut(pos)
	case c.form == formOrdered:
		i := pos & c.mask
		if w := mem.Load(c.words.Word(i * layout.WordSize)); w != pos-i|layout.GranuleCommitted {
			return 0, c.ring.extent(pos, w), false
		}
		if n, span, ok := c.record(i << layout.GranuleShift); ok {
			return n, span, true
		}
		return 0, 0, false
	case c.slots:
		return c.max, 1, true
	}
	i := pos & c.mask
	if i%layout.WordSize != 0 {
		return 0, 0, false
	}
	rest, pad := c.size-i-layout.WordSize, layout.RecordPad
	w := mem.Load(data.Word(i))
	n = w - layout.RecordCommitted
	if c.form == formCast {
		pad = layout.CastPad
		n = w & (layout.CastLengthMask | pad)
	}
	switch {
	case n <= rest:
		return n, record(n), true
	case n == pad|rest && i != 0:
		return 0, layout.WordSize + rest, false
	}
	return 0, 0, false
}

func (c *Consumer) ticketHandedOut(t uint64) (n, span uint64, message bool) {
	w := mem.Load(c.ticketWord(t))
	if !inHand(w, c.ticketLap(t)) {
		return 0, 0, false
	}
	if w&layout.SlotStateMask != layout.SlotCommitted {
		return 0, 1, false
	}
	n = c.max
	if c.shared.length {
		n = mem.Load(c.data.Word(c.ticketOffset(t) + layout.SlotLength))
	}
	if n > c.max {
		return 0, 0, false
	}
	return n, 1, true
}

// rewritten is the error for headers that are not as they were when their messages were
// handed out. One lane that has such does not end the others.
func (c *Consumer) rewritten(pos uint64) error {
	if c.form == formLanes && !c.ring.region.Faulted() {
		return c.ring.implausible("what was peeked of a lane at position %d has changed", pos)
	}
	return c.corrupt("what was peeked at position %d has changed", pos)
}
