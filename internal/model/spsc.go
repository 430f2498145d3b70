package model

// One producer, one consumer, records of variable length, as ring does it
// (producer_bytes.go, consumer_next.go, scan.go): a record is published by its own
// header word, after the next one was made zero. The producer's position is stored now
// and then; its successor scans from there. The consumer's head is stored after a message
// was handed over, so that its successor may hand that over once more. One word of
// memory is a step, whatever it holds.

const (
	spscWords = 8
	spscMsgs  = 5
)

// spscConfig is which variant is searched.
type spscConfig struct {
	name    string
	sizes   [spscMsgs]uint8 // words of payload of each message, at most 3
	count   uint8           // messages
	batch   uint8           // published at once, at most 2
	ahead   uint8           // words that a sweep makes zero, if there is room
	crashes uint8
	bug     spscBug
}

type spscBug int

const (
	_            spscBug = iota
	spscNoZero           // the next header is not made zero
	spscLateZero         // only after the record is published
	spscEarly            // the header comes before the payload
	spscBatch            // the first header of a batch does not come last
	spscNoScan           // a successor starts at the stored position
	spscAhead            // the stored position is ahead of what is published
	spscNoSpare          // the word for the next header is not kept free
)

// Cells hold kind<<6 | message<<2 | payload words or index. Which message a header
// speaks of is a ghost.
const (
	zero    = 0
	header  = 1 << 6
	padding = 2 << 6
	payload = 3 << 6
	kinds   = 3 << 6
)

type spscProducer struct {
	alive                  bool
	pc                     spscPC
	pos, free, clean, head uint8
	seq                    uint8 // message at hand
	staged, first          uint8 // records of the batch, position of the first
	lapping                uint8 // where data wraps, while padding is written
	i, n                   uint8 // words done, words to sweep
}

type spscConsumer struct {
	alive, late bool
	pc          spscPC
	pos, i, w   uint8
}

type spscState struct {
	cell       [spscWords]uint8
	tail, head uint8
	p          spscProducer
	c          spscConsumer
	crashes    uint8
	sent, got  uint8 // ghosts: messages committed, handed over
	wrong      fault
}

type spscPC uint8

const (
	spscIdle spscPC = iota
	spscHead
	spscTail
	spscBlocked
	spscSweep
	spscSwept
	spscPad
	spscPayload
	spscStage
	spscPublish
	spscDone
	spscTakeTail
	spscTakeHead
	spscScan
	spscRead
	spscRelease
)

func (c *spscConfig) model() *Model[spscState] {
	m := &Model[spscState]{Name: c.name, Next: c.next, Final: c.final, Wrong: func(s *spscState) string { return s.wrong.String() }}
	m.Init.crashes = c.crashes
	m.Init.p.alive, m.Init.c.alive = true, true
	return m
}

func (c *spscConfig) next(s *spscState, emit func(Step, *spscState)) {
	n := *s
	if s.p.alive {
		c.produce(s, emit)
	} else {
		n.p = spscProducer{alive: true, pc: spscTakeTail}
		emit(Step{"producer", "a new one takes the role", true}, &n)
	}
	n = *s
	if s.c.alive {
		c.consume(s, emit)
	} else {
		n.c = spscConsumer{alive: true, late: true, pos: s.head}
		emit(Step{"consumer", "a new one takes the role, loads head", true}, &n)
	}
	if s.crashes == 0 {
		return
	}
	if s.p.alive {
		n = *s
		n.crashes--
		n.p = spscProducer{}
		emit(Step{"producer", "dies", true}, &n)
	}
	if s.c.alive {
		n = *s
		n.crashes--
		n.c = spscConsumer{}
		emit(Step{"consumer", "dies", true}, &n)
	}
}

func (c *spscConfig) final(s *spscState) bool {
	return !s.c.alive || (!s.p.alive || s.p.pc == spscDone) && s.c.pc == spscIdle && s.got == s.sent
}

// takeOver emits the steps of a producer's successor.
func (c *spscConfig) takeOver(s *spscState, emit func(Step, *spscState)) {
	n := *s
	p := &n.p
	do := func(what string) { emit(Step{Who: "producer", What: what}, &n) }
	settle := func() {
		*p = spscProducer{alive: true, pos: p.pos, free: p.pos, clean: p.pos, head: p.head, seq: s.sent}
		if p.pc = spscIdle; p.seq == c.count {
			p.pc = spscDone
		}
	}
	switch p.pc {
	case spscTakeTail:
		p.pos, p.pc = s.tail, spscTakeHead
		do("loads the stored position")
	case spscTakeHead:
		p.head = s.head
		p.pos = max(p.pos, s.head)
		if p.pc = spscScan; c.bug == spscNoScan {
			settle()
		}
		do("loads head")
	case spscScan:
		i := p.pos % spscWords
		w := s.cell[i]
		size := w&3 + 1
		left := p.head + spscWords - p.pos
		if w&kinds == padding {
			size = spscWords - i
		}
		switch {
		case left == 0 || w == zero:
			n.tail = p.pos // its own word: no step of its own
			settle()
		case w&kinds == payload || size > spscWords-i || size > left-1 || w&kinds == padding && i == 0:
			n.wrong = unexpected
		default:
			p.pos += size
		}
		do("scans a word")
	}
}
