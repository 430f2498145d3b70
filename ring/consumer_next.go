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
	switch c.form {
	case formTickets:
		return c.nextShared()
	case formOrdered:
		return c.nextOrdered()
	case formLanes:
		return c.nextInLanes()
	case formCast:
		return c.nextCast()
	}
	return c.nextHere()
}

// nextHere is next for a ring, or lane, of one producer.
func (c *Consumer) nextHere() (off, n uint64, err error) {
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
			if n > c.max {
				return 0, 0, c.corrupt("header %#x at position %d: %d bytes, the longest message has %d", w, c.pos, n, c.max)
			}
			next := c.pos + record(n)
			if int64(c.ahead-next) < 0 {
				c.lookAhead(next)
			}
			c.pos = next
			c.tally += oneMessage + n
			return i + layout.WordSize, n, nil
		}
		if w == 0 {
			if c.caughtUp() {
				continue
			}
			c.seen = 0
			return 0, 0, c.nothing()
		}
		if err := c.skip(w, i); err != nil {
			return 0, 0, err
		}
	}
}

// lookAhead asks for cache lines behind the record at hand, which ends at next,
// before that is copied. A call takes so many instructions that the processor
// does not reach the next line before the last one has come, and a payload
// cannot be loaded before its header: waiting for one line after the other costs
// more than all the rest. Not so near the producer: the lines it is writing are
// best left alone. How far it has come at least, it stores with every sweep.
//
//go:noinline
func (c *Consumer) lookAhead(next uint64) {
	at := next
	if next-c.pos < mem.PrefetchSize {
		at += mem.PrefetchSize // the nearest lines have been asked for
	}
	end := at + mem.PrefetchSize
	if int64(c.tail-end) < 0 {
		c.tail = mem.Load(&c.peer.cursor.Position)
	}
	if int64(c.tail-end) >= 0 {
		c.data.Prefetch(at & c.mask)
	}
	c.ahead = next + mem.PrefetchSize
	c.countOrFold()
}

// peekRecords is nextRecord for as many records as dst has room for and need no
// closer look, without a call for each.
func (c *Consumer) peekRecords(dst [][]byte) (k int) {
	pos, mask, data := c.pos, c.mask, c.data
	for ; k < len(dst); k++ {
		i := pos & mask
		n := mem.Load(data.Word(i)) - layout.RecordCommitted // [P1]
		if n > mask-(layout.WordSize-1)-i || n > c.max {
			break
		}
		dst[k] = data.Bytes(i+layout.WordSize, n)
		c.tally += oneMessage + n
		pos += record(n)
		if int64(c.ahead-pos) < 0 {
			c.lookAhead(pos)
		}
	}
	c.pos = pos
	return k
}

// skip steps over padding, which always reaches to the end of data and never
// starts at index 0.
func (c *Consumer) skip(w, i uint64) error {
	if i == 0 || w != layout.RecordCommitted|layout.RecordPad|(c.size-i-layout.WordSize) {
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
	w := mem.Load(c.data.Word(c.slot)) // [P1]
	if w != c.slotWord && c.caughtUp() {
		w = mem.Load(c.data.Word(c.slot)) // [P1]
	}
	if w != c.slotWord {
		c.seen = w
		return 0, 0, c.nothing()
	}
	off = c.slot + layout.SlotPayload
	if next := c.pos + 1; int64(c.ahead-next) < 0 {
		c.lookAheadSlots(next, c.slot+c.stride) // before this one counts: it may be peeked
	}
	c.step()
	return off, c.max, nil
}

// lookAheadSlots is lookAhead for slots, with the position and offset behind the one at hand.
//
//go:noinline
func (c *Consumer) lookAheadSlots(pos, at uint64) {
	run := uint64(1)
	if c.stride < mem.PrefetchSize {
		at, run = at+mem.PrefetchSize, mem.PrefetchSize/c.stride
	}
	end := pos + 2*run
	if int64(c.tail-end) < 0 {
		c.tail = mem.Load(&c.peer.cursor.Position)
	}
	if int64(c.tail-end) >= 0 && at < c.slotEnd {
		c.data.Prefetch(at)
	}
	c.ahead = pos + run
	c.countOrFold()
}

// step moves behind the slot at hand.
func (c *Consumer) step() {
	c.pos++
	c.tally += oneMessage + c.max
	if c.slot += c.stride; c.slot == c.slotEnd {
		c.slot = 0
		c.slotWord = slotWord(c.pos, c.size)
	}
}
