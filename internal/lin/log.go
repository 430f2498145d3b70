package lin

import "slices"

// Log is a broadcast ring: one producer, and each consumer reads all, by a cursor of its own.
//
// Where the producer waits for nobody, a consumer that is more than a ring behind what the
// producer has begun to write, and Ahead bytes more, is overrun: it is told so and how many
// messages it lost, and goes on with the last one. While a send is about to be committed
// that may be behind the last one: the next thing it gets is what is being sent. What it
// receives instead was not touched, and is the next one after what it had. Nothing is Full.
//
// Where the producer waits (Waits), nobody is overrun. Full, or with Drops Dropped, says that
// some consumer has not released what lies a ring behind the end of the message; one
// that is dead counts until it is found dead (Die).
//
// Empty says that all that is committed was received by this consumer.
type Log struct {
	Readers      []int // the consumers' clients, at the end of what was sent when the history begins
	Bytes        uint64
	Size         func(value uint8) int
	Waits, Drops bool
	Tail, Intent uint64 // where the history begins: the end of what was sent, and what the producer may have touched
	Ahead        uint64
}

const maxReaders = 3

type reader struct {
	next uint8 // of the messages of the history
	gone bool
	pos  uint16 // where it stands: behind the one before, or where the next begins
}

// log counts positions from Log.Tail on.
type log struct {
	tail, intent uint16
	stage        uint8 // of the last send: how far it came
	pending      bool  // latest says one that is not committed
	n            uint8
	items        [maxItems]uint8
	starts       [maxItems]uint16
	readers      [maxReaders]reader
}

// Stages of a send.
const (
	sent uint8 = iota
	raised
	written
)

func (l Log) Init() State {
	return log{intent: uint16(l.Intent - l.Tail)}
}

// fit is where the record of v lies that goes to pos.
func (l Log) fit(pos uint16, v uint8) (start, end uint16) {
	s, e := fit(l.Bytes, l.Tail+uint64(pos), l.Size(v))
	return uint16(s - l.Tail), uint16(e - l.Tail)
}

// gone tells whether what lies at pos may be gone when somebody writes up to end.
func (l Log) gone(pos, end uint16) bool { return int(end)-int(pos) > int(l.Bytes) }

func (l Log) Parts(o *Op) []Part {
	switch {
	case o.Verb == Die:
		return []Part{Repair}
	case o.Verb == Send && !l.Waits:
		return []Part{begins, between, ends}
	}
	return []Part{begins}
}

func (l Log) Step(s State, o *Op, p Part) []State {
	st := s.(log)
	if o.Verb == Send {
		if l.Waits {
			next, room := l.append(st, o.Value)
			refusal := Full
			if l.Drops {
				refusal = Dropped
			}
			return outcome(o, st, next, room, refusal)
		}
		next, ok := l.send(st, o, p)
		return led(o, p, st, next, ok && (o.Result == OK || o.Result == Cut))
	}
	i := slices.Index(l.Readers, o.Client)
	if o.Verb == Die {
		st.readers[i].gone = true
		return []State{st}
	}
	next, ok := l.recv(st, i, o)
	return led(o, p, st, next, ok)
}

// send is a send of a producer that waits for nobody, in its parts.
func (l Log) send(s log, o *Op, p Part) (log, bool) {
	switch p {
	case begins: // intent
		if _, end := l.fit(s.tail, o.Value); s.intent < end {
			s.intent = end + uint16(l.Ahead)
		}
		s.stage = raised
		return s, true
	case between: // latest
		ok := s.stage == raised
		s.stage, s.pending = written, true
		return s, ok
	}
	if s.stage != written {
		return s, false
	}
	s.stage, s.pending = sent, false
	s, _ = l.append(s, o.Value)
	return s, true
}

// append appends v, if it fits.
func (l Log) append(s log, v uint8) (log, bool) {
	start, end := l.fit(s.tail, v)
	for _, r := range s.readers[:len(l.Readers)] {
		if l.Waits && !r.gone && l.gone(r.pos, end) {
			return s, false
		}
	}
	s.items[s.n], s.starts[s.n] = v, start
	s.n++
	s.tail = end
	return s, true
}

func (l Log) recv(s log, i int, o *Op) (log, bool) {
	r := &s.readers[i]
	switch o.Result {
	case Empty:
		return s, r.next == s.n
	case Overrun:
		ok := !l.Waits && l.gone(r.pos, s.intent)
		to := s.n
		if !s.pending {
			to--
		}
		ok = ok && s.n > 0 && to > r.next && to-r.next == o.Lost
		if ok {
			r.next, r.pos = to, s.tail
			if !s.pending {
				r.pos = s.starts[to]
			}
		}
		return s, ok
	}
	if r.next == s.n || o.Result == OK && s.items[r.next] != o.Value {
		return s, false
	}
	if !l.Waits && l.gone(s.starts[r.next], s.intent) { // it was overwritten, or was about to be
		return s, false
	}
	_, r.pos = l.fit(s.starts[r.next], s.items[r.next])
	r.next++
	return s, true
}
