package ring

import (
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// next finds the next message: where its payload lies and how long it is.
func (c *Consumer) next() (off, n uint64, err error) {
	if mem.Load(&c.quiet) == 0 {
		if err := c.look(); err != nil {
			return 0, 0, err
		}
	}
	if c.slots {
		return c.nextInSlot()
	}
	return c.nextRecord()
}

// nextRecord is next for records of variable length.
func (c *Consumer) nextRecord() (off, n uint64, err error) {
	for {
		i := c.pos & c.mask
		w := mem.Load(c.data.Word(i)) // [P1]
		n = w - layout.RecordCommitted
		// One comparison refuses an empty word, padding and a length beyond
		// the end: all are greater than any capacity.
		if n <= c.mask-(layout.WordSize-1)-i {
			c.pos += record(n)
			c.messages++
			c.bytes += n
			return i + layout.WordSize, n, nil
		}
		if w == 0 {
			c.seen = 0
			return 0, 0, c.nothing()
		}
		if err := c.skip(w, i); err != nil {
			return 0, 0, err
		}
	}
}

// skip steps over padding, which always reaches to the end of data.
func (c *Consumer) skip(w, i uint64) error {
	if w != layout.RecordCommitted|layout.RecordPad|(c.size-i-layout.WordSize) {
		if c.ring.region.Faulted() {
			return c.lost()
		}
		return c.corrupt("header %#x at position %d", w, c.pos)
	}
	c.pos += c.size - i
	return nil
}

// nextInSlot is next for slots.
func (c *Consumer) nextInSlot() (off, n uint64, err error) {
	if w := mem.Load(c.data.Word(c.slot)); w != c.slotWord { // [P1]
		c.seen = w
		return 0, 0, c.nothing()
	}
	off = c.slot + layout.SlotPayload
	c.pos++
	if c.slot += c.stride; c.slot == c.slotEnd {
		c.slot = 0
		c.slotWord += 1 << layout.SlotLapShift
	}
	c.messages++
	c.bytes += c.max
	return off, c.max, nil
}
