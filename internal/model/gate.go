package model

// The gate of futex/gate.go: an event count whose waker only publishes and loads Arm
// on its fast way. The waker's publish goes through a store buffer of one entry, which
// the processor empties when it likes; so its load of Arm may come first, and only the
// sleeper's membarrier makes up for that. A locked instruction empties it too, and so
// does death: a process that is not running has no stores under way.

const gateMsgs = 3

// gateConfig is which variant is searched.
type gateConfig struct {
	name    string
	count   uint8 // messages
	crashes uint8
	unbound bool // a sleep has no end by itself
	attach  bool // a dead one gets a successor
	stop    bool // somebody interrupts the sleeper, once
	bug     gateBug
}

type gateBug int

const (
	_             gateBug = iota
	gateNoBarrier         // the sleeper leaves membarrier out
	gateWakeFirst         // the waker looks at Arm, and wakes, before it publishes
	gateNoLook            // the sleeper does not look once more
	gateNoCompare         // the sleep does not compare Seq
	gateStaleArm          // the sleeper takes an armed word for announced though another process armed it
	gateNoMove            // the waker wakes and does not move Seq
	gateFlagLate          // the interrupter raises its flag last
)

// gateNever is an epoch of Arm that nobody waits at.
const gateNever = 99

type gateState struct {
	work     uint8 // messages published, in memory
	buffered bool  // one more is in the waker's store buffer
	got      uint8 // the sleeper's position, in memory
	seq, arm uint8

	sleeper struct {
		alive            bool
		pc               gatePC
		epoch, announced uint8
	}
	waker struct {
		alive      bool
		pc         gatePC
		published  uint8
		arm, quiet uint8
	}
	stop    gatePC // the interrupter
	stopped bool   // its flag
	crashes uint8
	excused bool // ghost: a waker died in the middle during this sleep
	wrong   bool
}

type gatePC uint8

const (
	gateLook gatePC = iota
	gateEpoch
	gateArm
	gateCheck
	gateBarrier
	gateLast
	gateCancel
	gateSleep
	gateAsleep
	gateOver

	gatePublish
	gateLoad
	gateLoadAgain
	gateSeq
	gateMove
	gateWake
	gateTakeArm
	gateTakeSeq
	gateQuiet
)

func (c *gateConfig) model() *Model[gateState] {
	m := &Model[gateState]{Name: c.name, Next: c.next, Final: c.final, Wrong: func(s *gateState) string {
		if s.wrong {
			return "asleep beside a message or an interrupt, and nobody is going to wake it"
		}
		return ""
	}}
	m.Init.crashes = c.crashes
	m.Init.arm = gateNever
	m.Init.sleeper.alive, m.Init.waker.alive = true, true
	m.Init.sleeper.announced = gateNever
	c.attachWaker(&m.Init)
	if m.Init.stop = gateQuiet; c.stop {
		m.Init.stop = gatePublish
	}
	return m
}

func (c *gateConfig) attachWaker(s *gateState) {
	s.waker.alive, s.waker.pc, s.waker.published, s.waker.quiet = true, gateTakeArm, s.work, gateNever+1
}

// final: everything published is received, or nobody is there to receive it.
func (c *gateConfig) final(s *gateState) bool {
	return !s.sleeper.alive || s.sleeper.pc == gateOver ||
		s.got == s.work && !s.buffered && !s.waker.alive
}

// flush empties the store buffer.
func (s *gateState) flush() {
	if s.buffered {
		s.work++
		s.buffered = false
	}
}

func (c *gateConfig) next(s *gateState, emit func(Step, *gateState)) {
	n := *s
	do := func(who, what string, env bool) {
		n.wrong = c.missed(&n)
		emit(Step{who, what, env}, &n)
		n = *s
	}
	if s.sleeper.alive {
		if what := c.sleep(&n); what != "" {
			do("sleeper", what, false)
		}
		if s.sleeper.pc == gateAsleep && !c.unbound {
			n.sleeper.pc = gateLook
			do("sleeper", "its slice is over", false)
		}
	} else if c.attach {
		n.sleeper.alive, n.sleeper.pc, n.sleeper.epoch, n.sleeper.announced = true, gateLook, 0, gateNever
		if c.bug == gateStaleArm {
			n.sleeper.announced = n.arm
		}
		do("sleeper", "a new one takes the role", true)
	}
	if s.waker.alive {
		if what := c.wake(&n); what != "" {
			do("waker", what, false)
		}
	} else if c.attach {
		c.attachWaker(&n)
		do("waker", "a new one takes the role", true)
	}
	if s.buffered {
		n.flush()
		do("waker's processor", "empties its store buffer", false)
	}
	switch s.stop {
	case gatePublish:
		n.stopped, n.stop = c.bug != gateFlagLate, gateMove
		do("interrupter", "raises its flag", false)
	case gateMove:
		n.seq++
		n.stop = gateWake
		do("interrupter", "moves Seq", false)
	case gateWake:
		n.rouse()
		n.stopped, n.stop = true, gateQuiet
		do("interrupter", "wakes", false)
	}
	if s.crashes == 0 {
		return
	}
	n.crashes--
	if s.sleeper.alive {
		n.sleeper.alive, n.sleeper.pc, n.sleeper.epoch, n.sleeper.announced = false, 0, 0, 0
		do("sleeper", "dies", true)
		n.crashes--
	}
	if s.waker.alive {
		n.flush()
		n.excused = s.excused || s.waker.pc >= gateLoad && s.waker.pc <= gateWake
		n.waker.alive, n.waker.pc, n.waker.published, n.waker.arm, n.waker.quiet = false, 0, 0, 0, 0
		do("waker", "dies", true)
	}
}

// missed tells whether only the bound of the sleep can still end it. That is in
// order only if a waker died in the middle: then the bound is what there is.
func (c *gateConfig) missed(s *gateState) bool {
	if s.sleeper.pc == gateAsleep && s.stopped && s.stop == gateQuiet {
		return true // an interrupt was lost
	}
	idle := s.waker.pc == gatePublish || s.waker.pc == gateOver
	return s.sleeper.pc == gateAsleep && s.work > s.got && s.waker.alive && idle && s.stop != gateWake && !s.excused
}

func (s *gateState) rouse() {
	if s.sleeper.pc == gateAsleep {
		s.sleeper.pc = gateLook
	}
}
