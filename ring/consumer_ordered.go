package ring

import (
	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// recvOrdered appends the next message to dst and releases it if that goes without a
// closer look, and exits: nextOrdered and release in one call. !ok: it does not, nothing
// was done.
func (c *Consumer) recvOrdered(dst []byte) (out []byte, ok bool, err error) {
	if mem.Load(&c.quiet) == 0 || c.peeked {
		return dst, false, nil
	}
	i := c.pos & c.mask
	if mem.Load(c.words.Word(i*layout.WordSize)) != c.pos-i|layout.GranuleCommitted { // [P1]
		return dst, false, nil
	}
	off := i << layout.GranuleShift
	n, span, ok := c.record(off)
	if !ok {
		return dst, false, nil
	}
	dst = append(dst, c.data.Bytes(off+layout.WordSize, n)...)
	c.pos += span
	mem.Publish(&c.cursor.Position, c.pos) // [C1] pairs with the load in lookForRoom
	mem.Publish(c.messages, *c.messages+1)
	mem.Publish(c.bytes, *c.bytes+n)
	if mem.Load(c.arm) != mem.Load(&c.quiet) {
		err = c.releasedSlow()
	}
	c.exit()
	return dst, true, err
}

// record reads the first word of the record at offset off: the length of its payload
// and its granules. !ok: it is impossible.
func (c *Consumer) record(off uint64) (n, span uint64, ok bool) {
	first := mem.Load(c.data.Word(off))
	n, span = first&layout.SpanLengthMask, first>>layout.SpanShift
	return n, span, n <= c.max && granules(n) <= span && span <= c.size-off>>layout.GranuleShift
}

// nextOrdered is next for records in one order. What is stepped over lies in one lap, for
// it is not released meanwhile; who finds more, finds words that no correct peer writes.
func (c *Consumer) nextOrdered() (off, n uint64, err error) {
	for range 2*c.size + 4 { // a granule is seen free, then settled
		i := c.pos & c.mask
		word := c.words.Word(i * layout.WordSize)
		w := mem.Load(word) // [P1]
		switch w - (c.pos - i) {
		case layout.GranuleCommitted:
			off = i << layout.GranuleShift
			n, span, ok := c.record(off)
			if !ok {
				if c.ring.region.Faulted() {
					return 0, 0, c.lost()
				}
				return 0, 0, c.corrupt("record of %d bytes in %d granules at position %d", n, span, c.pos)
			}
			c.pos += span
			if int64(c.ahead-c.pos) < 0 {
				c.ahead = c.pos + min(c.quarter, 1<<16)
				c.countOrFold() // this one not: it may be peeked
			}
			c.tally += oneMessage + n
			return off + layout.WordSize, n, nil
		case layout.GranuleSkip:
			c.pos++
			continue
		case layout.GranulePad:
			if i == 0 {
				return 0, 0, c.impossible(c.pos, w) // a record fits there
			}
			c.pos += c.size - i
			continue
		}
		if !granuleFree(w, c.pos, c.mask) {
			return 0, 0, c.impossible(c.pos, w)
		}
		if c.caughtUp() {
			continue
		}
		c.passed()
		c.undrawn(c.pos, word, w)
		c.seen = w
		if c.due() {
			if done, err := c.ring.repairGranules(c.pos, nil); err != nil {
				return 0, 0, c.fail(err)
			} else if done > 0 {
				continue
			}
		}
		return 0, 0, c.nothing()
	}
	return 0, 0, c.corrupt("more than a lap without a message, up to position %d", c.pos)
}

// passed releases what was stepped over and holds no message: producers may need just
// that room.
func (c *Consumer) passed() {
	if !c.peeked && mem.Load(&c.cursor.Position) != c.pos {
		mem.Publish(&c.cursor.Position, c.pos) // [C1]
		killpoint.Here("passed")
	}
}
