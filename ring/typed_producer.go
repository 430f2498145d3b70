package ring

import (
	"context"
	"time"

	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// ProducerOf is the sending end of a ring of slots that hold one T each. What is
// said of Producer holds for it too.
type ProducerOf[T any] struct{ p *Producer }

// NewProducerOf takes the producer role of a ring created with SlotsOf[T], or
// by a peer with the same fields at the same offsets.
func NewProducerOf[T any](r *Ring, opts ...EndpointOption) (*ProducerOf[T], error) {
	if err := check[T](r); err != nil {
		return nil, err
	}
	p, err := r.Producer(opts...)
	if err != nil {
		return nil, err
	}
	return &ProducerOf[T]{p}, nil
}

// TrySend commits v, or returns the errors of Producer.TrySend. What is staged is
// published first.
func (t *ProducerOf[T]) TrySend(v T) error {
	p := t.p
	p.enter()
	if !p.open() || p.slot == p.slotRun {
		if p.form == formTickets {
			return t.sendTicket(&v)
		}
		if err := p.admitSlot(); err != nil {
			p.exit()
			return err
		}
	}
	slot, data := p.slot, p.data
	mem.Write(data, slot+layout.SlotPayload, &v)
	mem.Publish(data.Word(slot), p.slotWord) // [P1] pairs with the consumer's load of this word
	slot += p.stride
	p.slot = slot
	if mem.Load(p.arm) != mem.Load(&p.quiet) || slot > p.claimed {
		return p.sentSlot()
	}
	p.exit()
	return nil
}

// sendTicket is TrySend, entered, for MPMC rings: trySendShared without its calls.
func (t *ProducerOf[T]) sendTicket(v *T) error {
	p := t.p
	if !p.open() || p.staged > 0 || p.reserved {
		return p.trySendSharedSlow(mem.View(v))
	}
	k := p.shared.counter.Load()
	off, lap, data := p.ticketOffset(k), p.ticketLap(k), p.data
	word := data.Word(off)
	if mem.Load(word) != lapWord(lap, layout.SlotFree) || !p.drawOne(k) { // [C2]
		return p.trySendSharedSlow(mem.View(v))
	}
	killpoint.Here("drawn")
	p.drawn(k)
	mem.Write(data, off+layout.SlotPayload, v)
	killpoint.Here("filled")
	mem.Publish(word, lapWord(lap, layout.SlotCommitted)) // [P1]
	killpoint.Here("committed")
	p.countSent(1, p.max)
	if mem.Load(p.arm) != mem.Load(&p.quiet) {
		return p.sent()
	}
	p.exit()
	return nil
}

// Send is TrySend that waits while the ring is full, with the errors of
// Producer.Send.
func (t *ProducerOf[T]) Send(ctx context.Context, v T) error {
	p := t.p
	err := t.TrySend(v)
	for err == ErrFull {
		if err = p.waitSpace(ctx); err == nil {
			err = t.TrySend(v)
		}
	}
	p.waited()
	return err
}

// TrySendBatch commits as many of vs as fit, by one publish, and returns how
// many; ErrFull only with 0.
func (t *ProducerOf[T]) TrySendBatch(vs []T) (n int, err error) {
	p := t.p
	p.enter()
	defer p.exit()
	if err = p.ready(); err != nil {
		return 0, err
	}
	if p.form == formTickets {
		return t.sendShared(vs)
	}
	for n < len(vs) {
		if err = p.makeRoomSlot(); err != nil {
			break
		}
		// Up to the next closer look, which the wrap is one of.
		k := min(int((p.slotFree-p.slot)/p.stride), len(vs)-n)
		for i := range vs[n : n+k] {
			mem.Write(p.data, p.slot+layout.SlotPayload, &vs[n+i])
			if n+i == 0 {
				p.hold(p.data.Word(p.slot), p.slotWord)
			} else {
				mem.Prepare(p.data.Word(p.slot), p.slotWord)
			}
			p.slot += p.stride
		}
		n += k
	}
	if n > 0 {
		if err == ErrFull {
			err = nil
		}
		err = firstError(p.publish(), err)
	}
	return n, err
}

// sendShared is TrySendBatch for MPMC rings.
func (t *ProducerOf[T]) sendShared(vs []T) (n int, err error) {
	p := t.p
	p.shared.want = min(uint64(len(vs)), layout.IntentMaxCount)
	for i := range vs {
		var b []byte
		if b, err = p.reserveShared(int(p.max)); err != nil {
			break
		}
		mem.Write(mem.Of(b), 0, &vs[i])
		p.stageShared(p.max)
		n++
	}
	if n > 0 {
		if err == ErrFull {
			err = nil
		}
		err = firstError(p.publish(), err)
	}
	return n, err
}

// SendBatch sends all of vs, waiting for room, with the errors of Producer.Send.
// It returns how many were committed.
func (t *ProducerOf[T]) SendBatch(ctx context.Context, vs []T) (n int, err error) {
	for n < len(vs) && err == nil {
		var k int
		if k, err = t.TrySendBatch(vs[n:]); err == ErrFull {
			err = t.p.waitSpace(ctx)
		}
		n += k
	}
	t.p.waited()
	return n, err
}

// TryReserve opens a reservation: a slot to be filled in place, valid until
// Commit, Stage, Abort or Close.
func (t *ProducerOf[T]) TryReserve() (*T, error) {
	b, err := t.p.TryReserve(int(t.p.max))
	if err != nil {
		return nil, err
	}
	return mem.As[T](mem.Of(b), 0), nil
}

// Reserve is TryReserve that waits while the ring is full, as Producer.Reserve.
func (t *ProducerOf[T]) Reserve(ctx context.Context) (*T, error) {
	b, err := t.p.Reserve(ctx, int(t.p.max))
	if err != nil {
		return nil, err
	}
	return mem.As[T](mem.Of(b), 0), nil
}

// Stage settles the reservation; its slot becomes visible with the next Publish
// or Commit.
func (t *ProducerOf[T]) Stage() error { return t.p.Stage(int(t.p.max)) }

// Publish makes every staged slot visible at once.
func (t *ProducerOf[T]) Publish() error { return t.p.Publish() }

// Commit is Stage and Publish; ErrNotReserved where no reservation is open.
func (t *ProducerOf[T]) Commit() error { return t.p.Commit(int(t.p.max)) }

// Abort gives the reservation up.
func (t *ProducerOf[T]) Abort() { t.p.Abort() }

// Waiting is Producer.Waiting.
func (t *ProducerOf[T]) Waiting() bool { return t.p.Waiting() }

// Wakes is Producer.Wakes.
func (t *ProducerOf[T]) Wakes() uint64 { return t.p.Wakes() }

// SetDeadline is Producer.SetDeadline.
func (t *ProducerOf[T]) SetDeadline(d time.Time) error { return t.p.SetDeadline(d) }

// Finish is Producer.Finish.
func (t *ProducerOf[T]) Finish() error { return t.p.Finish() }

// Close is Producer.Close.
func (t *ProducerOf[T]) Close() error { return t.p.Close() }

// Committed is that of Producer.
func (t *ProducerOf[T]) Committed() uint64 { return t.p.Committed() }

// Place is that of Producer.
func (t *ProducerOf[T]) Place() int { return t.p.Place() }
