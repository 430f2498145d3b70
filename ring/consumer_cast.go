package ring

import (
	"errors"
	"io"
	"slices"
	"sync/atomic"

	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// castReader is what a consumer of a broadcast ring has beyond the others.
type castReader struct {
	intent  *uint64
	place   *uint64 // where its position is told
	stays   bool    // what is not released stays in the ring
	number  uint64  // of the next message
	ignored uint32  // this session of the producer had ended before

	room     []byte // private copies of what is peeked, where it does not stay
	used     int
	copies   [][]byte // these
	gone     int      // so many of them are released
	back     int      // so many of the last are to be handed out once more: see Unpeek
	overrun  error    // for the next call
	missed   atomic.Uint64
	finishAt atomic.Uint64 // position of tail when Finish was called
}

// startCast finds where to begin and announces it. A producer that waits for consumers
// either sees the announcement when it looks for the slowest of them, or has looked before: then
// what it stored before that look is seen here behind the announcement, and it
// goes at most a ring beyond.
func (c *Consumer) startCast(backlog bool) error {
	s := &c.cast
	s.intent, s.place = &c.peer.endpoint.Intent, &c.mine.member.line.Drawn
	s.stays = !c.ring.observers()
	from := castBehind
	if backlog {
		if from = castBacklog; s.stays {
			from = castLatest
		}
	} else if session := atomic.LoadUint32(&c.peer.endpoint.Session); atomic.LoadUint32(&c.peer.endpoint.Closed) == session {
		s.ignored = session
	}
	for range 2 {
		pos, number, err := c.ring.castPlace(from)
		if err != nil {
			return c.fail(err)
		}
		c.pos, s.number = pos, number
		mem.Publish(s.place, pos) // [B3] pairs with the load in slowest
		killpoint.Here("placed")
		if atomic.LoadUint32(&c.mine.member.holder.State) == 0 {
			c.announce() // a full fence
		}
	}
	c.tail = c.pos
	return nil
}

// recvCast is TryRecv, entered, for broadcast rings.
func (c *Consumer) recvCast(dst []byte) (out []byte, err error) {
	if mem.Load(&c.quiet) == 0 {
		err = c.look()
	}
	if out = dst; err == nil {
		if c.cast.back > 0 {
			out = append(dst, c.copyAgain()...)
		} else {
			out, err = c.take(dst, 0, true)
		}
		if err == nil {
			err = c.release()
		}
	}
	c.exit()
	return out, err
}

// minRoom is how much room for private copies is worth making at once.
const minRoom = 4096

// nextCast is next for broadcast rings. What does not stay is copied: its offset is
// in that copy.
func (c *Consumer) nextCast() (off, n uint64, err error) {
	s := &c.cast
	if s.stays {
		b, err := c.take(nil, 0, false)
		n = uint64(len(b))
		c.foldPeeked()
		return (c.pos-record(n))&c.mask + layout.WordSize, n, err
	}
	if s.back > 0 {
		b := c.copyAgain()
		if len(b) > 0 {
			c.from = mem.Of(b)
		}
		c.foldPeeked()
		return 0, uint64(len(b)), nil
	}
	// Not much more than is held: what ReleaseFirst has given back is not used again.
	least := min(2*cap(s.room), max(2*int(c.foldedBytes+c.tally%oneMessage), minRoom))
	b, err := c.take(s.room[s.used:s.used], least, true)
	if err != nil {
		return 0, 0, err
	}
	if cap(b) > cap(s.room)-s.used { // a new one; the old lives on in what it was handed out as
		s.room, s.used = b[:cap(b)], 0
	}
	if n = uint64(len(b)); n > 0 { // else the end of room would point beyond it
		off = uint64(s.used)
	}
	s.used += len(b)
	s.copies = append(s.copies, b)
	c.from = mem.Of(s.room)
	c.foldPeeked()
	return off, n, nil
}

// foldPeeked keeps tally from running over before what is peeked is released.
func (c *Consumer) foldPeeked() {
	if c.peeked {
		c.countOrFold()
	}
}

// take appends the next message to dst, which is made to have room for at least
// least bytes more if it has not enough; or returns it in place, if it is not to be copied.
// Whatever is loaded may be anything until intent has been looked at.
func (c *Consumer) take(dst []byte, least int, copied bool) ([]byte, error) {
	s := &c.cast
	// Nothing is lost by at most one jump to the latest message and one over padding; then
	// a message is due.
	for range 4 {
		if c.pos == c.tail || s.overrun != nil {
			if err := c.arrived(); err != nil {
				return dst, err
			}
		}
		i := c.pos & c.mask
		w := mem.Load(c.data.Word(i)) // [B2]
		n := w & layout.CastLengthMask
		whole := w&layout.CastPad == 0 && n <= c.max && record(n) <= c.size-i
		out := dst
		if whole && copied {
			if n > uint64(cap(dst)-len(dst)) && mem.Recheck(s.intent)-c.pos <= c.size { // [B1]
				dst = slices.Grow(dst, max(int(n), least))
			}
			if n <= uint64(cap(dst)-len(dst)) {
				out = dst[:len(dst)+int(n)]
				mem.ReadTornBytes(out[len(dst):], c.data, i+layout.WordSize)
			}
		} else if whole {
			out = c.data.Bytes(i+layout.WordSize, n)
		}
		killpoint.Here("copied")
		if mem.Recheck(s.intent)-c.pos > c.size { // [B1]
			if err := c.overtaken(); err != nil {
				return dst, err
			}
			continue
		}
		if uint32(w>>layout.CastNumberShift) != uint32(s.number) || !whole {
			if err := c.skipCast(w, i); err != nil {
				return dst, err
			}
			continue
		}
		c.pos += record(n)
		s.number++
		c.tally += oneMessage + n
		return out, nil
	}
	return dst, c.corrupt("no message %d although tail is beyond position %d", s.number, c.pos)
}

// skipCast steps over padding.
func (c *Consumer) skipCast(w, i uint64) error {
	if want := c.cast.number<<layout.CastNumberShift | layout.CastPad | (c.size - i - layout.WordSize); i == 0 || w != want {
		if c.ring.region.Faulted() {
			return c.lost()
		}
		return c.corrupt("header %#x at position %d, where message %d is due", w, c.pos, c.cast.number)
	}
	c.pos += c.size - i
	return nil
}

// arrived looks how far the producer has come; nil: beyond pos.
func (c *Consumer) arrived() error {
	s := &c.cast
	if err := s.overrun; err != nil {
		s.overrun = nil
		return err
	}
	for {
		tail := mem.Load(&c.peer.cursor.Position) // [B2]
		if int64(tail-c.pos) < 0 {
			if c.ring.region.Faulted() {
				return c.lost()
			}
			return c.corrupt("tail went back from %d to %d", c.pos, tail)
		}
		c.seen = tail
		if c.finish.Load() {
			if end := s.finishAt.Load(); int64(tail-end) > 0 {
				tail = end
			}
			if int64(tail-c.pos) <= 0 {
				return io.EOF
			}
		}
		if tail != c.pos {
			c.tail = tail
			return nil
		}
		if !c.caughtUp() {
			return c.nothing()
		}
	}
}

// overtaken goes to the latest message when the producer has overwritten what was due;
// its error says how much. nil: nothing was lost.
func (c *Consumer) overtaken() error {
	s := &c.cast
	if c.ring.region.Faulted() {
		return c.lost()
	}
	pos, number, err := c.ring.castPlace(castLatest)
	if err != nil {
		return c.fail(err)
	}
	lost := number - s.number
	if int64(pos-c.pos) <= 0 || int64(lost) < 0 {
		return c.corrupt("overtaken at position %d, message %d, by latest %d, message %d", c.pos, s.number, pos, number)
	}
	c.pos, c.tail, s.number = pos, pos, number
	if lost == 0 {
		return nil
	}
	mem.Publish(&c.mine.member.line.Skipped, s.missed.Add(lost))
	return &OverrunError{Ring: c.ring.name(), Lost: lost}
}

// later keeps the report of an overrun for the next call, behind messages that were
// received before it.
func (c *Consumer) later(err error) bool {
	if !errors.Is(err, ErrOverrun) {
		return false
	}
	c.cast.overrun = err
	return true
}

// releaseCast tells how far this consumer has come.
func (c *Consumer) releaseCast() {
	s := &c.cast
	mem.Publish(s.place, c.pos) // [B3]
	s.used = 0
	if s.back > 0 {
		s.room = nil // they lie in it
	}
	n := copy(s.copies, s.copies[len(s.copies)-s.back:])
	clear(s.copies[n:]) // rooms that were outgrown go
	s.copies, s.gone = s.copies[:n], 0
}

// endedCast is ended for broadcast rings. Each consumer gets the end of a session, but for
// those that came later and did not ask for what was sent before.
func (c *Consumer) endedCast() (session uint32, ended bool, err error) {
	closed := atomic.LoadUint32(&c.peer.endpoint.Closed) // [P2]
	session = atomic.LoadUint32(&c.peer.endpoint.Session)
	return session, closed != 0 && closed == session && session != c.cast.ignored, nil
}

// finishCast is Finish for broadcast rings.
func (c *Consumer) finishCast() error {
	c.cast.finishAt.Store(mem.Load(&c.peer.cursor.Position))
	c.finish.Store(true)
	return c.waiter.Gate.Interrupt()
}

// endCast is what Close does in broadcast rings: nobody waits for this consumer any more.
func (c *Consumer) endCast() error {
	if !c.cast.stays {
		return nil
	}
	atomic.StoreUint32(&c.mine.member.holder.State, layout.StateLeaving)
	killpoint.Here("leaving")
	return c.wake.Interrupt()
}

// Lost returns how many messages this consumer of a broadcast ring has lost to
// overruns (see ErrOverrun); 0 in other rings. Any goroutine, also after Close.
func (c *Consumer) Lost() uint64 { return c.cast.missed.Load() }
