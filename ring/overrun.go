package ring

import (
	"errors"
	"fmt"

	"annulus/internal/layout"
)

// Overrun says what the producer of a broadcast ring does when it would overwrite
// what a consumer has not received.
type Overrun uint8

const (
	// OverrunOverwrite: it overwrites, and waits for nobody. A consumer finds out
	// (ErrOverrun), and shares nothing with the producer: it may map the ring
	// read-only, and stop or die without any effect.
	OverrunOverwrite Overrun = iota + 1
	// OverrunBlock: it waits for the slowest live consumer. TrySend returns ErrFull.
	// A dead consumer is not waited for, a stopped one is (see MemberStats.Stopped).
	// Where none is attached there is nobody to wait for.
	OverrunBlock
	// OverrunDrop: where it would have to wait it drops the message that is being
	// sent, for all consumers: sends return nil, Producer.Dropped counts.
	OverrunDrop
)

func (o Overrun) String() string {
	switch o {
	case 0:
		return "none"
	case OverrunOverwrite:
		return "overwrite"
	case OverrunBlock:
		return "block"
	case OverrunDrop:
		return "drop"
	}
	return fmt.Sprintf("overrun(%d)", uint8(o))
}

// feature is how a policy is persisted.
func (o Overrun) feature() uint64 {
	switch o {
	case OverrunBlock:
		return layout.FeatureBlock
	case OverrunDrop:
		return layout.FeatureDrop
	}
	return 0
}

func overrunOf(g layout.Geometry, h *layout.Header) Overrun {
	switch {
	case g.Topology != layout.TopologyCast:
		return 0
	case h.Required&layout.FeatureBlock != 0:
		return OverrunBlock
	case h.Required&layout.FeatureDrop != 0:
		return OverrunDrop
	}
	return OverrunOverwrite
}

// ErrOverrun, of receives and peeks in a broadcast ring: the producer has
// overwritten messages that this consumer had not received. It is returned once, in
// their place, wrapped in an OverrunError that says how many; the next call goes on with the
// latest message.
var ErrOverrun = errors.New("consumer overrun")

// OverrunError is an ErrOverrun with its size.
type OverrunError struct {
	Ring string
	Lost uint64 // messages
}

func (e *OverrunError) Error() string {
	return fmt.Sprintf("ring %s: %v: %d messages lost; receive faster, or make the ring greater", e.Ring, ErrOverrun, e.Lost)
}

func (e *OverrunError) Unwrap() error { return ErrOverrun }

// WithBacklog lets a consumer of a broadcast ring start with messages that were
// sent before it came: with OverrunOverwrite as many as it can find, up to a ring,
// else the last. Without it a consumer starts with the next message. errors.ErrUnsupported
// for producers and in other rings, whose consumers receive everything anyway.
func WithBacklog() EndpointOption {
	return func(o *endpointOptions) { o.backlog = true }
}

// noLock is in place of the lock byte of a consumer that has none.
const noLock = -1

// observers tells whether consumers need no place in the ring.
func (r *Ring) observers() bool { return r.config.Overrun == OverrunOverwrite }

// unseen gives an endpoint of side s a place of its own in private memory.
func (s side) unseen() side {
	s.member = member{line: new(layout.Member), holder: new(layout.Holder), lock: noLock}
	s.lock = noLock
	return s
}
