package ring

import (
	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// trySendOrdered is TrySend, entered, for records in one order: claimGranules, draw,
// stageOrdered and publishOrdered in one call.
func (p *Producer) trySendOrdered(msg []byte) error {
	s, n := &p.shared, uint64(len(msg))
	// open first: after Close nothing else here is this goroutine's.
	if !p.open() || n > p.max || p.staged > 0 || p.reserved {
		return p.trySendOrderedSlow(msg)
	}
	t := s.counter.Load()
	i, k := t&p.mask, granules(n)
	if i+k > p.size || int64(t+k-p.head) > int64(p.size) {
		return p.trySendOrderedSlow(msg)
	}
	m := s.line
	mem.Publish(&m.Intent, t&layout.GranuleIntentMask|k<<layout.GranuleIntentShift) // [I1]
	killpoint.Here("intent")
	if !s.counter.CompareAndSwap(t, t+k) {
		s.stale = true
		return p.trySendOrderedSlow(msg)
	}
	killpoint.Here("drawn")
	p.drawn(t)
	s.stale = false
	off := i << layout.GranuleShift
	mem.Prepare(p.data.Word(off), n|k<<layout.SpanShift)
	copy(p.data.Bytes(off+layout.WordSize, n), msg)
	killpoint.Here("filled")
	mem.Publish(p.words.Word(i*layout.WordSize), t-i|layout.GranuleCommitted) // [P1]
	killpoint.Here("committed")
	mem.Publish(&m.Sent, m.Sent+1)
	mem.Publish(&m.SentBytes, m.SentBytes+n)
	if mem.Load(p.arm) != mem.Load(&p.quiet) {
		return p.sent()
	}
	p.exit()
	return nil
}

// trySendOrderedSlow is trySendOrdered when a closer look is due.
func (p *Producer) trySendOrderedSlow(msg []byte) error {
	var err error
	if !p.open() || p.staged > 0 || p.reserved {
		err = p.ready()
	}
	if err == nil {
		var b []byte
		if b, err = p.reserveOrdered(len(msg)); err == nil {
			copy(b, msg)
			p.stageOrdered(uint64(len(msg)))
			err = p.publish()
		}
	}
	p.exit()
	return err
}

// reserveOrdered is reserve for records in one order.
func (p *Producer) reserveOrdered(n int) ([]byte, error) {
	if err := p.fits(n); err != nil {
		return nil, err
	}
	s := &p.shared
	if s.claimed == s.filled {
		if err := p.claimGranules(granules(uint64(n))); err != nil {
			return nil, err
		}
	}
	p.room = uint64(n)
	return p.data.Bytes((s.held+s.filled)&p.mask<<layout.GranuleShift+layout.WordSize, p.room), nil
}

// claimGranules claims k granules in one piece, and those of the messages that are
// upcoming behind it: behind what is staged, or after publishing that where others have
// come between.
func (p *Producer) claimGranules(k uint64) error {
	s := &p.shared
	for range looks {
		t := s.counter.Load()
		if p.staged > 0 && t != s.held+s.claimed {
			if err := p.publish(); err != nil {
				return err
			}
		}
		pad := uint64(0)
		if i := t & p.mask; i+k > p.size {
			pad = p.size - i
		}
		if int64(t+pad+k-p.head) > int64(p.size) {
			if again, err := p.lookForRoom(t, pad+k); err != nil {
				return err
			} else if again {
				continue
			}
		}
		n := p.gather(t+pad, pad, k) + pad
		if p.staged > 0 {
			if !p.extend(n) {
				if err := p.publish(); err != nil {
					return err
				}
				continue
			}
			if pad > 0 {
				p.padOrdered(t)
				s.filled += pad
			}
			return nil
		}
		if !p.draw(t, n) {
			continue
		}
		s.filled = 0
		if pad > 0 {
			mem.Publish(&s.line.Drawn, t+pad) // before: padding is no message
			p.padOrdered(t)
			s.held, s.claimed = t+pad, n-pad // its granules may be others' again now
		}
		return nil
	}
	return p.unsteady()
}

func (p *Producer) padOrdered(t uint64) {
	mem.Publish(p.ticketWord(t), granuleWord(t, p.mask, layout.GranulePad)) // [P1]
	killpoint.Here("padded")
}

// lookForRoom loads the consumer's position and looks whether need granules from t on
// are free. again: t is out of date, or somebody's death was in the way.
func (p *Producer) lookForRoom(t, need uint64) (again bool, err error) {
	s := &p.shared
	head := s.other.Load() // [C1]
	if t-head > p.size {
		if s.counter.Load() != t {
			return true, nil
		}
		if p.ring.region.Faulted() {
			return false, p.lost()
		}
		return false, p.corrupt("head %d and tail %d are impossible together", head, t)
	}
	p.head = head
	if t+need-head <= p.size {
		return false, nil
	}
	p.undrawn(t, &p.peer.cursor.Position, head)
	if p.due() {
		if done, err := p.ring.repairGranules(head, nil); err != nil {
			return false, p.fail(err)
		} else if done > 0 {
			return true, nil
		}
	}
	return false, ErrFull
}

// gather returns k and the granules of the upcoming messages behind the first that
// can be claimed with it, from position t on, behind pad of them.
func (p *Producer) gather(t, pad, k uint64) uint64 {
	if len(p.upcoming) == 0 {
		return k
	}
	s := &p.shared
	room := min(p.size-t&p.mask, p.size-(t-p.head))
	for _, m := range p.upcoming[1:] {
		n := k + granules(uint64(len(m)))
		if uint64(len(m)) > p.max || n > room || s.claimed+pad+n > s.most() {
			break
		}
		k = n
	}
	return k
}

// stageOrdered closes the open reservation with its first n bytes.
func (p *Producer) stageOrdered(n uint64) {
	s := &p.shared
	at, span := s.held+s.filled, granules(p.room)
	mem.Prepare(p.data.Word(at&p.mask<<layout.GranuleShift), n|span<<layout.SpanShift)
	p.starts = append(p.starts, at)
	s.filled += span
	p.staged++
	p.stagedBytes += n
}

// publishOrdered publishes what is staged, the first record first: a producer that
// dies on the way has sent what came before. Each is counted by itself, drawn before
// base: in between nothing looks as if it had to be added to the count (see complete).
func (p *Producer) publishOrdered() {
	s, m := &p.shared, p.shared.line
	for _, at := range p.starts {
		mem.Publish(&m.Drawn, at)
		mem.Publish(&m.Base, m.Sent)
		killpoint.Here("filled")
		mem.Publish(p.ticketWord(at), granuleWord(at, p.mask, layout.GranuleCommitted)) // [P1]
		killpoint.Here("committed")
		mem.Publish(&m.Sent, m.Sent+1)
	}
	mem.Publish(&m.SentBytes, m.SentBytes+p.stagedBytes)
	s.held += s.filled
	s.claimed -= s.filled
	s.filled = 0
	p.starts, p.staged, p.stagedBytes = p.starts[:0], 0, 0
}
