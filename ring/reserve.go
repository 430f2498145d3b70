package ring

import (
	"context"
	"fmt"
)

// TryReserve opens a reservation and returns its n bytes inside the ring, to be
// filled in place; in a ring of slots n must be the slot size. The bytes hold
// whatever was there before. They are valid until Commit, Stage, Abort or Close.
// One reservation can be open (ErrReserved); further ones may follow after Stage.
// Otherwise its errors are those of TrySend. In a broadcast ring the bytes do not lie in the
// ring where the message is going to be dropped (OverrunDrop); and what is staged
// together has to fit into the ring beside the last message: else ErrFull, Publish first.
func (p *Producer) TryReserve(n int) ([]byte, error) {
	p.enter()
	p.shared.want = 1
	b, err := p.reserve(n)
	p.exit()
	return b, err
}

func (p *Producer) reserve(n int) (b []byte, err error) {
	if !p.open() {
		if err := p.look(); err != nil {
			return nil, err
		}
	}
	if p.reserved {
		return nil, ErrReserved
	}
	if n < 0 {
		return nil, p.negative(n)
	}
	switch p.form {
	case formTickets:
		b, err = p.reserveShared(n)
	case formOrdered:
		b, err = p.reserveOrdered(n)
	case formCast:
		b, err = p.reserveCast(uint64(n))
	case formSlots:
		b, err = p.reserveSlot(n)
	default:
		b, err = p.reserveBytes(n)
	}
	if err != nil {
		return nil, err
	}
	p.reserved = true
	p.halt() // until this is settled
	return b, nil
}

// halt makes the next send look closer.
func (p *Producer) halt() { p.run, p.slotRun = p.pos, p.slot }

// Reserve is TryReserve that waits while the ring is full. With staged records
// it publishes them before it waits, since the consumer could not make room
// otherwise. Its errors are those of Send.
func (p *Producer) Reserve(ctx context.Context, n int) ([]byte, error) {
	b, err := p.TryReserve(n)
	for err == ErrFull {
		if p.staged > 0 {
			if err = p.Publish(); err != nil {
				break
			}
		}
		if err = p.waitSpace(ctx); err == nil {
			b, err = p.TryReserve(n)
		}
	}
	p.waited()
	return b, err
}

// Stage settles the open reservation with its first n bytes as a message that
// becomes visible with the next Publish, Commit or send. ErrNotReserved where none
// is open, ErrTooLarge if it has fewer bytes, ErrSize if the ring's messages have
// another size.
func (p *Producer) Stage(n int) error {
	p.enter()
	err := p.stage(n)
	p.exit()
	return err
}

func (p *Producer) stage(n int) error {
	if p.gone() {
		return p.closed()
	}
	switch {
	case !p.reserved:
		return ErrNotReserved
	case n < 0:
		return p.negative(n)
	case uint64(n) > p.room:
		return fmt.Errorf("%w: %d bytes of a reservation of %d", ErrTooLarge, n, p.room)
	case p.slots && !p.shared.length && uint64(n) != p.max:
		return p.wrongSize(n)
	}
	p.stageRoom(uint64(n))
	p.halt()
	return nil
}

// stageRoom closes the open reservation with its first n bytes, staged.
func (p *Producer) stageRoom(n uint64) {
	p.reserved = false
	switch p.form {
	case formTickets:
		p.stageShared(n)
	case formOrdered:
		p.stageOrdered(n)
	case formCast:
		p.stageCast(n)
	case formSlots:
		p.stageSlot()
	default:
		p.stageBytes(n)
	}
}

// Publish makes every staged message visible at once, in order, by one store:
// the first of them last. Where none is staged it does nothing.
func (p *Producer) Publish() error {
	p.enter()
	err := p.publishStaged()
	p.exit()
	return err
}

func (p *Producer) publishStaged() error {
	if p.gone() {
		return p.closed()
	}
	if p.staged == 0 {
		return p.failed
	}
	err := p.publish()
	if p.reserved {
		p.halt()
	}
	return err
}

// Commit is Stage and Publish: unlike Release without a peek, a Commit without a
// reservation is an error, ErrNotReserved.
func (p *Producer) Commit(n int) error {
	p.enter()
	err := p.stage(n)
	if err == nil {
		err = p.publishStaged()
	}
	p.exit()
	return err
}

// Abort gives the open reservation up. Staged messages stay staged. Harmless
// when none is open.
func (p *Producer) Abort() {
	if p.reserved {
		p.clean = p.pos // the caller may have written into it
		if p.form.claims() {
			p.enter()
			if !p.gone() && p.abortShared() && p.staged == 0 {
				_ = p.notify() // an error is latched: the next call returns it
			}
			p.exit()
		}
	}
	p.reserved = false
	if p.staged == 0 {
		p.run, p.slotRun = p.free, p.slotFree
	}
}

// TrySendBatch commits copies of as many of msgs as fit, by one publish for
// each stretch of the ring, and returns how many. An error other than ErrFull
// speaks of msgs[n]; ErrFull is returned only with n == 0.
func (p *Producer) TrySendBatch(msgs [][]byte) (n int, err error) {
	p.enter()
	defer p.exit()
	if err = p.ready(); err != nil {
		return 0, err
	}
	if p.form == formTickets {
		p.shared.want = p.countFitting(msgs)
	}
	for i, m := range msgs {
		p.upcoming = msgs[i:]
		var b []byte
		if b, err = p.reserve(len(m)); err != nil {
			break
		}
		copy(b, m)
		p.stageRoom(p.room)
		n++
	}
	p.upcoming = nil
	if err == ErrFull && n > 0 {
		err = nil
	}
	if p.form.claims() {
		p.abortShared() // what was claimed for messages that an error kept back
	}
	if p.staged > 0 {
		err = firstError(p.publish(), err)
	}
	return n, err
}

// SendBatch sends all of msgs, waiting for room as Send does, with its errors. It
// returns how many were committed.
func (p *Producer) SendBatch(ctx context.Context, msgs [][]byte) (n int, err error) {
	for n < len(msgs) && err == nil {
		var k int
		if k, err = p.TrySendBatch(msgs[n:]); err == ErrFull {
			err = p.waitSpace(ctx)
		}
		n += k
	}
	p.waited()
	return n, err
}

// firstError returns a unless it is nil, else b.
func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
