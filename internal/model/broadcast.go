package model

// Broadcast: one writer that waits for nobody, readers that share nothing. Before
// it touches the data, the writer raises intent to where it will end; a reader copies,
// then loads intent: if that is at most a ring beyond its position, nothing that it
// copied was touched. Intent never falls, not even by a successor, who starts at tail
// with a record that may be shorter than its predecessor's, whose half-written one
// destroyed as much as its intent said. It may be raised further than needed, so that it
// need not be for every record, but not beyond a ring behind latest, or behind tail if
// latest was not committed. A record and its padding, together with the
// record before it, must fit into the ring: else latest may be overrun by a
// dead writer's intent, and a reader has nowhere to go until the next record.
// A reader that was overrun goes to latest, if tail, loaded behind it, is beyond: else to
// tail, for what is at latest nobody has committed.

const (
	castGranules = 5 // most
	castMsgs     = 7
)

// castConfig is which variant is searched.
type castConfig struct {
	name    string
	sizes   [castMsgs]uint8 // granules of each record, 1 or 2
	ring    uint8           // granules of the ring
	ahead   uint8           // intent is raised by so many more
	crashes uint8           // of the writer; a reader's changes nothing for anybody
	bug     castBug
}

type castBug int

const (
	_             castBug = iota
	castLowered           // a successor starts from its own intent
	castLate              // intent is raised after the payload
	castNoLook            // a reader does not look at intent behind its copy
	castEarlyTail         // tail moves before the payload
	castDiffers           // a reader goes to latest, committed or not, and on from there when tail is not its position, not only when it is greater
)

// Cells hold attempt<<3 | what. An attempt to write a record has its own number, so
// that the halves of two are told apart.
const (
	castOne   = 1 // a record of one granule
	castTwo   = 2 // the first of two
	castRest  = 3 // the second of two
	castPad   = 4 // nothing up to the end of the lap
	castWhat  = 7
	castShift = 3
)

type castReader struct {
	pc, pos, first, rest uint8
	last                 uint8 // ghost: attempt received last + 1
}

type castState struct {
	cell                 [castGranules]uint8
	intent, latest, tail uint8
	alive                bool
	pc, seq, pos, pad, i uint8 // writer; pos: where the record goes, behind the padding
	raised               uint8 // writer: intent as it knows it
	attempt              uint8
	done                 uint32     // ghost: attempts that were completed
	reader               castReader // one is all of them: they share nothing
	crashes              uint8
	wrong                fault
}

// What the writer does next.
const (
	castBegin = iota
	castRaise
	castPadding
	castWrite
	castLatest
	castTail
	castOver
	castTakeIntent
	castTakeTail
)

// What a reader does next.
const (
	readTail = iota
	readFirst
	readRest
	readIntent
	readLatest
	readLatestTail
)

func (c *castConfig) model() *Model[castState] {
	m := &Model[castState]{Name: c.name, Next: c.next, Final: c.final, Wrong: func(s *castState) string { return s.wrong.String() }}
	m.Init.alive, m.Init.crashes = true, c.crashes
	return m
}

func (c *castConfig) final(s *castState) bool {
	r := &s.reader
	return r.pc == readTail && int8(s.tail-r.pos) <= 0 && (!s.alive || s.pc == castOver)
}

func (c *castConfig) next(s *castState, emit func(Step, *castState)) {
	if n := *s; s.alive {
		what := c.write(&n)
		if n != *s {
			emit(Step{Who: "writer", What: what}, &n)
		}
		if s.crashes > 0 {
			n = *s
			n.crashes--
			if s.pc >= castRaise && s.pc <= castTail {
				n.seq++ // what it was about to say, nobody will
			}
			n.alive, n.pc, n.pos, n.pad, n.i, n.raised = false, 0, 0, 0, 0, 0
			emit(Step{Who: "writer", What: "dies", Env: true}, &n)
		}
	} else {
		n.alive, n.pc = true, castTakeIntent
		emit(Step{Who: "writer", What: "a new one takes the role", Env: true}, &n)
	}
	n := *s
	what := c.read(&n, &n.reader)
	if n != *s {
		emit(Step{Who: "reader", What: what}, &n)
	}
}

