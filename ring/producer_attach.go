package ring

import (
	"errors"
	"fmt"
	"sync/atomic"

	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// Producer takes the producer role. ErrAttached while another producer lives;
// after its death the new one goes on where it left off, and nothing that was
// committed is lost.
//
// In a ring of many it is one more producer; ErrAttached when the endpoint table is
// full. In a Broadcast ring it is the only one, as in an SPSC ring.
func (r *Ring) Producer(opts ...EndpointOption) (*Producer, error) {
	o, err := r.endpointOptions(opts)
	if err != nil {
		return nil, err
	}
	p, err := r.newProducer(&o)
	spoilt := err
	for n := 0; err != nil && len(o.refused) > n; { // that lane is spoilt, others may be sound
		n = len(o.refused)
		p, err = r.newProducer(&o)
	}
	if errors.Is(err, ErrAttached) && len(o.refused) > 0 {
		return nil, fmt.Errorf("%w, and what was free is spoilt: %w", err, spoilt)
	}
	return p, err
}

// newProducer is Producer once. A lane that is spoilt, and was not asked for by its
// tag, is added to those that are refused.
func (r *Ring) newProducer(o *endpointOptions) (*Producer, error) {
	p := new(Producer)
	if err := p.attach(r, r.producer, r.consumer, *o); err != nil {
		return nil, err
	}
	p.step = uint32(min(max(r.geometry.DataSize/4096, 1), 64))
	if err := p.takeOver(); err != nil {
		if m := p.mine.member; r.lanes != nil && errors.Is(err, ErrCorrupt) && (o.tag == 0 || p.mine.named) {
			o.refused = append(o.refused, m.index)
		}
		return nil, p.abandon(err)
	}
	killpoint.Here("taken")
	p.announce()
	if err := r.remember(&p.endpoint, p.Close); err != nil {
		_ = p.Close() // as Ring.Close would have, had it come later
		return nil, err
	}
	return p, nil
}

// takeOver finds the end of what is committed: somewhere behind the stored tail,
// which is brought up to date only now and then.
func (p *Producer) takeOver() error {
	switch p.form {
	case formTickets, formOrdered:
		p.head = mem.Load(&p.peer.cursor.Position) // [C1]
		return p.unclose()
	case formCast:
		return p.takeOverCast()
	}
	tail := mem.Load(&p.cursor.Position)
	p.head = mem.Load(&p.peer.cursor.Position)
	if err := p.untrue(tail); err != nil {
		return err
	}
	if int64(tail-p.head) < 0 {
		tail = p.head
	}
	if tail-p.head > p.size {
		return p.corrupt("tail %d is more than the capacity ahead of head %d", tail, p.head)
	}
	t, err := p.ring.scan(p.data, tail, p.head+p.size)
	if err != nil {
		return p.fail(err)
	}
	p.settle(t.end)
	if p.slots {
		p.wipe(t.end, p.head+p.size)
	}
	p.account()
	return p.unclose()
}

// unclose takes an old close of the consumer away. A close speaks to whoever was
// attached then: without a consumer, its flag is history. So it is while one has the
// lock and State is 0: it is still attaching, and has not taken its predecessor's
// flag away yet, or has closed before this producer came.
//
// In an apart ring only the consumer can take the flag away, as it attaches: this producer
// remembers whose flag it is.
func (p *Producer) unclose() error {
	if p.ring.apart != nil {
		session := atomic.LoadUint32(&p.peer.endpoint.Session) // first: none that comes later is past
		if atomic.LoadUint32(&p.peer.endpoint.State) == 0 {
			p.past = 1 + uint64(session)
		}
		return nil
	}
	if alive, err := p.ring.present(p.peer); err != nil {
		return err
	} else if !alive || !p.peer.many && atomic.LoadUint32(&p.peer.endpoint.State) == 0 {
		mem.Atomic64(&p.peer.arm.Arm).And(^layout.ArmClosed)
	}
	return nil
}

// settle puts the producer at position pos with nothing known to be free.
func (p *Producer) settle(pos uint64) {
	p.seek(pos)
	if p.slots {
		p.lap = pos - pos&p.mask
		p.slotRun, p.slotFree, p.claimed = p.slot, p.slot, p.slot
		p.pos = 0 // and run: a send of bytes always looks closer
		return
	}
	p.run, p.free, p.clean = pos, pos, pos
}

// abandon gives up an attach that failed half-way.
func (p *Producer) abandon(err error) error {
	p.detach(func() error {
		if p.mine.named {
			mem.Publish(&p.mine.member.holder.Tag, 0)
		}
		return nil
	})
	return err
}
