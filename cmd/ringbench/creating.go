package main

import (
	"math/bits"

	"annulus/ring"
)

// overruns names what a broadcast ring can do with slow consumers.
var overruns = []string{ring.OverrunOverwrite.String(), ring.OverrunBlock.String(), ring.OverrunDrop.String()}

// feedable names the kinds of ring that produce and consume can create.
var feedable = []string{"spsc", "mpmc", "mpsc", "mpsc-ordered", "broadcast"}

// defaultSlotSize is the greatest message of an mpmc ring unless --slot-size says otherwise.
const defaultSlotSize = 1 << 10

// config is the ring to create, and what one that is there must be.
func (s *side) config() (c, asked ring.Config, err error) {
	c = ring.Config{Capacity: s.capacity, Members: s.members}
	for _, t := range []ring.Topology{ring.SPSC, ring.MPMC, ring.MPSC, ring.MPSCOrdered, ring.Broadcast} {
		if s.topology == t.Name() {
			c.Topology = t
		}
	}
	if s.overrun != "" {
		if c.Overrun = parseOverrun(s.overrun); s.topology == "" {
			c.Topology = ring.Broadcast
		}
	}
	asked = c
	asked.Capacity, asked.SlotSize = 0, s.slotSize
	switch {
	case c.Topology == ring.MPMC:
		// What is not released shall come again, as in rings of the other kinds.
		c.SlotSize, c.Redeliver = s.slotSize, true
		if c.SlotSize == 0 {
			c.SlotSize = defaultSlotSize
		}
		if s.capacity != 0 && s.capacity < 2*c.SlotSize {
			return c, asked, usagef("expected --capacity for two slots of %d bytes at least, found %d", c.SlotSize, s.capacity)
		}
		if c.Capacity == 0 {
			c.Capacity = ring.DefaultCapacity
		}
		c.Capacity = slotsIn(c.Capacity, c.SlotSize)
	case s.slotSize != 0:
		return c, asked, usagef("expected --slot-size only with --topology mpmc")
	case s.members != 0 && (c.Topology == 0 || c.Topology == ring.SPSC):
		return c, asked, usagef("expected --members only with --topology mpmc, mpsc, mpsc-ordered or broadcast")
	}
	if err := c.Validate(); err != nil {
		return c, asked, usagef("expected a ring that can be made: %w", err)
	}
	return c, asked, nil
}

// slotsIn is how many slots a ring of so many bytes has: a power of two, two at least.
func slotsIn(capacity, slotSize int) int {
	return max(2, 1<<bits.Len(uint(capacity/slotSize))>>1)
}

// parseOverrun returns the policy of a name out of overruns.
func parseOverrun(name string) ring.Overrun {
	for _, o := range []ring.Overrun{ring.OverrunBlock, ring.OverrunDrop} {
		if o.String() == name {
			return o
		}
	}
	return ring.OverrunOverwrite
}
