package model

// Many producers, one consumer, records of variable length in one global order.
// The protocol, to be built as it stands here:
//
// The ring is G granules (64 bytes, say); a position counts granules and never
// wraps, lap = position / G. A table of words, one per granule, lies outside the
// data: no payload can look like a header. A word is {lap, state}; its state speaks of
// its lap only, and a word of an older lap says "nothing yet", whatever its state.
// So words only grow, and nobody ever clears one: the consumer stores nothing but head.
//
//	COMMITTED  a record starts here; its length is in its first bytes
//	PAD        nothing up to the end of this lap: the record did not fit there
//	SKIP       nothing in this one granule: its owner is dead
//
// Producer: t = tail; h = head; n granules for the record, k = n, and pad = 0, or if t..t+n
// crosses the end of the lap, pad = what is left of it, k = pad + n. t+k-h > G: full.
// intent = {t, k} (release); CAS(tail, t, t+k), failing: from the start. Then PAD to
// word(t) if pad > 0; length and payload from t+pad; COMMITTED to word(t+pad) (release).
// The intent stays; the next claim overwrites it; a return without a claim clears it.
// Abort: SKIP to each granule of the record, before the next claim.
//
// Consumer at p: w = word(p) (acquire) of this lap: COMMITTED: length, payload, then
// head = p + granules. SKIP: p + 1. PAD: p = start of the next lap; head may follow later,
// but does before it waits. w of an older lap and tail > p: a claim in flight, perhaps a
// dead one.
//
// Repair, by whoever is blocked, consumer or producer, at p = head: **every granule is
// a ticket**, so the length of a dead claim need not be known. (The dead one's intent does not
// tell it: it may name a claim that failed, and a new process may have cleared it.)
//  1. w0 = word(p), w1 = word(p+1), ... while tail is beyond and the words are of an
//     older lap: n of them.
//  2. Load each producer's intent. If it covers one of p..p+n-1, and its lock byte is
//     held, cut n there. n = 0: the owner lives, wait for it.
//  3. CAS(word(p+i), wi, SKIP of this lap), i = 0, 1, ..., n-1, until one fails. Each is
//     sound by itself, so a repairer may die at any point.
//
// Why: an owner's intent covers p from before tail moved beyond p until it has published;
// so p without a live intent is dead or published, and then the CAS fails. A late CAS on a
// granule that turned out to be the inside of a record is harmless: in that lap nobody
// looks there. Attach: lock byte, clear the intent; repairing first is not needed.
// Consumer takeover: from head, at least once. Several records in one claim:
// mpsc_batch.go. The count of what was sent: mpsc_count.go.

const (
	mpscGranules = 4
	mpscEnds     = 3 // two producers, the consumer
)

// mpscConfig is which variant is searched.
type mpscConfig struct {
	name    string
	sizes   [2][2]uint8 // granules of each producer's messages; 0: none
	crashes uint8
	attach  bool
	giveUp  bool
	gather  bool // one claim for what fits of the messages to come
	extend  bool // claims grow before anything of them is published
	lazy    bool // the consumer stores no head for what holds no message, unless nothing follows
	count   bool // with what tells a successor how many were sent
	bug     mpscBug
}

type mpscBug int

const (
	_                mpscBug = iota
	mpscTimeout              // a live owner may be taken for dead
	mpscLateIntent           // the intent is stored after the compare-and-swap
	mpscIntentLeft           // nor cleared on a return without a claim
	mpscByStore              // repair by plain stores
	mpscNoLength             // the intent has no length: it covers its first granule only
	mpscNoLap                // words carry no lap: the consumer clears them
	mpscLengthOfDead         // one word skips as much as a dead intent says
	mpscNoRepair             // none at all
	mpscLastFirst            // of several records the last is published first
	mpscShortIntent          // no longer intent is stored for an extension
	mpscLongLate             // it is, but after the compare-and-swap: no bug, see its test
	mpscLongLeft             // a longer intent stays when the claim was not extended
	mpscHeadLeft             // what holds no message is released with the next message only
	mpscBaseFirst            // base is stored before drawn
	mpscSentFirst            // and sent before the record is published
	mpscNoMark               // it is not noted what is skipped
	mpscMarkBlind            // it is, but without another look at the word
	mpscPadDrawn             // drawn names the padding when that is published
	mpscDrawnZero            // drawn of a new producer is position 0
)

// mpscWord is a word of the table.
type mpscWord struct{ lap, state uint8 }

// States of a word beside committed and skipped. From skipRun on: skipRun+n skips n
// granules, in the variant that takes lengths from the dead.
const (
	pad     = 3
	skipRun = 4
)

