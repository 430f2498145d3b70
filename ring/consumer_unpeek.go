package ring

import "annulus/internal/mem"

// Unpeek takes back what is peeked and not released: the next receives and peeks hand it out once
// more, in its order (of an MPSC ring: that of each producer), then what lies behind. It is for who
// hands the consumer on without knowing what is peeked, since a Release, or a receive, gives all of it
// back. What was peeked in place is valid no longer. nil where nothing is peeked.
//
// The tickets of an MPMC ring stay this consumer's, and in a broadcast ring with OverrunOverwrite its
// private copies: nothing is lost by it. Its errors are those of ReleaseFirst, but for ErrNotPeeked;
// everything is peeked as before then. Owner only.
func (c *Consumer) Unpeek() error {
	c.enter()
	var err error
	if mem.Load(&c.quiet) == 0 {
		err = c.look()
	}
	if err == nil && c.peeked {
		err = c.unpeek()
	}
	c.exit()
	return err
}

// Unpeek is Consumer.Unpeek.
func (t *ConsumerOf[T]) Unpeek() error { return t.c.Unpeek() }

func (c *Consumer) unpeek() error {
	_, k, err := c.countPeeked()
	if err != nil {
		return err
	}
	c.peeked, c.special = false, !c.shortWay()
	c.over = false // the end lies behind what comes again
	switch s := &c.cast; c.form {
	case formLanes:
		c.unpeekLanes()
		return nil
	case formTickets:
		c.pos -= k
		c.given = 0
	case formCast:
		if !s.stays {
			s.back += int(k)
			break
		}
		s.number -= k
		fallthrough
	default:
		c.seek(c.released())
	}
	c.folded, c.foldedBytes = 0, 0
	c.whole.exact = false
	c.ahead = c.pos
	c.caught, c.rested = *c.messages, ^uint64(0)
	return nil
}

// unpeekLanes goes back in all lanes, with the exact counts of countPeeked, and lets each
// be looked at anew.
func (c *Consumer) unpeekLanes() {
	l := &c.lanes
	at := l.at
	l.all[at].owed, l.all[at].tail = c.owed, c.tail
	back := append(l.peeked, at)
	l.peeked, l.runs = l.peeked[:0], l.runs[:0]
	for _, i := range back {
		a := &l.all[i]
		a.pos = mem.Load(&a.consumer.Position)
		a.ahead, a.noted = a.pos, a.pos
		a.folded, a.foldedBytes = 0, 0
		a.peeked, a.exact = false, false
		c.toLane(i)
		l.turned = true // nothing was looked at
		c.unload()
	}
	c.toLane(at)
}

// copyAgain is the next of the copies that are to be handed out once more.
func (c *Consumer) copyAgain() []byte {
	s := &c.cast
	b := s.copies[len(s.copies)-s.back]
	s.back--
	c.tally += oneMessage + uint64(len(b))
	return b
}
