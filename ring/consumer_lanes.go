package ring

import (
	"errors"
	"fmt"
	"sync/atomic"

	"annulus/futex"
	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// lanes is what the consumer of an MPSC ring has beyond the others. It works in one
// lane at a time, as the consumer of an SPSC ring does, whose fields are those of the
// lane at hand; the rest wait here. It leaves a lane that is empty, or whose turn is
// over, for the next one that has something.
type lanes struct {
	all     []lane
	watch   []futex.Watch // where the next message of each will show, and what was there
	active  int           // lanes from here on were never held
	session uint32        // of the producers' side when that was found out

	at      int    // the lane at hand
	turn    uint64 // how much of a lane is one turn: bytes or slots
	turnEnd uint64 // position where the turn of the lane at hand is over
	turned  bool   // it is

	peeked []int  // lanes that were left with messages not released
	runs   []run  // in what order these were handed out: see releasePart
	owing  bool   // a lane was left whose producer was not told of all its space
	wake   bool   // the next look at the gate wakes the producers
	stream uint64 // messages received since all lanes were empty

	broken error   // of a lane that was given up, not reported yet
	never  *uint64 // a word that does not change: watched in such a lane
}

// lane is the consumer's state of a lane that is not at hand.
type lane struct {
	laneAt
	pos, owed, ahead, tail uint64
	folded, foldedBytes    uint64
	peeked                 bool // is in lanes.peeked
	dead                   bool // given up: it held what no correct producer writes
	parted
}

// turnBytes is about how much is received from a lane before the next one that has
// something gets its turn: enough for the change to cost little, and no more than some
// hundred messages.
const turnBytes = 4096

// openLanes readies the consumer for all lanes.
func (c *Consumer) openLanes() {
	r, l := c.ring, &c.lanes
	l.all = make([]lane, len(r.lanes))
	l.watch = make([]futex.Watch, len(r.lanes))
	l.peeked = make([]int, 0, len(r.lanes))
	l.never = &make([]uint64, 1)[0]
	l.turn = turnBytes
	if c.slots {
		l.turn = max(turnBytes/c.stride, 1)
	}
	for i := range l.all {
		a := &l.all[i]
		a.laneAt = r.lanes[i]
		a.pos = mem.Load(&a.consumer.Position)
		if !c.slots && a.pos%layout.WordSize != 0 {
			l.broken = firstError(l.broken, r.implausible("head %d of lane %d is not a multiple of %d", a.pos, i, layout.WordSize))
			a.dead, a.pos = true, a.pos&^(layout.WordSize-1)
		}
		a.owed, a.ahead = a.pos, a.pos
		c.toLane(i)
		l.turned = true // nothing was looked at
		c.unload()
	}
	c.toLane(0)
}

// nextInLanes is next for MPSC rings.
func (c *Consumer) nextInLanes() (off, n uint64, err error) {
	l := &c.lanes
	if err = l.broken; err != nil {
		l.broken = nil
		return 0, 0, err
	}
	if l.turned && !c.moveOn() {
		c.newTurn()
	}
	// A lane that has changed has a message, unless its producer is no correct one:
	// then the bound counts.
	for range l.active + 2 {
		if !l.all[l.at].dead {
			if off, n, err = c.nextHere(); err == nil {
				return off, n, nil
			} else if err != ErrEmpty {
				return 0, 0, c.giveUp(err)
			}
		}
		if c.moveOn() {
			continue
		}
		if stream := l.stream; rest(stream) {
			l.stream = 0
			continue
		}
		l.stream = 0
		return 0, 0, c.allEmpty()
	}
	return 0, 0, ErrEmpty
}

// moveOn goes to the next lane, after the one at hand, where something has changed.
// False: there is none.
func (c *Consumer) moveOn() bool {
	l := &c.lanes
	c.findLanes()
	i := l.at
	for range l.active {
		if i++; i >= l.active {
			i = 0
		}
		if w := &l.watch[i]; i != l.at && mem.Load(w.Word) != w.Old { // [P1]
			c.unload()
			c.toLane(i)
			return true
		}
	}
	return false
}

// anyLane tells whether something has changed in any lane, the one at hand
// included if it was noted by watchHere.
func (c *Consumer) anyLane() bool {
	l := &c.lanes
	c.findLanes()
	for i := range l.active {
		if w := &l.watch[i]; mem.Load(w.Word) != w.Old { // [P1]
			return true
		}
	}
	return false
}

// findLanes finds out which lanes were ever held. A producer adds to the session after
// it has taken its lane and before it sends anything.
func (c *Consumer) findLanes() {
	l := &c.lanes
	session := atomic.LoadUint32(&c.peer.endpoint.Session) // [L1] pairs with the add in announceMember
	if session == l.session {
		return
	}
	l.session = session
	for i := l.active; i < len(l.all); i++ {
		if atomic.LoadUint32(&c.ring.members[i].holder.Role) != 0 {
			l.active = i + 1
		}
	}
}

// allEmpty is what is done where no lane has a message.
func (c *Consumer) allEmpty() error {
	l := &c.lanes
	c.watchHere(c.seen)
	c.waiter.Also = l.watch[:l.active]
	if l.owing {
		if err := c.tellLanes(); err != nil {
			return err
		}
	}
	return c.end()
}

// watchHere notes where the next message of the lane at hand will show.
func (c *Consumer) watchHere(old uint64) {
	l := &c.lanes
	w := &l.watch[l.at]
	switch {
	case l.all[l.at].dead:
		*w = futex.Watch{Word: l.never}
		c.seen = 0
	case c.slots:
		*w = futex.Watch{Word: c.data.Word(c.slot), Old: old}
	default:
		*w = futex.Watch{Word: c.data.Word(c.pos & c.mask)} // a header is not there while it is 0
	}
}

// unload puts the lane at hand away.
func (c *Consumer) unload() {
	l := &c.lanes
	a := &l.all[l.at]
	old := c.seen
	if l.turned {
		old = ^uint64(0) // not looked at: no word of a slot is this
	}
	c.watchHere(old)
	c.caughtUp()
	if c.peeked {
		c.fold()
		if !a.peeked {
			a.peeked = true
			l.peeked = append(l.peeked, l.at)
			killpoint.Here("turned")
		}
		c.noteRun(a)
	} else if c.tally != 0 {
		c.count()
	}
	if c.owed != c.pos {
		l.owing = true
	}
	a.pos, a.owed, a.ahead, a.tail = c.pos, c.owed, c.ahead, c.tail
	a.folded, a.foldedBytes = c.folded, c.foldedBytes
	c.folded, c.foldedBytes = 0, 0
}

// toLane takes lane i at hand.
func (c *Consumer) toLane(i int) {
	l := &c.lanes
	l.at = i
	a := &l.all[i]
	c.enterLane(&a.laneAt)
	c.from = c.data
	c.messages, c.bytes = &c.cursor.Messages, &c.cursor.Bytes
	c.pos, c.owed, c.ahead, c.tail = a.pos, a.owed, a.ahead, a.tail
	c.folded, c.foldedBytes = a.folded, a.foldedBytes
	c.caught = *c.messages + c.folded
	c.newTurn()
}

// newTurn begins a turn of the lane at hand. One that is given up has none.
func (c *Consumer) newTurn() {
	l := &c.lanes
	l.turned, c.special = false, c.slots || c.peeked
	l.turnEnd = c.pos + l.turn
	c.seek(c.pos)
	if l.all[l.at].dead {
		c.endTurn()
	}
}

// turnEnds looks, every few cache lines, whether the turn of the lane at hand is over.
func (c *Consumer) turnEnds() {
	if int64(c.ahead-c.lanes.turnEnd) >= 0 {
		c.endTurn()
	}
}

// endTurn makes the next receive come to nextInLanes: no way is short.
func (c *Consumer) endTurn() {
	c.lanes.turned, c.special = true, true
	c.slotWord = ^uint64(0)
}

// releaseLanes gives back what was peeked in lanes that are not at hand.
func (c *Consumer) releaseLanes() {
	l := &c.lanes
	if l.turned {
		c.special = true
	}
	for _, i := range l.peeked {
		a := &l.all[i]
		a.peeked = false
		if i == l.at {
			continue // all of it is in the fields of the lane at hand
		}
		c.giveBack(a, a.pos, a.folded, a.foldedBytes)
	}
	l.peeked, l.runs = l.peeked[:0], l.runs[:0]
}

// giveUp ends the lane at hand after err, which is returned: it is not looked at
// again, the others go on. Where the memory itself is lost, the endpoint is dead.
func (c *Consumer) giveUp(err error) error {
	if !errors.Is(err, ErrCorrupt) || c.ring.region.Faulted() || mem.Load(c.arm)&layout.ArmValid == 0 {
		return err
	}
	l := &c.lanes
	l.all[l.at].dead = true
	c.failed = nil
	if w := mem.Load(c.arm); uint32(w) != c.wake.Seq.Load() {
		c.setQuiet(w)
	}
	c.endTurn()
	return fmt.Errorf("lane %d of %w", l.at, err)
}
