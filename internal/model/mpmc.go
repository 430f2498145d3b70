package model

import "fmt"

// Many producers, many consumers, slots of one size: Vyukov's tickets, one
// intent word per endpoint, repair of what the dead leave behind. Every load,
// store, compare-and-swap and lock probe of shared words is a step; a payload
// takes two steps to write and two to read.

// slotWord is {lap, redelivered, state} of a slot.
type slotWord struct{ lap, again, state uint8 }

// States of a slot.
const (
	free      = iota // may be filled by the owner of the producer ticket of this lap
	committed        // holds a message
	skipped          // its producer died or gave the ticket up
)

const (
	mpmcSlots = 2
	mpmcEnds  = 4 // endpoints: at most 2 producers, then 2 consumers
	mpmcMsgs  = 4
)

// mpmcConfig is which variant is searched.
type mpmcConfig struct {
	name      string
	consumers int
	quota     [2]uint8 // messages of each producer; 0: not there
	batch     uint8    // most tickets of a claim
	crashes   uint8
	redeliver bool
	again     uint8 // most redeliveries of a message
	attach    bool  // a new process may take a dead one's entry
	abort     bool  // a producer may give a claimed ticket up
	giveUp    bool  // a producer may return for good when the ring is full
	lazy      bool  // repairs start only once the owner is dead: one begun before would fail, or find the same
	bug       mpmcBug
}

type mpmcBug int

const (
	mpmcSound        mpmcBug = iota
	plainVyukov              // no intents, no repair
	deathByTimeout           // a live owner may be taken for dead
	intentAfterClaim         // the intent is stored after the compare-and-swap
	intentNotCleared         // nor on a return without a claim
	repairByStore            // a plain store instead of the compare-and-swap
	wordAfterScan            // redelivery expects the word read after the scan
	ownAfterSwap             // redelivery stores its intent after the compare-and-swap
	noTailCheck              // repair of tickets that nobody has taken
	clearedEarly             // the intent is cleared before the slot is published or freed
	scanSkipsEntry           // a scan leaves out the last producer and the last consumer
)

// mpmcEnd is an endpoint: its shared intent word, and the registers of the
// process behind it.
type mpmcEnd struct {
	pos, count uint8 // intent: tickets pos..pos+count-1
	alive      bool  // its lock byte is held

	pc   mpmcPC
	t, k uint8    // ticket and number of a claim; ticket of a repair
	i    uint8    // which of the k; which endpoint of a scan
	skip uint8    // bit i: slot i of the claim is skipped
	w    slotWord // repair: what the word was
	cons bool     // repair: of a consumer's ticket
	seq  uint8    // messages taken from the source
}

type mpmcState struct {
	tail, head uint8
	word       [mpmcSlots]slotWord
	payload    [mpmcSlots]uint8 // message+1, or garbage
	end        [mpmcEnds]mpmcEnd
	crashes    uint8 // left

	// Ghosts.
	fate    [mpmcMsgs]uint8 // of each message
	dropped uint8           // in hand
	wrong   fault
}

const garbage = 0x80 // + endpoint

// Fates of a message.
const (
	unsent = iota
	sent   // committed
	lostInHand
	delivered // + 1 + consumer, if that can matter
)

// fault is what a step found wrong.
type fault uint8

const (
	torn fault = iota + 1
	invented
	duplicated
	reordered
	lost
	undead
	unexpected
	gap
	miscounted
)

func (f fault) String() string {
	return [...]string{"", "torn: a payload changed while it was read or was never completed",
		"invented: a message was delivered that nobody had committed", "duplicated: delivered twice, not flagged",
		"reordered: a producer's messages came in another order", "lost: committed, never delivered",
		"undead: delivered after it was counted as lost", "the ring holds what cannot be there",
		"gap: a message came without the one before it", "miscounted: a producer's count is not what it made visible"}[f]
}

func message(producer int, seq uint8) uint8 { return uint8(producer)*2 + seq }

var mpmcNames = [mpmcEnds]string{"p0", "p1", "c0", "c1"}

// mpmcPC is what an endpoint does next.
type mpmcPC uint8

