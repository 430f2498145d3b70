package feed

import (
	"fmt"
	"sync"

	"annulus/ring"
)

// An Intake is where a source puts its messages: the ring. It is valid during the Fill
// that it is given to.
type Intake struct {
	p       *ring.Producer
	options options
	total   *counters
	*ending

	share  *sync.Mutex // of those who use p; nil: nobody else does
	locked bool
	direct bool

	messages, bytes uint64 // staged
	err             error  // of the ring: there is no sending any more
}

func newIntake(p *ring.Producer, total *counters, o options) *Intake {
	t := p.Config().Topology
	// A claim in a ring of tickets keeps back all that comes behind it.
	return &Intake{p: p, options: o, total: total, ending: newEnding(o.linger), direct: t != ring.MPMC && t != ring.MPSCOrdered}
}

// Max is the greatest message that the ring takes, in bytes.
func (in *Intake) Max() int { return in.p.Config().MaxMessage }

// Direct tells whether a source may wait for its input while it holds Room.
func (in *Intake) Direct() bool { return in.direct && in.share == nil }

// Room returns n bytes inside the ring, to be filled in place, and waits for them if
// the ring is full. They are valid until Stage or Drop, one of which must follow. It is for what
// the source has not taken yet: Finish ends the wait with ErrStopped.
func (in *Intake) Room(n int) ([]byte, error) { return in.reserve(n, false) }

// reserve is Room, or if a message is in hand already, what Put does.
func (in *Intake) reserve(n int, inHand bool) ([]byte, error) {
	if in.share != nil && !in.locked {
		in.share.Lock()
		in.locked = true
	}
	b, err := in.p.TryReserve(n)
	if err == ring.ErrFull {
		b, err = in.wait(n, inHand)
	}
	if err != nil && err != ErrStopped && !refused(err) {
		in.err = err
	}
	return b, err
}

// TryRoom is Room for a source that is Direct: it returns ring.ErrFull in place of waiting.
func (in *Intake) TryRoom(n int) ([]byte, error) {
	b, err := in.p.TryReserve(n)
	if err != nil && err != ring.ErrFull && !refused(err) {
		in.err = err
	}
	return b, err
}

// Stage makes the first n bytes of the room a message, which is sent when Fill returns.
func (in *Intake) Stage(n int) error {
	err := in.p.Stage(n)
	if err == nil {
		in.messages++
		in.bytes += uint64(n)
	} else if !refused(err) {
		in.err = err
	}
	return err
}

// failed tells whether an error that a Fill returned is the ring's.
func (in *Intake) failed() bool { return in.err != nil }

// Drop gives the room back. In a ring of tickets that costs consumers a step.
func (in *Intake) Drop() { in.p.Abort() }

// Put stages a copy of msg, which the source has taken: Finish lets it wait for room, as
// WithLinger has it.
func (in *Intake) Put(msg []byte) error {
	b, err := in.reserve(len(msg), true)
	if err != nil {
		return in.Refuse(err)
	}
	copy(b, msg)
	return in.Stage(len(msg))
}

// Refuse decides on a message that the ring does not take: nil if it is to be passed
// over.
func (in *Intake) Refuse(err error) error {
	if refused(err) && in.options.skip != nil && in.options.skip(err) {
		in.total.refused.Add(1)
		return nil
	}
	return err
}

// flush sends what is staged.
func (in *Intake) flush() error {
	if in.share != nil && !in.locked {
		return nil
	}
	err := in.p.Publish()
	if err == nil {
		in.total.passed(in.messages, in.bytes)
	}
	in.messages, in.bytes = 0, 0
	if in.locked {
		in.locked = false
		in.share.Unlock()
	}
	return err
}

// wanted fails when nobody wants more.
func (in *Intake) wanted() error {
	if in.options.idle != nil {
		if err := in.options.idle(); err != nil {
			return err
		}
	}
	_, consumer, err := in.p.Ring().Gates()
	if err == nil && consumer.Finished {
		err = fmt.Errorf("feed: %w: the consumer of ring %q wants no more", ring.ErrClosed, in.p.Ring().Name())
	}
	return err
}
