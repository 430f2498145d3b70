package ring

import (
	"context"
	"time"

	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// Producer is the sending end of a ring. One goroutine at a time may use it,
// but Close, Finish, SetDeadline and the end of a context may come from any.
//
// A sent message is committed: it survives the death of the producer and is received in
// the order of that producer's sends, whoever produces after it: by one consumer, or in a
// Broadcast ring by each. Only the latter may lose it, as Config.Overrun says.
type Producer struct {
	endpoint

	// Kind Bytes, positions.
	run   uint64 // records may end here without a closer look
	free  uint64 // run, but for a pending reservation or batch
	clean uint64 // from pos up to here the ring is zero

	// Kind Slots, offsets.
	slotRun  uint64
	slotFree uint64
	lap      uint64 // position of slot 0 in this lap
	claimed  uint64 // offset at which to claim more lines

	head   uint64 // the consumer's position when last looked at
	scarce bool   // that look brought little
	step   uint32 // pauses between two looks in a full ring, more in a great one

	reserved    bool   // a reservation is open
	room        uint64 // its bytes
	staged      int    // records staged and not yet published
	stagedBytes uint64 // of them, where places are claimed and in broadcast rings
	batch       uint64 // position of the first of them
	first       *uint64
	firstVal    uint64

	starts   []uint64 // granules: positions of those staged
	upcoming [][]byte // of a batch, the message at hand first

	cast castWriter // of broadcast rings
}

// position is where the next record or slot goes.
func (p *Producer) position() uint64 {
	if p.slots {
		return p.lap + p.slot/p.stride
	}
	return p.pos
}

// committed is the position up to which everything is published.
func (p *Producer) committed() uint64 {
	if p.staged > 0 {
		return p.batch
	}
	return p.position()
}

// account stores how far this producer has committed. It is done now and then, when
// room runs out, before a wait and at the end: a successor looks for what was
// committed since by itself, and so do statistics.
func (p *Producer) account() {
	if p.form <= formSlots {
		mem.Publish(&p.cursor.Position, p.committed())
	}
}

// Send is TrySend that waits while the ring is full. Beside TrySend's errors, but
// for ErrFull, it returns ctx.Err() or os.ErrDeadlineExceeded when ctx or the
// deadline has ended, and ErrRemoved when nobody can come to make room. Both are
// looked at only when it has to wait: with room, a message is sent although ctx
// is over. What got an error was not sent.
func (p *Producer) Send(ctx context.Context, msg []byte) error {
	err := p.TrySend(msg)
	for err == ErrFull {
		if err = p.waitSpace(ctx); err == nil {
			err = p.TrySend(msg)
		}
	}
	p.waited()
	return err
}

// waitSpace waits a little for the consumer to move on.
func (p *Producer) waitSpace(ctx context.Context) error {
	word, old := &p.peer.cursor.Position, p.head
	if p.form > formSlots {
		word, old = p.shared.watch, p.shared.seen
	}
	if p.spin(word, old, p.step) {
		return nil
	}
	return p.pause(ctx, word, old)
}

// waited ends a wait if there was one.
func (p *Producer) waited() {
	if p.blocked != 0 {
		p.endWait()
	}
}

// publish makes what first points at visible and all that was staged behind it.
func (p *Producer) publish() error {
	switch p.form {
	case formTickets, formOrdered:
		if p.form == formOrdered {
			p.publishOrdered()
		} else {
			p.publishShared()
		}
		killpoint.Here("published")
		return p.notify()
	case formCast:
		p.publishCast()
		return p.notify()
	}
	mem.Publish(p.first, p.firstVal) // [P1] pairs with the consumer's load of this word
	killpoint.Here("published")
	p.staged = 0
	p.run, p.slotRun = p.free, p.slotFree
	return p.notify()
}

// notify wakes the consumer after a publish, if it has to be.
func (p *Producer) notify() error {
	if mem.Load(p.arm) == mem.Load(&p.quiet) {
		return nil
	}
	return p.signal(true)
}

// open tells whether nothing stands in the way of a send: this endpoint is not
// closed, the consumer neither closed nor asleep.
func (p *Producer) open() bool {
	q := mem.Load(&p.quiet)
	return q != 0 && mem.Load(p.arm) == q
}

// ready looks closer before an operation: errors that stop it, and a staged
// batch that has to go first.
func (p *Producer) ready() error {
	if err := p.look(); err != nil {
		return err
	}
	if p.reserved {
		return ErrReserved
	}
	if p.staged > 0 {
		return p.publish()
	}
	return nil
}

// consumed loads the consumer's position and holds it against what is possible:
// it never moves back and never overtakes this producer.
func (p *Producer) consumed() error {
	if p.scarce {
		// Each look takes the line away from the consumer, who stores to it
		// for every message: in a full ring, look less often.
		mem.Pause(p.step)
	}
	head := mem.Load(&p.peer.cursor.Position) // [C1]
	pos := p.committed()
	if head-p.head > pos-p.head || !p.slots && head%layout.WordSize != 0 {
		if p.ring.region.Faulted() {
			return p.lost()
		}
		return p.corrupt("head %d lies outside of %d to %d", head, p.head, pos)
	}
	p.account()
	p.scarce = head-p.head < p.size/16
	p.head = head
	return nil
}

// Committed tells how far this producer and those before it have come: positions
// of an SPSC or broadcast ring, or of the lane in an MPSC ring (its own if it has a tag); messages
// sent under its tag in other rings of many (without a tag: by
// all that have had its place in the endpoint table). A producer that notes it
// before a send and dies learns, as the successor, whether the send took effect:
// exactly then it is greater. Owner only; staged messages do not count.
func (p *Producer) Committed() uint64 {
	p.enter()
	defer p.exit()
	switch {
	case p.gone():
		return 0
	case p.form.claims():
		return mem.Load(&p.mine.member.line.Sent)
	}
	return p.committed()
}

// SetDeadline bounds every blocking call from now on, a running one included:
// os.ErrDeadlineExceeded after t, the zero time for none. Any goroutine.
func (p *Producer) SetDeadline(t time.Time) error { return p.setDeadline(t) }

// Config returns what the ring is.
func (p *Producer) Config() Config { return p.ring.config }
