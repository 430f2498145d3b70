package ring

import (
	"fmt"

	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// Records of variable length. A record is its 8-byte header and the payload,
// padded to 8 bytes, in one piece:
//
//	+-------------+------------------+-----+-------------+
//	| header word | payload          | pad | next header |
//	+-------------+------------------+-----+-------------+
//	              0                  n           zero
//
// The producer makes the next header zero before it publishes this one, so the
// consumer stops there. One word moves for a message, no cursor: the idea of
// Agrona's and of the BPF ring buffer's headers, without their shared tail.

// record returns the bytes that a message of n bytes takes.
func record(n uint64) uint64 { return layout.WordSize + layout.Align(n, layout.WordSize) }

// TrySend commits a copy of msg, or returns ErrFull, ErrTooLarge, ErrSize,
// ErrClosed, ErrReserved or the error that killed the endpoint (ErrTruncated,
// ErrCorrupt). What is staged is published first. No allocation, no system call
// while the consumer is awake. ErrFull is no statement about the whole ring, and
// may be stale for a moment: see there. In a broadcast ring only OverrunBlock ever returns
// it; with OverrunDrop nil may mean that msg was dropped, see Producer.Dropped.
//
// One call without calls in it is what this takes for a small message; the rest
// is in put and trySendSlow.
func (p *Producer) TrySend(msg []byte) error {
	p.enter()
	n := uint64(len(msg))
	end := p.pos + record(n)
	if !p.open() || int64(p.run-end) < 0 || n > p.max {
		return p.trySendSlow(msg)
	}
	if int64(p.clean-end) < layout.WordSize {
		return p.put(msg)
	}
	i := p.pos & p.mask
	if n == 8 {
		mem.CopyWord(p.data, i+layout.WordSize, msg)
	} else {
		copy(p.data.Bytes(i+layout.WordSize, n), msg)
	}
	mem.Publish(p.data.Word(i), layout.RecordCommitted|n) // [P1] pairs with the consumer's load of this word
	killpoint.Here("sent")
	p.pos = end
	if mem.Load(p.arm) != mem.Load(&p.quiet) {
		return p.sent()
	}
	p.exit()
	return nil
}

// sent ends a send that found the consumer's arm word changed.
func (p *Producer) sent() error {
	err := p.notify()
	p.exit()
	return err
}

// trySendSlow is TrySend when a closer look is due.
func (p *Producer) trySendSlow(msg []byte) error {
	switch p.form {
	case formTickets:
		return p.trySendShared(msg)
	case formOrdered:
		return p.trySendOrdered(msg)
	case formCast:
		return p.trySendCast(msg)
	case formSlots:
		return p.trySendSlot(msg)
	}
	n := uint64(len(msg))
	if err := p.admit(n); err != nil {
		p.exit()
		return err
	}
	return p.put(msg)
}

// put writes and publishes a message for which there is room, sweeping first if
// that is due, and exits.
func (p *Producer) put(msg []byte) error {
	n := uint64(len(msg))
	i, end := p.pos&p.mask, p.pos+record(n)
	if int64(p.clean-end) < layout.WordSize {
		p.sweep(end, record(n))
	}
	copy(p.data.Bytes(i+layout.WordSize, n), msg)
	killpoint.Here("put")
	mem.Publish(p.data.Word(i), layout.RecordCommitted|n) // [P1]
	p.pos = end
	if mem.Load(p.arm) != mem.Load(&p.quiet) {
		return p.sent()
	}
	p.exit()
	return nil
}

// admit looks closer whether a message of n bytes may be written at pos now,
// and moves pos behind padding where the message does not fit before the end.
func (p *Producer) admit(n uint64) error {
	if err := p.ready(); err != nil {
		return err
	}
	return p.makeRoom(n)
}

func (p *Producer) makeRoom(n uint64) error {
	if n > p.max {
		return p.tooLarge(n)
	}
	need := record(n)
	if int64(p.free-(p.pos+need)) >= 0 {
		return nil
	}
	if err := p.consumed(); err != nil {
		return err
	}
	// The word behind the last record stays free for the next header.
	limit := p.head + p.size - layout.WordSize
	lap := p.pos&^p.mask + p.size // where data wraps
	wrap := int64(lap-(p.pos+need)) < 0 && int64(limit-(lap+need)) >= 0
	if wrap {
		lap += p.size
	}
	p.free = limit
	if int64(limit-lap) > 0 {
		p.free = lap
	}
	if wrap {
		p.pad(lap - p.size)
	}
	if p.staged == 0 && !p.reserved {
		p.run = p.free
	}
	if int64(p.free-(p.pos+need)) < 0 {
		return ErrFull
	}
	return nil
}

// tooLarge is the error for a message that no record can hold.
func (p *Producer) tooLarge(n uint64) error {
	return fmt.Errorf("%w: %d bytes, ring %s takes at most %d; make its capacity greater", ErrTooLarge, n, p.ring.name(), p.max)
}

// sweepAhead is how much is made zero at once in front of small records. It
// saves each of them a store to a header word, and above all it claims the
// cache lines of many records together, while they would miss one by one.
const sweepAhead = 1024

// sweep makes the header word at position end zero, and more behind it if
// records are small.
//
//go:noinline
func (p *Producer) sweep(end, record uint64) {
	n := uint64(layout.WordSize)
	if record <= sweepAhead/4 {
		// Only what is free, and not across the wrap.
		n = max(n, min(sweepAhead, p.free-end, p.size-end&p.mask))
	}
	clear(p.data.Bytes(end&p.mask, n))
	killpoint.Here("swept")
	p.clean = end + n
	p.account()
}

// pad fills the ring up to the position lap, where it wraps. As the first of a
// batch it is published at once, else with the batch.
func (p *Producer) pad(lap uint64) {
	p.sweep(lap, 0)
	header := layout.RecordCommitted | layout.RecordPad | (lap - p.pos - layout.WordSize)
	w := p.data.Word(p.pos & p.mask)
	p.pos = lap
	if p.staged > 0 {
		mem.Prepare(w, header)
		return
	}
	mem.Publish(w, header) // [P1]
	killpoint.Here("padded")
}

// reserveBytes opens a reservation of n bytes at pos.
func (p *Producer) reserveBytes(n int) ([]byte, error) {
	if err := p.makeRoom(uint64(n)); err != nil {
		return nil, err
	}
	p.room = uint64(n)
	return p.data.Bytes(p.pos&p.mask+layout.WordSize, p.room), nil
}

// stageBytes closes the open reservation with its first n bytes.
func (p *Producer) stageBytes(n uint64) {
	p.hold(p.data.Word(p.pos&p.mask), layout.RecordCommitted|n)
	p.pos += record(n)
	if record(n) != record(p.room) {
		p.clean = p.pos // what the caller wrote behind its message is not zero
	}
	if int64(p.clean-p.pos) < layout.WordSize {
		p.sweep(p.pos, record(n))
	}
}

// hold writes the word of the record at pos as a staged one, or keeps it back if it is the first
// of its batch: the consumer sees none before it sees that.
func (p *Producer) hold(w *uint64, v uint64) {
	if p.staged == 0 {
		p.first, p.firstVal, p.batch = w, v, p.position()
	} else {
		mem.Prepare(w, v)
	}
	p.staged++
	killpoint.Here("staged")
}
