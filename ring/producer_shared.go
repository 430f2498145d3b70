package ring

import (
	"fmt"

	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// claimSlots draws up to want tickets whose slots are free.
func (p *Producer) claimSlots() error {
	s := &p.shared
	for range looks {
		t := s.counter.Load()
		w := mem.Load(p.ticketWord(t)) // [C2] pairs with the consumer's store in settle
		lap := t >> s.shift
		if w == lapWord(lap, layout.SlotFree) {
			n := uint64(1)
			for n < s.want && mem.Load(p.ticketWord(t+n)) == lapWord((t+n)>>s.shift, layout.SlotFree) { // [C2]
				n++
			}
			if p.draw(t, n) {
				return nil
			}
			continue
		}
		if w>>layout.SlotLapShift == lapOf(lap-1) {
			p.undrawn(t, p.ticketWord(t), w)
			if p.due() {
				if done, err := p.ring.unblockProducer(t, w); err != nil || done {
					if err != nil {
						return p.fail(err)
					}
					continue
				}
			}
			return ErrFull
		}
		if s.counter.Load() == t { // nobody has drawn t, so nobody may have touched its slot
			return p.impossible(t, w)
		}
	}
	return p.unsteady()
}

// trySendShared is TrySend, entered, for MPMC rings: claimSlots, draw and commitSlot
// in one call, since calls are what a message costs here.
func (p *Producer) trySendShared(msg []byte) error {
	s, n := &p.shared, uint64(len(msg))
	// open first: after Close nothing else here is this goroutine's.
	if !p.open() || n != p.max && (!s.length || n > p.max) || p.staged > 0 || p.reserved {
		return p.trySendSharedSlow(msg)
	}
	t := s.counter.Load()
	off, lap := p.ticketOffset(t), p.ticketLap(t)
	word := p.data.Word(off)
	if mem.Load(word) != lapWord(lap, layout.SlotFree) || !p.drawOne(t) { // [C2]
		return p.trySendSharedSlow(msg)
	}
	killpoint.Here("drawn")
	p.drawn(t)
	if s.length {
		mem.Prepare(p.data.Word(off+layout.SlotLength), n)
	}
	copy(p.data.Bytes(off+s.offset, n), msg)
	killpoint.Here("filled")
	mem.Publish(word, lapWord(lap, layout.SlotCommitted)) // [P1]
	killpoint.Here("committed")
	p.countSent(1, n)
	if mem.Load(p.arm) != mem.Load(&p.quiet) {
		return p.sent()
	}
	p.exit()
	return nil
}

// trySendSharedSlow is trySendShared when a closer look is due.
func (p *Producer) trySendSharedSlow(msg []byte) error {
	off, err := p.readySlot(len(msg))
	if err == nil {
		copy(p.data.Bytes(off, uint64(len(msg))), msg)
		p.commitSlot(uint64(len(msg)))
		return p.sent()
	}
	p.exit()
	return err
}

// readySlot looks closer before a send of n bytes and claims a slot for it: where
// its payload goes.
func (p *Producer) readySlot(n int) (uint64, error) {
	if !p.open() || p.staged > 0 || p.reserved {
		if err := p.ready(); err != nil {
			return 0, err
		}
	}
	if err := p.fits(n); err != nil {
		return 0, err
	}
	p.shared.want = 1
	if err := p.claimSlots(); err != nil {
		return 0, err
	}
	return p.ticketOffset(p.shared.held) + p.shared.offset, nil
}

func (p *Producer) fits(n int) error {
	if uint64(n) > p.max && !p.slots {
		return p.tooLarge(uint64(n))
	}
	if uint64(n) > p.max {
		return fmt.Errorf("%w: %d bytes, ring %s takes at most %d; make its slots greater", ErrTooLarge, n, p.ring.name(), p.max)
	}
	if !p.shared.length && uint64(n) != p.max {
		return p.wrongSize(n)
	}
	return nil
}

// commitSlot publishes the only ticket held, filled with n bytes.
func (p *Producer) commitSlot(n uint64) {
	s := &p.shared
	off := p.ticketOffset(s.held)
	if s.length {
		mem.Prepare(p.data.Word(off+layout.SlotLength), n)
	}
	killpoint.Here("filled")
	mem.Publish(p.data.Word(off), lapWord(s.held>>s.shift, layout.SlotCommitted)) // [P1]
	killpoint.Here("committed")
	s.claimed = 0
	p.countSent(1, n)
}

func (p *Producer) countSent(messages, bytes uint64) {
	m := p.shared.line
	mem.Publish(&m.Sent, m.Sent+messages)
	mem.Publish(&m.SentBytes, m.SentBytes+bytes)
}

// reserveShared is reserve for MPMC rings: it claims the slot behind those that
// are staged, or publishes these first where others have come between.
func (p *Producer) reserveShared(n int) ([]byte, error) {
	if err := p.fits(n); err != nil {
		return nil, err
	}
	s := &p.shared
	if staged := uint64(p.staged); s.claimed == staged {
		if staged > 0 {
			next := s.held + staged
			if mem.Load(p.ticketWord(next)) != lapWord(next>>s.shift, layout.SlotFree) || !p.extend(1) { // [C2]
				if err := p.publish(); err != nil {
					return nil, err
				}
			}
		}
		if s.claimed == 0 {
			if err := p.claimSlots(); err != nil {
				return nil, err
			}
		}
	}
	p.room = uint64(n)
	return p.data.Bytes(p.ticketOffset(s.held+uint64(p.staged))+s.offset, p.room), nil
}

// stageShared closes the open reservation with its first n bytes.
func (p *Producer) stageShared(n uint64) {
	s := &p.shared
	if s.length {
		mem.Prepare(p.data.Word(p.ticketOffset(s.held+uint64(p.staged))+layout.SlotLength), n)
	}
	p.staged++
	p.stagedBytes += n
	s.wantLess()
}

// publishShared publishes what is staged, the first slot first: a producer that
// dies on the way has sent what came before.
func (p *Producer) publishShared() {
	s := &p.shared
	for range p.staged {
		killpoint.Here("filled")
		mem.Publish(p.ticketWord(s.held), lapWord(s.held>>s.shift, layout.SlotCommitted)) // [P1]
		s.held++
		s.claimed--
	}
	p.countSent(uint64(p.staged), p.stagedBytes)
	p.staged, p.stagedBytes = 0, 0
	if s.claimed > 0 { // the open reservation is a claim of its own from now on
		mem.Publish(&s.line.Intent, s.held&layout.IntentPositionMask|s.claimed<<layout.IntentCountShift) // [I1]
		p.drawn(s.held)
	}
}

// countFitting is how many of msgs, from the first, an MPMC ring may take at once.
func (p *Producer) countFitting(msgs [][]byte) (n uint64) {
	for _, m := range msgs {
		if n == layout.IntentMaxCount || p.fits(len(m)) != nil {
			break
		}
		n++
	}
	return max(n, 1)
}

// abortShared gives up the tickets that are claimed and not staged. They cannot be
// put back: consumers step over them, and have to be told if there were any.
func (p *Producer) abortShared() (any bool) {
	s := &p.shared
	kept := uint64(p.staged)
	if p.form == formOrdered {
		kept = s.filled
	}
	for ; s.claimed > kept; s.claimed-- {
		any = true
		t := s.held + s.claimed - 1
		skip := lapWord(t>>s.shift, layout.SlotSkip)
		if p.form == formOrdered {
			skip = granuleWord(t, p.mask, layout.GranuleSkip)
		}
		mem.Publish(&s.line.Skipped, t+1) // for complete
		killpoint.Here("aborting")
		mem.Publish(p.ticketWord(t), skip) // [P1]
	}
	return any
}
