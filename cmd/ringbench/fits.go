package main

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"annulus/internal/layout"
	"annulus/ring"
	"annulus/ring/feed"
)

// fixedSize is N of --framing fixed:N, else 0.
func (f *far) fixedSize() (n int) {
	if digits, ok := strings.CutPrefix(f.framing.String(), "fixed:"); ok {
		n, _ = strconv.Atoi(digits) // String wrote it
	}
	return n
}

// raw tells whether messages are what one read returns.
func (f *far) raw() bool { return f.framing.String() == feed.Raw(0).String() }

// suits refuses a framing that cannot work with the ring, before the first byte.
func (f *far) suits(r *ring.Ring) error {
	slots := r.Config().Kind == ring.Slots
	switch n := f.fixedSize(); {
	case n > 0 && (slots || !f.sink):
		return fits(r, "each record", uint64(n), false)
	case f.sink || !f.raw():
		return nil
	case slots && !variable(r):
		size := r.Config().SlotSize
		return because(ring.ErrSize, "ring %q of kind slots takes only messages of %d bytes; use --framing fixed:%d", r.Name(), size, size)
	case f.max > 0:
		return fits(r, "a message of --max", uint64(f.max), false)
	}
	return nil
}

// refused says of a message that the ring does not take what would.
func (f *far) refused(err error, r *ring.Ring) error {
	var m *feed.MessageError
	if !errors.As(err, &m) || m.Number == 0 || m.Size == 0 && !m.AtLeast || !errors.Is(err, ring.ErrTooLarge) && !errors.Is(err, ring.ErrSize) {
		return err
	}
	what := "record"
	if f.framing.String() == feed.Lines().String() {
		what = "line"
	}
	advice := fits(r, fmt.Sprintf("%s %d", what, m.Number), uint64(m.Size), m.AtLeast)
	switch {
	case advice == nil: // it has changed its mind
		return err
	case f.framing.String() == feed.Length().String():
		return because(advice, "%v; or %s is not framed by lengths of 4 bytes, little-endian", advice, f.place())
	case f.framing.String() == feed.Varint().String():
		return because(advice, "%v; or %s is not framed by varints", advice, f.place())
	}
	return advice
}

// variable tells whether the slots of a ring take shorter messages too.
func variable(r *ring.Ring) bool {
	return r.Config().Topology == ring.MPMC && r.Info().Fingerprint == 0
}

// fits says why a ring does not take messages of n bytes, and what would. With
// more, n is only what was seen of it.
func fits(r *ring.Ring, what string, n uint64, more bool) error {
	c := r.Config()
	if c.Kind == ring.Slots && !variable(r) {
		if n == uint64(c.SlotSize) && !more {
			return nil
		}
		return because(ring.ErrSize, "%s has %d bytes, ring %q of kind slots takes only messages of %d; use --framing fixed:%d",
			what, n, r.Name(), c.SlotSize, c.SlotSize)
	}
	if n <= uint64(c.MaxMessage) {
		return nil
	}
	seen, atLeast := "", ""
	if more {
		seen, atLeast = "more than ", "at least "
	}
	text := fmt.Sprintf("%s has %s%d bytes, ring %q of capacity %d takes at most %d", what, seen, n, r.Name(), c.Capacity, c.MaxMessage)
	if c.Kind == ring.Slots {
		text = fmt.Sprintf("%s has %s%d bytes, ring %q of kind slots takes at most %d", what, seen, n, r.Name(), c.MaxMessage)
		if n > layout.MaxSlotSize {
			return because(ring.ErrTooLarge, "%s, and no ring of slots takes more than %d", text, layout.MaxSlotSize)
		}
		return because(ring.ErrTooLarge, "%s; remove it and create it with --slot-size %s%d", text, atLeast, n)
	}
	most := uint64(0)
	for need := uint64(layout.MinCapacityBytes); need <= maxCapacity; need *= 2 {
		shape := layout.Shape{Kind: uint32(c.Kind), Topology: uint32(c.Topology), Capacity: need, Members: uint64(c.Members), Stride: uint64(c.Stride)}
		if g, err := layout.Compute(shape); err == nil {
			most = g.MaxMessage
		}
		if n <= most {
			return because(ring.ErrTooLarge, "%s; remove it and create it with --capacity %s%d", text, atLeast, need)
		}
	}
	return because(ring.ErrTooLarge, "%s, and no ring of topology %s takes more than %d", text, c.Topology.Name(), most)
}