// mpscEnd is an endpoint, as mpmcEnd.
type mpscEnd struct {
	mpscEntry
	alive bool
	stale bool  // producer: the intent is of a claim that failed
	ahead uint8 // consumer: granules behind head that it stepped over

	pc   mpscPC
	t, k uint8 // claim: position, granules; repair: position, granules; consumer: position
	n, j uint8 // claim: records, the one at hand
	more uint8 // records of the claim at hand, or granules of its extension
	i    uint8
	seq  uint8 // messages claimed
	v    uint8 // consumer: message as read first
	w    [mpscGranules]mpscWord
	late bool // consumer: took over, may hand over its predecessor's last message again
}

type mpscState struct {
	tail, head uint8
	word       [mpscGranules]mpscWord
	data       [mpscGranules]uint8 // message+1
	end        [mpscEnds]mpscEnd
	crashes    uint8
	fate       [4]uint8
	wrong      fault
}

// mpscEntry is an entry of the endpoint table: it stays when its holder dies.
type mpscEntry struct {
	pos, count uint8 // intent
	mpscTally
}

var mpscNames = [mpscEnds]string{"p0", "p1", "c"}

type mpscPC uint8

const (
	mpscAbsent mpscPC = iota
	mpscIdle
	mpscRoom
	mpscReturn
	mpscBlocked
	mpscIntent
	mpscClaim
	mpscPad
	mpscPayload
	mpscPublish
	mpscNoteBase // those up to mpscSent: see tell
	mpscNoteDrawn
	mpscNotePad
	mpscDrawn
	mpscBase
	mpscSent
	mpscGrow // those up to mpscPutBack: see grow
	mpscGrowRoom
	mpscGrowIntent
	mpscGrowClaim
	mpscPutBack
	mpscRead
	mpscRelease
	mpscWords
	mpscScan
	mpscProbe
	mpscMark
	mpscFix
	mpscPassed
	mpscAttach
	mpscComplete
	mpscForget
	mpscDone
)

func (c *mpscConfig) model() *Model[mpscState] {
	m := &Model[mpscState]{Name: c.name, Next: c.next, Final: c.final, Wrong: c.isWrong}
	m.Init.crashes = c.crashes
	for i := range m.Init.end {
		if i == 2 || c.sizes[i][0] > 0 {
			m.Init.end[i].alive, m.Init.end[i].pc = true, mpscIdle
			m.Init.end[i].drawn = c.nowhere()
		}
	}
	// Laps start at 1, so that a word of zeros is of an older lap.
	return m
}

func (c *mpscConfig) lap(p uint8) uint8 {
	if c.bug == mpscNoLap {
		return 0
	}
	return p/mpscGranules + 1
}

// unpublished tells whether w, the word of position p, says nothing yet.
func (c *mpscConfig) unpublished(w mpscWord, p uint8) bool {
	return w.state == free || w.lap < c.lap(p)
}

// quota is how many messages producer i has.
func (c *mpscConfig) quota(i int) (n uint8) {
	for n < 2 && c.sizes[i][n] > 0 {
		n++
	}
	return n
}

func (c *mpscConfig) next(s *mpscState, emit func(Step, *mpscState)) {
	for i := range s.end {
		e := &s.end[i]
		if e.pc == mpscAbsent {
			continue
		}
		n := *s
		if !e.alive {
			if c.attach {
				n.end[i].alive, n.end[i].pc = true, mpscAttach
				emit(Step{Who: mpscNames[i], What: "a new process takes the lock byte", Env: true}, &n)
			}
			continue
		}
		if i == 2 {
			c.consume(s, emit)
		} else {
			c.produce(s, i, emit)
		}
		if e.pc >= mpscWords && e.pc <= mpscFix {
			c.repair(s, i, emit)
		} else if e.pc == mpscBlocked && s.tail > s.head && c.bug != mpscNoRepair {
			c.startRepair(s, i, emit)
		}
		if s.crashes > 0 {
			n.crashes--
			n.end[i] = mpscEnd{mpscEntry: e.mpscEntry, seq: e.seq, pc: mpscDone}
			emit(Step{Who: mpscNames[i], What: "dies", Env: true}, &n)
		}
	}
}

func (c *mpscConfig) final(s *mpscState) bool {
	if !s.end[2].alive {
		return true // without a consumer nothing can be asked for
	}
	for i := range s.end[:2] {
		if e := &s.end[i]; e.alive && e.pc != mpscDone {
			return false
		}
	}
	return s.head+s.end[2].ahead == s.tail && (s.end[2].pc == mpscIdle || s.end[2].pc == mpscBlocked)
}

func (c *mpscConfig) isWrong(s *mpscState) string {
	if s.wrong != 0 {
		return s.wrong.String()
	}
	if s.head > s.tail {
		return unexpected.String()
	}
	if s.end[2].alive && c.final(s) {
		for _, f := range s.fate {
			if f == sent {
				return lost.String()
			}
		}
	}
	return c.miscounted(s)
}
