package ring

import (
	"math/bits"
	"sync/atomic"

	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// Claims. A position is a ticket: producers draw them from tail, consumers of an MPMC
// ring from head, each by one compare-and-swap (D. Vyukov's bounded queue).
// What that queue lacks is who drew which: so an endpoint first writes the tickets
// it is about to draw into its intent word. A ticket that is drawn, unsettled and
// in no live endpoint's intent belonged to a dead one: anybody may settle it (see
// repair). The word of a ticket is that of its slot, or in a ring of records that of
// its granule (see granule.go). A slot's goes, lap by lap,
//
//	FREE(L) -> COMMITTED(L) -> FREE(L+1)     filled, received
//	FREE(L) -> SKIP(L)      -> FREE(L+1)     aborted, or its producer died
//
// and never takes a value twice.

// intents is how a ring's intent words are made: a count above a position, modulo a
// power of two.
type intents struct{ shift uint }

func intentsOf(g *layout.Geometry) intents {
	if g.Granules > 0 {
		return intents{layout.GranuleIntentShift}
	}
	return intents{layout.IntentCountShift}
}

func (i intents) mask() uint64             { return 1<<i.shift - 1 }
func (i intents) most() uint64             { return 1<<(64-i.shift) - 1 }
func (i intents) of(t, n uint64) uint64    { return t&i.mask() | n<<i.shift }
func (i intents) count(in uint64) uint64   { return in >> i.shift }
func (i intents) covers(in, t uint64) bool { return (t-in)&i.mask() < i.count(in) }

// within returns which of the n tickets from t on is the first that in covers; n: none.
func (i intents) within(in, t, n uint64) uint64 {
	if i.covers(in, t) {
		return 0
	}
	if k := (in - t) & i.mask(); k < n && i.count(in) > 0 {
		return k
	}
	return n
}

// near returns the position that is low modulo the intents' range and at most that
// far behind counter.
func (i intents) near(low, counter uint64) uint64 { return counter - (counter-low)&i.mask() }

// shared is what an endpoint that claims has beyond the others.
type shared struct {
	intents
	counter *atomic.Uint64 // this side's tickets: tail or head
	other   *atomic.Uint64 // the other side's
	line    *layout.Member // this endpoint's
	shift   uint           // of the lap in a position
	offset  uint64         // of the payload in a slot
	length  bool           // messages have a length of their own

	held    uint64 // first ticket held
	filled  uint64 // granules from there that are staged, padding included
	claimed uint64 // tickets held from there
	want    uint64 // claim so many at once, if there are
	stale   bool   // the intent names tickets that were not drawn

	watch *uint64 // the word that the last try failed at
	seen  uint64  // what it was
	at    uint64  // the ticket
	vain  uint32  // tries that failed there
}

// wantLess notes that one of those that were wanted is had: a claim never goes
// beyond what is used, for what is left over would come before what is sent next.
func (s *shared) wantLess() {
	if s.want > 1 {
		s.want--
	}
}

// claimAttach readies e for claims.
func (e *endpoint) claimAttach() {
	g := &e.ring.geometry
	s := &e.shared
	s.counter = mem.Atomic64(&e.mine.cursor.Position)
	s.other = mem.Atomic64(&e.peer.cursor.Position)
	s.line = e.mine.member.line
	s.shift = uint(bits.TrailingZeros64(e.size))
	s.intents = e.ring.intents
	s.offset = g.SlotOffset
	s.length = g.SlotOffset == layout.SlotPayloadLength || e.form == formOrdered
	s.want = 1
	// Single slots without a claim are the business of SPSC rings: no way is short here.
	e.slot, e.slotWord = 0, ^uint64(0)
}

// lapWord is the word of a slot in a lap.
func lapWord(lap, state uint64) uint64 { return lap<<layout.SlotLapShift | state }

// lapOf is a lap as slot words have it: its low 56 bits.
func lapOf(lap uint64) uint64 { return lap << layout.SlotLapShift >> layout.SlotLapShift }

// ticketOffset is where the slot of a ticket lies.
func (e *endpoint) ticketOffset(t uint64) uint64 { return t & e.mask * e.stride }

func (e *endpoint) ticketWord(t uint64) *uint64 { return e.words.Word(e.ticketOffset(t)) }

// ticketLap is the lap of a ticket. The mask spares the compiler's look at the shift.
func (e *endpoint) ticketLap(t uint64) uint64 { return t >> (e.shared.shift & 63) }

// drawOne is draw for one ticket and for the short ways, which do the rest themselves.
func (e *endpoint) drawOne(t uint64) bool {
	s := &e.shared
	if announces {
		mem.Publish(&s.line.Intent, t&layout.IntentPositionMask|1<<layout.IntentCountShift) // [I1] pairs with the load in orphans
	}
	killpoint.Here("intent")
	s.stale = !s.counter.CompareAndSwap(t, t+1)
	return !s.stale
}

// drawn notes for a successor that the claim from t on was had, before anything is filled.
func (e *endpoint) drawn(t uint64) {
	if m := e.shared.line; announces {
		mem.Publish(&m.Base, m.Sent)
		mem.Publish(&m.Drawn, t)
	}
}

// draw takes the tickets t to t+n-1 if t is the next. The intent is stored
// before, [I1]: whoever sees the tickets drawn sees it.
func (e *endpoint) draw(t, n uint64) bool {
	s := &e.shared
	if announces {
		mem.Publish(&s.line.Intent, s.of(t, n)) // [I1]
	}
	killpoint.Here("intent")
	if s.counter.CompareAndSwap(t, t+n) {
		killpoint.Here("drawn")
		s.held, s.claimed, s.stale = t, n, false
		e.drawn(t)
		return true
	}
	s.stale = true
	return false
}

// extend draws the ticket behind those that are held, if it is the next.
func (e *endpoint) extend(n uint64) bool {
	s := &e.shared
	held, claimed := s.held, s.claimed
	if claimed+n > s.most() {
		return false
	}
	mem.Publish(&s.line.Intent, s.of(held, claimed+n)) // [I1]
	killpoint.Here("intent")
	if s.counter.CompareAndSwap(held+claimed, held+claimed+n) {
		killpoint.Here("drawn")
		s.claimed = claimed + n
		return true
	}
	mem.Publish(&s.line.Intent, s.of(held, claimed))
	return false
}

// undrawn takes back an intent that came to nothing, and notes where.
func (e *endpoint) undrawn(t uint64, word *uint64, w uint64) {
	s := &e.shared
	if s.stale && s.claimed == 0 {
		mem.Publish(&s.line.Intent, 0)
		s.stale = false
	}
	s.watch, s.seen = word, w
	if s.at != t {
		s.at, s.vain = t, 0
	}
	s.vain++
}

// patience is after how many failed tries at one ticket its owner's life is looked
// into first, and again each four times as many. After a sleep it is at once.
const (
	patience     = 64
	longPatience = 64 * patience // for what takes long to find out
)

// due tells whether it is time to look whether somebody died.
func (e *endpoint) due() bool {
	v := e.shared.vain
	return announces && (v == patience || v%(4*patience) == 0 || e.idle > 0)
}

// unsteady is the error for a counter that always changes before a ticket can be drawn.
func (e *endpoint) unsteady() error {
	return e.corrupt("position %d and its like change faster than a place can be drawn", e.shared.counter.Load())
}

// impossible is the error for a word that no correct peer writes.
func (e *endpoint) impossible(t, w uint64) error {
	if e.ring.region.Faulted() {
		return e.lost()
	}
	what := "slot"
	if e.form == formOrdered {
		what = "granule"
	}
	return e.corrupt("%s word %#x at position %d", what, w, t)
}
