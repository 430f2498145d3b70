package lin

import "annulus/internal/layout"

// Ordered is an MPSC ring in one order: a queue of records that take whole granules. A send
// claims room, pads the lap where its record does not fit, and commits later; the one
// consumer takes the first record and frees it at once. So a send that is under way keeps back
// what comes behind it, and takes room:
//
//   - Empty says: there was nothing, or the first room was claimed and nothing
//     committed there yet.
//   - Full says: from the last claim on there was not room enough. What the consumer has
//     stepped over, padding and claims of the dead, is free when it finds the ring empty, or
//     takes a message behind.
type Ordered struct {
	Granules uint64
	Start    uint64 // position at which the history begins
	Size     func(value uint8) int
	AtOnce   bool // another ring: each call takes effect at one moment
}

const (
	maxPieces       = 12
	padding   uint8 = 100 // a place that is to be padded. Padded, it is skipped
)

// piece is what was claimed.
type piece struct{ value, span, state uint8 }

type ordered struct {
	head, tail uint64 // freed and claimed so far
	at         uint64 // the consumer's, where pieces begins
	looked     bool   // it has found nothing, and has not freed yet what it stepped over
	n          int
	pieces     [maxPieces]piece
}

func (k Ordered) Init() State { return ordered{head: k.Start, tail: k.Start, at: k.Start} }

func (k Ordered) Parts(o *Op) []Part {
	switch {
	case o.Result == Full, o.Verb == Recv && o.Result != Empty:
		return []Part{begins}
	case o.Result == Cut:
		return []Part{begins, between, ends, Repair}
	case k.AtOnce:
		return []Part{whole}
	case o.Verb == Recv:
		return []Part{begins, ends}
	}
	return []Part{begins, between, ends}
}

func (k Ordered) Step(s State, o *Op, p Part) []State {
	st := s.(ordered)
	step := k.send
	if o.Verb == Recv {
		step = k.recv
	}
	if p == whole {
		next, ok := st, true
		for _, p := range (Ordered{}).Parts(o) {
			if ok {
				next, ok = step(next, o, p)
			}
		}
		return led(o, p, st, next, ok)
	}
	next, ok := step(st, o, p)
	states := led(o, p, st, next, ok)
	if o.Verb == Recv && o.Result == Cut { // or it only stepped over something
		passed := st.step()
		passed.head = passed.at
		states = append(states, passed)
	}
	return states
}

func (k Ordered) send(s ordered, o *Op, p Part) (ordered, bool) {
	switch p {
	case begins:
		span := (layout.WordSize + uint64(k.Size(o.Value)) + layout.GranuleSize - 1) / layout.GranuleSize
		pad := uint64(0)
		if i := s.tail % k.Granules; i+span > k.Granules {
			pad = k.Granules - i
		}
		room := s.tail+pad+span-s.head <= k.Granules
		if o.Result == Full {
			return s, !room
		}
		if !room {
			return s, false
		}
		if pad > 0 {
			s.claim(o.Value, pad, padding)
		}
		s.claim(o.Value, span, drawn)
		return s, true
	case between: // where there is no padding, nothing happens
		pad, record := s.find(o.Value, padding), s.find(o.Value, drawn)
		if pad >= 0 {
			s.pieces[pad].state = skipped
		}
		return s, record >= 0
	case ends:
		i := s.find(o.Value, drawn)
		if i < 0 || s.find(o.Value, padding) >= 0 {
			return s, false
		}
		s.pieces[i].state = committed
		return s, true
	}
	for i := range s.pieces { // the dead
		if pc := &s.pieces[i]; pc.value == o.Value && (pc.state == drawn || pc.state == padding) {
			pc.state = skipped
		}
	}
	return s, true
}

func (k Ordered) recv(s ordered, o *Op, p Part) (ordered, bool) {
	if p == ends {
		ok := s.looked
		s.head, s.looked = s.at, false
		return s, ok
	}
	s = s.step()
	some := s.n > 0 && s.pieces[0].state == committed
	if o.Result == Empty {
		s.looked = true
		return s, !some
	}
	if !some || o.Result == OK && s.pieces[0].value != o.Value {
		return s, false
	}
	s.pop()
	s.head = s.at
	return s, true
}

// step goes over what holds no message.
func (s ordered) step() ordered {
	for s.n > 0 && s.pieces[0].state == skipped {
		s.pop()
	}
	return s
}

func (s *ordered) pop() {
	s.at += uint64(s.pieces[0].span)
	copy(s.pieces[:], s.pieces[1:])
	s.n--
	s.pieces[s.n] = piece{}
}

func (s *ordered) claim(value uint8, span uint64, state uint8) {
	s.pieces[s.n] = piece{value, uint8(span), state}
	s.n++
	s.tail += span
}

// find returns the index of what a value has in a state, or -1.
func (s *ordered) find(value, state uint8) int {
	for i, pc := range s.pieces {
		if pc.value == value && pc.state == state {
			return i
		}
	}
	return -1
}