const (
	mpmcAbsent mpmcPC = iota
	mpmcIdle
	mpmcLook
	mpmcReturn
	mpmcBlocked
	mpmcIntent
	mpmcClaim
	mpmcPayload
	mpmcPayload2 // producers only
	mpmcPublish
	mpmcScan
	mpmcProbe
	mpmcFix
	mpmcOwn
	mpmcSwap
	mpmcLoser
	mpmcAttach
	mpmcDone
)

func (c *mpmcConfig) model() *Model[mpmcState] {
	m := &Model[mpmcState]{Name: c.name, Next: c.next, Wrong: c.isWrong, Final: c.final}
	m.Init.crashes = c.crashes
	for i := range m.Init.end {
		if i < 2 && c.quota[i] > 0 || i >= 2 && i-2 < c.consumers {
			m.Init.end[i].pc, m.Init.end[i].alive = mpmcIdle, true
		}
	}
	return m
}

func (c *mpmcConfig) next(s *mpmcState, emit func(Step, *mpmcState)) {
	for i := range s.end {
		e := &s.end[i]
		if e.pc == mpmcAbsent {
			continue
		}
		if !e.alive {
			if c.attach {
				n := *s
				n.end[i].alive = true
				n.end[i].pc = mpmcAttach
				emit(Step{Who: mpmcNames[i], What: "a new process takes the lock byte", Env: true}, &n)
			}
			continue
		}
		c.step(s, i, emit)
		if s.crashes > 0 {
			n := *s
			n.crashes--
			n.end[i] = mpmcEnd{pc: mpmcDone}
			if c.attach { // else nobody can tell: a dead one's intent is ignored
				n.end[i] = mpmcEnd{pos: e.pos, count: e.count, pc: mpmcDone, seq: e.seq}
			}
			emit(Step{Who: mpmcNames[i], What: "dies", Env: true}, &n)
		}
	}
}

// final: all producers are through or dead, and no ticket is open. Without a
// consumer, nobody can be expected to get anywhere.
func (c *mpmcConfig) final(s *mpmcState) bool {
	if !s.end[2].alive && !s.end[3].alive {
		return true
	}
	for i := range s.end {
		e := &s.end[i]
		if e.alive && (i < 2 && e.pc != mpmcDone || i >= 2 && e.pc != mpmcBlocked && e.pc != mpmcIdle) {
			return false
		}
	}
	return s.drained()
}

// drained tells whether every ticket taken was given back.
func (s *mpmcState) drained() bool {
	if s.head != s.tail {
		return false
	}
	for t := s.head; t < s.head+mpmcSlots; t++ {
		if w := s.word[t%mpmcSlots]; w.state != free || w.lap != t/mpmcSlots {
			return false
		}
	}
	return true
}

func (c *mpmcConfig) isWrong(s *mpmcState) string {
	if s.wrong != 0 {
		return s.wrong.String()
	}
	if s.dropped > (c.crashes-s.crashes)*c.batch {
		return fmt.Sprintf("%d messages lost in hand by %d deaths", s.dropped, c.crashes-s.crashes)
	}
	if c.final(s) && s.drained() {
		for _, f := range s.fate {
			if f == sent {
				return lost.String()
			}
		}
	}
	return ""
}

// deliver is a consumer's handing over of payload v. again: flagged as
// redelivered.
func (s *mpmcState) deliver(consumer int, v uint8, again bool) {
	if v >= garbage || v == 0 {
		s.wrong = torn
		return
	}
	m := v - 1
	switch f := &s.fate[m]; {
	case *f == unsent:
		s.wrong = invented
	case *f >= delivered && !again:
		s.wrong = duplicated
	case *f == lostInHand:
		s.wrong = undead
	case m%2 == 0:
		if !again && s.fate[m+1] == delivered+1+uint8(consumer) {
			s.wrong = reordered
		}
		*f = delivered
	case *f == sent:
		*f = delivered + 1 + uint8(consumer)
	}
	// Who received the second message matters until the first has its fate.
	if m &^= 1; s.fate[m] > sent && s.fate[m+1] > delivered {
		s.fate[m+1] = delivered
	}
}

// forget clears a payload that nobody will read: it saves states.
func (s *mpmcState) forget(slot uint8) {
	if m := s.payload[slot]; m == 0 || m >= garbage || s.fate[m-1] > sent {
		s.payload[slot] = 0
	}
}