// write takes the writer's next step.
func (c *castConfig) write(s *castState) string {
	if s.pc == castOver {
		return ""
	}
	size := uint8(0)
	if s.seq < castMsgs {
		size = c.sizes[s.seq]
	}
	switch s.pc {
	case castTakeIntent:
		if s.raised, s.pc = s.intent, castTakeTail; c.bug == castLowered {
			s.raised = 0
		}
		return "loads intent"
	case castTakeTail:
		s.pos, s.pc = s.tail, castBegin
		return "loads tail"
	case castBegin:
		if size == 0 {
			s.pc, s.pos, s.raised = castOver, 0, 0
			return "is through"
		}
		if at := s.pos % c.ring; at+size > c.ring {
			s.pad = c.ring - at
		}
		s.pos += s.pad
		limit := min(s.latest, s.tail) + c.ring
		s.raised = max(s.raised, s.pos+size, min(s.pos+size+c.ahead, limit))
		s.attempt++
		s.pc = castRaise
		switch c.bug {
		case castLate:
			c.body(s)
		case castEarlyTail:
			s.tail = s.pos + size
		}
		return "begins"
	case castRaise:
		s.intent = s.raised
		if c.body(s); c.bug == castLate {
			s.pc = castLatest
		}
		return "raises intent"
	case castPadding:
		s.cell[(s.pos-s.pad)%c.ring] = s.attempt<<castShift | castPad
		s.pad, s.pc = 0, castWrite
		return "writes padding"
	case castWrite:
		what := uint8(castOne)
		if size == 2 {
			what = castTwo + s.i
		}
		s.cell[(s.pos+s.i)%c.ring] = s.attempt<<castShift | what
		if s.i++; s.i == size {
			if s.i, s.pc = 0, castLatest; c.bug == castLate {
				s.pc = castRaise
			}
		}
		return "writes a granule"
	case castLatest:
		s.latest, s.pc = s.pos, castTail
		return "stores latest"
	}
	s.tail = s.pos + size
	s.pos = s.tail
	s.done |= 1 << s.attempt
	s.seq++
	s.pc = castBegin
	return "stores tail"
}

func (c *castConfig) body(s *castState) {
	if s.pc = castWrite; s.pad > 0 {
		s.pc = castPadding
	}
}

// read takes a reader's next step.
func (c *castConfig) read(s *castState, r *castReader) string {
	switch r.pc {
	case readTail:
		if int8(s.tail-r.pos) <= 0 && c.bug != castDiffers || r.pos == s.tail {
			return ""
		}
		r.pc = readFirst
		return "loads tail"
	case readFirst:
		r.first, r.pc = s.cell[r.pos%c.ring], readIntent
		if r.first&castWhat == castTwo {
			r.pc = readRest
		}
		return "copies a granule"
	case readRest:
		r.rest, r.pc = s.cell[(r.pos+1)%c.ring], readIntent
		return "copies a granule"
	case readIntent:
		if int8(s.intent-r.pos) > int8(c.ring) && c.bug != castNoLook {
			*r = castReader{pc: readLatest, pos: r.pos, last: r.last}
			return "loads intent: overrun"
		}
		c.accept(s, r)
		return "loads intent: accepts"
	}
	if r.pc == readLatest && c.bug != castDiffers {
		r.first, r.pc = s.latest, readLatestTail
		return "loads latest"
	}
	if r.pc == readLatest {
		r.pos, r.pc = s.latest, readTail
		return "goes to latest"
	}
	*r = castReader{pos: s.tail, last: r.last, first: r.first}
	if int8(r.first-s.tail) < 0 {
		r.pos = r.first
	}
	r.first = 0
	return "loads tail: goes to latest, or to tail"
}

// accept checks what a reader believes.
func (c *castConfig) accept(s *castState, r *castReader) {
	what, attempt := r.first&castWhat, r.first>>castShift
	size := uint8(1)
	switch what {
	case castPad:
		size = c.ring - r.pos%c.ring
	case castOne:
	case castTwo:
		if size = 2; r.rest != attempt<<castShift|castRest {
			s.wrong = torn
		}
	default:
		s.wrong = unexpected
	}
	if what != castPad {
		if s.done>>attempt&1 == 0 {
			s.wrong = invented
		}
		if attempt+1 <= r.last {
			s.wrong = reordered
		}
		r.last = attempt + 1
	}
	*r = castReader{pos: r.pos + size, last: r.last}
}
