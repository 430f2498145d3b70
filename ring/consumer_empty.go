package ring

import (
	"context"
	"io"
	"sync/atomic"
	"time"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// nothing says why there is no message at pos.
func (c *Consumer) nothing() error {
	if c.ring.region.Faulted() || mem.Load(c.arm)&layout.ArmValid == 0 {
		return c.lost()
	}
	if !c.peeked && c.tally != 0 {
		c.count()
	}
	released := c.pos
	if c.peeked {
		released = c.released()
	}
	if c.owed != released {
		// All that can be is released: a producer waiting for space need not wait
		// for a quarter of the ring.
		c.owed = released
		if mem.Load(c.arm) != mem.Load(&c.quiet) {
			if err := c.tell(true); err != nil {
				return err
			}
		}
	}
	if c.form == formLanes {
		return ErrEmpty // here; nextInLanes looks at the others
	}
	return c.end()
}

// end says why there is no message: there is none yet, or it is the end.
func (c *Consumer) end() error {
	session, ended, err := c.ended()
	if err != nil {
		return err
	}
	// What was committed before the close is visible after it: look again.
	if !ended || c.changed() {
		return ErrEmpty
	}
	c.over, c.overSession = true, session
	if !c.peeked { // else another consumer may yet have to see them, and the end
		c.drained()
	}
	return io.EOF
}

// ended tells whether the producer's session, which it returns, is over, or was
// asked to be.
func (c *Consumer) ended() (session uint32, ended bool, err error) {
	switch c.form {
	case formTickets, formOrdered:
		return c.endedShared()
	case formCast:
		return c.endedCast()
	}
	p := c.peer.endpoint
	closed := atomic.LoadUint32(&p.Closed) // [P2]
	session = atomic.LoadUint32(&p.Session)
	if c.over && c.overSession == session {
		return session, true, nil // and again, until another producer comes
	}
	drained := atomic.LoadUint32(&c.mine.endpoint.Drained)
	if closed != 0 && closed == session && closed != drained {
		return session, true, nil
	}
	if !c.finish.Load() {
		return drained, false, nil
	}
	// Asked to end: a producer that is attached but idle may never see it.
	if c.finished.IsZero() {
		c.finished = time.Now()
		futex.Barrier()
	}
	alive, err := c.ring.alive(c.peer, 0)
	return drained, err == nil && (!alive || time.Since(c.finished) > futex.DefaultSlice), err
}

// word is where the next message will show.
func (c *Consumer) word() *uint64 {
	switch {
	case c.form.claims():
		return c.shared.watch
	case c.form == formLanes:
		return c.lanes.watch[c.lanes.at].Word
	case c.form == formCast:
		return &c.peer.cursor.Position
	case c.slots:
		return c.data.Word(c.slot)
	}
	return c.data.Word(c.pos & c.mask)
}

// caughtUp stays off the lines that the producer is about to write, for a moment,
// when the consumer has caught up with a stream of messages: each look takes such
// a line there and back, and the stream would become an exchange message by
// message. The moment grows with the length of the stream, so that it is never
// long beside what the messages took. After a single message there is none.
// True: look again.
func (c *Consumer) caughtUp() bool {
	received := *c.messages + c.folded + c.tally/oneMessage
	stream := received - c.caught
	c.caught = received
	if c.form == formLanes {
		c.lanes.stream += stream
		return false // the others may have more: see rest
	}
	// Once at a place: the count lies in shared memory, and may run by itself.
	if c.rested == c.pos || !rest(stream) {
		return false
	}
	c.rested = c.pos
	return true
}

// rest pauses after a stream of so many messages, if it is one.
func rest(stream uint64) bool {
	if stream <= streamMessages {
		return false
	}
	mem.Pause(uint32(min(stream, maxStreamPause)))
	return true
}

const (
	streamMessages = 4   // so many messages without a wait make a stream
	maxStreamPause = 400 // pauses; some microseconds
)

// changed tells whether a word that had no message has changed.
func (c *Consumer) changed() bool {
	return mem.Load(c.word()) != c.seen || c.form == formLanes && c.anyLane()
}

// waitData waits a little for the word to become another than was seen.
func (c *Consumer) waitData(ctx context.Context) error {
	if c.spin(c.word(), c.seen, 1) {
		return nil
	}
	return c.pause(ctx, c.word(), c.seen)
}

func (c *Consumer) waited() {
	if c.blocked != 0 {
		c.endWait()
	}
}
