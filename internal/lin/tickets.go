package lin

// Tickets is an MPMC ring of Slots slots. A send draws a place and commits it later;
// a receive takes the first message and frees its place later. So a send that is
// under way keeps back what comes behind it, and a receive under way the place:
//
//   - Empty says: there was nothing, or the first place was drawn and its message
//     not committed yet.
//   - Full says: the next place was not free. One further on may be.
type Tickets struct {
	Slots     int
	Redeliver bool // what a dead consumer had in its hands is received again
}

const maxSlots = 4

type place struct{ value, state uint8 }

const (
	free uint8 = iota
	drawn
	committed
	taken
	skipped
	orphaned // in the hands of a dead consumer
)

type tickets struct {
	head, tail uint16 // places taken and drawn so far
	places     [maxSlots]place
}

func (k Tickets) Init() State { return tickets{} }

func (k Tickets) Parts(o *Op) []Part {
	switch o.Result {
	case OK:
		return []Part{begins, ends}
	case Cut:
		return []Part{begins, ends, Repair}
	}
	return []Part{begins}
}

func (k Tickets) Step(s State, o *Op, p Part) []State {
	st := s.(tickets)
	step := k.recv
	if o.Verb == Send {
		step = k.send
	}
	next, ok := step(st, o, p)
	return led(o, p, st, next, ok)
}

func (k Tickets) send(s tickets, o *Op, p Part) (tickets, bool) {
	at := int(s.tail) % k.Slots
	switch {
	case o.Result == Full:
		return s, s.places[at].state != free
	case p == begins:
		if s.places[at].state != free {
			return s, false
		}
		s.places[at] = place{o.Value, drawn}
		s.tail++
		return s, true
	case p == ends:
		return s.change(o.Value, drawn, place{o.Value, committed})
	}
	return s.change(o.Value, drawn, place{0, skipped})
}

func (k Tickets) recv(s tickets, o *Op, p Part) (tickets, bool) {
	if p == begins && o.Redelivered {
		return s.change(o.Value, orphaned, place{o.Value, taken})
	}
	mark := o.Value
	if o.Result == Cut {
		mark = cutMark
	}
	switch {
	case p == begins:
		for s.head != s.tail && s.places[int(s.head)%k.Slots].state == skipped {
			s.places[int(s.head)%k.Slots] = place{}
			s.head++
		}
		first := &s.places[int(s.head)%k.Slots]
		some := s.head != s.tail && first.state == committed
		if o.Result == Empty {
			return s, !some
		}
		if !some || o.Result == OK && first.value != o.Value {
			return s, false
		}
		// Of a cut call it is not known what it took: the message is kept in
		// the place, whose state says whose it is.
		first.state = taken
		if mark == cutMark {
			first.state = cutMark
		}
		s.head++
		return s, true
	case mark != cutMark:
		return s.change(o.Value, taken, place{})
	}
	for i := range s.places {
		if pl := &s.places[i]; pl.state == cutMark {
			if p == Repair && k.Redeliver {
				pl.state = orphaned
			} else {
				*pl = place{}
			}
			return s, true
		}
	}
	return s, false
}

// cutMark is the state of a place that a cut receive has taken. A history has one
// such call at most.
const cutMark uint8 = 200

// change turns the place of a value in a state into another.
func (s tickets) change(value, state uint8, to place) (tickets, bool) {
	for i, pl := range s.places {
		if pl == (place{value, state}) {
			s.places[i] = to
			return s, true
		}
	}
	return s, false
}
