package ring

import (
	"errors"
	"sync/atomic"
	"time"

	"annulus/futex"
	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// ErrHeld: messages were peeked, and others have received meanwhile: in an MPMC
// ring what is peeked together lies together. Release first.
var ErrHeld = errors.New("release what was peeked first")

// recvShared appends the next message to dst and releases it if that goes without a
// closer look, and exits: claimMessages, draw and settle in one call. !ok: it does not,
// nothing was done.
func (c *Consumer) recvShared(dst []byte) (out []byte, ok bool, err error) {
	s := &c.shared
	if mem.Load(&c.quiet) == 0 || c.peeked || s.claimed > 0 {
		return dst, false, nil
	}
	t := s.counter.Load()
	off, lap := c.ticketOffset(t), c.ticketLap(t)
	word := c.data.Word(off)
	if mem.Load(word) != lapWord(lap, layout.SlotCommitted) || !c.drawOne(t) { // [P1]
		return dst, false, nil
	}
	killpoint.Here("drawn")
	n := c.max
	if s.length {
		if n = mem.Load(c.data.Word(off + layout.SlotLength)); n > c.max {
			err := c.tooLong(t, n)
			c.exit()
			return dst, true, err
		}
	}
	dst = append(dst, c.data.Bytes(off+s.offset, n)...)
	killpoint.Here("settling")
	mem.Publish(word, lapWord(lap+1, layout.SlotFree)) // [C2]
	c.receivedOne(n)
	if mem.Load(c.arm) != mem.Load(&c.quiet) {
		err = c.releasedSlow()
	}
	c.exit()
	return dst, true, err
}

// receivedOne counts a message that was received and released at once.
func (c *Consumer) receivedOne(n uint64) {
	c.redelivered = 0
	c.pos++
	m := c.shared.line
	mem.Publish(&m.Received, m.Received+1)
	mem.Publish(&m.ReceivedBytes, m.ReceivedBytes+n)
}

// tooLong is the error for a length that no correct peer writes.
func (c *Consumer) tooLong(t, n uint64) error {
	if c.ring.region.Faulted() {
		return c.lost()
	}
	return c.corrupt("message of %d bytes at position %d, at most %d fit", n, t, c.max)
}

// nextShared is next for MPMC rings: it hands out the tickets that are held, and
// draws others.
func (c *Consumer) nextShared() (off, n uint64, err error) {
	s := &c.shared
	for range looks {
		if c.given == s.claimed {
			if err := c.claimMessages(); err != nil {
				return 0, 0, err
			}
		}
		t := s.held + c.given
		off = c.ticketOffset(t)
		w := mem.Load(c.data.Word(off)) // [P1]
		c.given++
		killpoint.Here("received")
		if w&layout.SlotStateMask == layout.SlotSkip {
			if !c.peeked && c.given == s.claimed {
				c.owed -= c.given // no message moves pos, and a producer may wait for this room
				c.settle(c.given)
			}
			continue
		}
		n = c.max
		if s.length {
			if n = mem.Load(c.data.Word(off + layout.SlotLength)); n > c.max {
				return 0, 0, c.tooLong(t, n)
			}
		}
		c.redelivered = int(w & layout.SlotRedeliverMask >> layout.SlotRedeliverShift)
		c.pos++
		c.tally += oneMessage + n
		s.wantLess()
		return off + s.offset, n, nil
	}
	// Nothing but what others gave up, at the pace of this call: come back.
	h := s.counter.Load()
	c.undrawn(h, c.ticketWord(h), ^uint64(0))
	c.seen = ^uint64(0)
	return 0, 0, ErrEmpty
}

// claimMessages draws up to want tickets whose slots are committed, behind those
// that are held if there are any.
func (c *Consumer) claimMessages() error {
	s := &c.shared
	for range looks {
		h := s.counter.Load()
		// Redelivered speaks of one message: such a one lies alone.
		if s.claimed > 0 && (h != s.held+s.claimed || s.claimed == layout.IntentMaxCount || c.redelivered > 0) {
			return ErrHeld
		}
		n, w := uint64(0), uint64(0)
		for n < min(s.want, layout.IntentMaxCount-s.claimed) {
			w = mem.Load(c.ticketWord(h + n)) // [P1]
			if w>>layout.SlotLapShift != lapOf((h+n)>>s.shift) || w&layout.SlotStateMask == layout.SlotFree {
				break
			}
			if w&layout.SlotStateMask > layout.SlotSkip {
				return c.impossible(h+n, w)
			}
			n++
		}
		switch {
		case n > 0 && s.claimed > 0:
			if c.extend(n) {
				return nil
			}
		case n > 0:
			if c.draw(h, n) {
				return nil
			}
		case s.counter.Load() == h:
			// Free, or still in the hands of who received it a lap ago.
			if lap := w >> layout.SlotLapShift; lap != lapOf(h>>s.shift) && lap != lapOf(h>>s.shift-1) {
				return c.impossible(h, w)
			}
			if c.caughtUp() {
				continue
			}
			c.undrawn(h, c.ticketWord(h), w)
			c.seen = w
			if c.due() {
				if again, err := c.rescue(h, w); err != nil {
					return c.fail(err)
				} else if again {
					if s.claimed > 0 {
						return nil
					}
					continue
				}
			}
			return c.nothing()
		}
	}
	return c.unsteady()
}

// rescue looks whether somebody's death keeps messages back: a claim in the way,
// or messages in a dead consumer's hands. True: look again, or one is in hand.
func (c *Consumer) rescue(h, w uint64) (bool, error) {
	if done, err := c.ring.unblockConsumer(h, w); err != nil || done {
		return done, err
	}
	if !c.ring.config.Redeliver || c.shared.claimed > 0 || c.idle == 0 && c.shared.vain%longPatience != 0 {
		return false, nil // the search is long
	}
	t, w, ok, err := c.ring.handed()
	if err != nil || !ok {
		return false, err
	}
	s := &c.shared
	mem.Publish(&s.line.Intent, t&layout.IntentPositionMask|1<<layout.IntentCountShift) // [I1]
	killpoint.Here("handing")
	if !mem.Atomic64(c.ticketWord(t)).CompareAndSwap(w, w+1<<layout.SlotRedeliverShift) {
		mem.Publish(&s.line.Intent, 0)
		return true, nil
	}
	killpoint.Here("handed")
	atomic.AddUint64(&c.mine.endpoint.Handed, 1)
	s.held, s.claimed, s.stale = t, 1, false
	return true, nil
}

// settle frees the slots of the first n tickets handed out, for the next lap.
func (c *Consumer) settle(n uint64) {
	s := &c.shared
	for i := range n {
		killpoint.Here("settling")
		t := s.held + i
		mem.Publish(c.ticketWord(t), lapWord(t>>s.shift+1, layout.SlotFree)) // [C2] pairs with the load in claimSlots
	}
	killpoint.Here("settled")
	s.held += n
	s.claimed -= n
	c.given -= n
}

// endedShared is ended where places are claimed. Each consumer gets the end of a session
// once, but for those that attach when it was delivered already; in MPSCOrdered rings,
// whose consumers come one after the other, all of them get it once.
func (c *Consumer) endedShared() (session uint32, ended bool, err error) {
	p := c.peer.endpoint
	closed := atomic.LoadUint32(&p.Closed) // [P2]
	session = atomic.LoadUint32(&p.Session)
	if c.over && c.overSession == session {
		return session, true, nil
	}
	drained, behind := session, c.shared.counter.Load()
	closing := closed != 0 && closed == session
	if c.form == formOrdered { // one after the other: the end comes once for all of them
		behind = c.pos
		drained = atomic.LoadUint32(&c.mine.endpoint.Drained)
		closing = closing && closed != drained
	}
	if !closing && !c.finish.Load() {
		return drained, false, nil // before a look at the producers' line, which costs them
	}
	if c.shared.other.Load() != behind {
		return drained, false, nil // some are on their way, or their producer is dead: see rescue
	}
	if c.form == formTickets && c.ring.config.Redeliver {
		if _, _, dead, err := c.ring.handed(); err != nil || dead {
			c.shared.vain = longPatience - 1 // the next try takes it over
			return session, false, err
		}
	}
	if closing {
		return session, true, nil
	}
	if c.finished.IsZero() {
		c.finished = time.Now()
		futex.Barrier()
	}
	others, err := c.ring.alive(c.mine, c.mine.lock)
	if err != nil || others {
		return drained, others, err // they go on
	}
	alive, err := c.ring.alive(c.peer, 0)
	return drained, err == nil && (!alive || time.Since(c.finished) > futex.DefaultSlice), err
}

// Redelivered tells how often the message returned last was in the hands of a
// consumer that died: 0 is the ordinary case. Only a ring created with
// Config.Redeliver, or an SPSC ring, whose consumers cannot tell, redelivers.
func (c *Consumer) Redelivered() int { return c.redelivered }
