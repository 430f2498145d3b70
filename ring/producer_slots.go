package ring

import (
	"fmt"

	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// Slots of one size. A slot is its word and the payload, padded to 8 bytes. The
// word carries the lap, so a slot of the lap before never looks committed and
// nothing has to be cleared (the turn of D. Vyukov's bounded queue).

// trySendSlot is TrySend, entered, for slots.
func (p *Producer) trySendSlot(msg []byte) error {
	if !p.open() || p.slot == p.slotRun {
		if err := p.admitSlot(); err != nil {
			p.exit()
			return err
		}
	}
	if uint64(len(msg)) != p.max {
		p.exit()
		return p.wrongSize(len(msg))
	}
	copy(p.data.Bytes(p.slot+layout.SlotPayload, p.max), msg)
	killpoint.Here("put")
	mem.Publish(p.data.Word(p.slot), p.slotWord) // [P1] pairs with the consumer's load of this word
	killpoint.Here("sent")
	p.slot += p.stride
	return p.sentSlot()
}

// sentSlot ends a send into a slot that has more to do: claim lines, wake the consumer.
func (p *Producer) sentSlot() error {
	if p.slot > p.claimed {
		p.claimLines()
	}
	return p.sent()
}

// claimLines asks for the cache lines of free slots some way ahead, so that not
// each of them has to be waited for when it is written. Sweeping does this for records.
func (p *Producer) claimLines() {
	at := p.slot + sweepAhead - mem.PrefetchSize
	if p.stride <= mem.PrefetchSize && at+mem.PrefetchSize <= p.slotFree {
		p.data.Claim(at)
	}
	p.claimed = p.slot + max(p.stride, mem.PrefetchSize)
	p.account()
}

func (p *Producer) wrongSize(n int) error {
	return fmt.Errorf("%w: %d bytes, ring %s of kind slots takes messages of exactly %d", ErrSize, n, p.ring.name(), p.max)
}

func (p *Producer) negative(n int) error {
	return fmt.Errorf("%w: negative size %d for ring %s", ErrSize, n, p.ring.name())
}

// admitSlot looks closer whether the slot at hand may be written.
func (p *Producer) admitSlot() error {
	if err := p.ready(); err != nil {
		return err
	}
	return p.makeRoomSlot()
}

// wipe frees what a dead producer has staged behind end, the first uncommitted
// position, and not published: these slots carry the word of a committed one and
// would count as such once end is committed. From the last to the first, so that
// a successor that dies here leaves a row that the next one finds.
func (p *Producer) wipe(end, limit uint64) {
	if end == limit {
		return
	}
	last := end
	for last+1 != limit && mem.Load(p.wordAt(last+1)) == slotWord(last+1, p.size) {
		last++
	}
	for ; last != end; last-- {
		mem.Publish(p.wordAt(last), layout.SlotFree)
	}
}

func (p *Producer) wordAt(pos uint64) *uint64 { return p.data.Word(pos & p.mask * p.stride) }

// makeRoomSlot looks for free slots when there is none known, at the wrap too.
func (p *Producer) makeRoomSlot() error {
	if p.slot != p.slotFree {
		return nil
	}
	if p.slot == p.slotEnd {
		p.lap += p.size
		p.slot, p.claimed = 0, 0
		p.slotWord = slotWord(p.lap, p.size)
	}
	if err := p.consumed(); err != nil {
		return err
	}
	p.slotFree = min(p.slotEnd, (p.head+p.size-p.lap)*p.stride)
	if p.staged == 0 && !p.reserved {
		p.slotRun = p.slotFree
	} else {
		p.slotRun = p.slot
	}
	if p.slot == p.slotFree {
		return ErrFull
	}
	return nil
}

func (p *Producer) reserveSlot(n int) ([]byte, error) {
	if uint64(n) != p.max {
		return nil, p.wrongSize(n)
	}
	if err := p.makeRoomSlot(); err != nil {
		return nil, err
	}
	p.room = p.max
	return p.data.Bytes(p.slot+layout.SlotPayload, p.max), nil
}

func (p *Producer) stageSlot() {
	p.hold(p.data.Word(p.slot), p.slotWord)
	p.slot += p.stride
}
