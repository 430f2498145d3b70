package lin

import "annulus/internal/layout"

// Queue is an SPSC ring: a queue. A send appends its message at once, a receive
// takes the first and frees its place at once; Full says that the message did not
// fit, Empty that there was none.
//
// Slots of one size: Slots is their number. Records: Slots is 0, Bytes the capacity,
// Size the payload of a message and Start where the history begins. A send that is cut may
// have padded the lap and no more; the next one goes on behind that.
type Queue struct {
	Slots int
	Bytes uint64
	Start Span
	Size  func(value uint8) int
}

// Span is the consumer's position and the producer's: of an empty ring of records they
// are one but for padding.
type Span struct{ Head, Tail uint64 }

const maxItems = 20

type queue struct {
	head, tail uint64 // positions, of records
	n          int
	items      [maxItems]uint8
	took       [maxItems]uint16 // bytes of each record, with the padding before it
}

func (q Queue) Init() State { return queue{head: q.Start.Head, tail: q.Start.Tail} }

func (q Queue) Parts(*Op) []Part { return []Part{0} }

func (q Queue) Step(s State, o *Op, _ Part) []State {
	st := s.(queue)
	switch {
	case o.Verb == Send:
		next, fits := q.put(st, o.Value)
		states := outcome(o, st, next, fits, Full)
		if lap := q.lap(next); o.Result == Cut && fits && lap > st.tail {
			st.tail = lap
			states = append(states, st)
		}
		return states
	default:
		next, some := q.take(st)
		if o.Result == OK && some && st.items[0] != o.Value {
			return nil
		}
		return outcome(o, st, next, some, Empty)
	}
}

// outcome is what a call may lead to: to next if it was possible, with refusal
// to where it began if it was not; one that was cut short to either.
func outcome(o *Op, s, next State, possible bool, refusal Result) []State {
	switch {
	case o.Result == Cut && possible:
		return []State{s, next}
	case o.Result == Cut, o.Result == refusal && !possible:
		return []State{s}
	case o.Result == OK && possible:
		return []State{next}
	}
	return nil
}

// put appends v, if it fits.
func (q Queue) put(s queue, v uint8) (queue, bool) {
	if q.Slots > 0 {
		if s.n == q.Slots {
			return s, false
		}
	} else {
		end := q.end(s.tail, v)
		// The word behind stays free for the next header.
		if end+layout.WordSize-s.head > q.Bytes {
			return s, false
		}
		last := s.head
		for _, n := range s.took[:s.n] {
			last += uint64(n)
		}
		s.took[s.n] = uint16(end - last)
		s.tail = end
	}
	s.items[s.n] = v
	s.n++
	return s, true
}

// take removes the first message.
func (q Queue) take(s queue) (queue, bool) {
	if s.n == 0 {
		return s, false
	}
	s.head += uint64(s.took[0])
	copy(s.items[:], s.items[1:])
	copy(s.took[:], s.took[1:])
	s.n--
	s.items[s.n], s.took[s.n] = 0, 0
	return s, true
}

// lap is where the lap begins that s is in; of slots, 0.
func (q Queue) lap(s queue) uint64 {
	if q.Slots > 0 {
		return 0
	}
	return s.tail &^ (q.Bytes - 1)
}

// end is where the record of v ends that goes to pos.
func (q Queue) end(pos uint64, v uint8) uint64 {
	_, end := fit(q.Bytes, pos, q.Size(v))
	return end
}

// fit is where the record of n bytes lies that goes to pos: there, or behind the end
// of the lap if it does not fit before.
func fit(bytes, pos uint64, n int) (start, end uint64) {
	need := layout.WordSize + layout.Align(uint64(n), layout.WordSize)
	if lap := pos&^(bytes-1) + bytes; pos+need > lap {
		pos = lap
	}
	return pos, pos + need
}
