package main

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"annulus/internal/layout"
	"annulus/ring"
)

// framing says where a message ends in a stream of bytes.
type framing struct {
	kind string
	size int // fixed: bytes of each message
}

const (
	byLines  = "lines"
	byLength = "length"
	bySize   = "fixed"
	raw      = "raw"
)

func (f framing) String() string {
	if f.kind == bySize {
		return fmt.Sprintf("%s:%d", f.kind, f.size)
	}
	return f.kind
}

func parseFraming(s string) (framing, error) {
	switch s {
	case byLines, byLength, raw:
		return framing{kind: s}, nil
	}
	if digits, ok := strings.CutPrefix(s, bySize+":"); ok {
		if n, err := strconv.ParseUint(digits, 10, 31); err == nil && n > 0 {
			return framing{bySize, int(n)}, nil
		}
		return framing{}, fmt.Errorf("expected fixed:N with N from 1 to %d bytes", math.MaxInt32)
	}
	return framing{}, fmt.Errorf("expected lines, length, fixed:N or raw")
}

// lengthPrefix is the number of bytes in front of each message of byLength.
const lengthPrefix = 4

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
	return because(ring.ErrTooLarge, "%s, and no ring of topology %s takes more than %d", text, topologyName(c.Topology), most)
}
