package model

// Sleep beside many lanes, of ring/consumer_lanes.go: the consumer of an MPSC ring loads
// the session, then looks at each lane that was ever held, one after the other; where it
// finds nothing it arms the one gate, passes the barrier, and looks at all of them in
// the same way once more before it sleeps. Producers come meanwhile: each takes its lane,
// adds to the session, publishes through a store buffer of one entry, and loads Arm. What
// happens within a lane is spsc.go, the gate alone gate.go.

const (
	lanesMost = 2 // producers, a lane each
	lanesMsgs = 2 // messages of each
)

type lanesBug int

const (
	_                lanesBug = iota
	lanesOldSession           // behind the barrier it looks only at the lanes that it knew
	lanesOneLane              // behind the barrier it looks only at the lane at hand
	lanesNoBarrier            // no barrier at all
	lanesSessionLast          // a producer adds to the session after its first message
)

type lanesConfig struct {
	name string
	bug  lanesBug
}

type lanesState struct {
	role    [lanesMost]bool  // the lane was held
	session uint8            // attachments so far
	work    [lanesMost]uint8 // messages published, in memory
	buffer  [lanesMost]bool  // one more is in its producer's store buffer
	seq     uint8
	arm     uint8

	producer [lanesMost]struct {
		pc         lanesPC
		published  uint8
		arm, quiet uint8
	}
	consumer struct {
		pc     lanesPC
		last   bool // the look behind the barrier
		known  uint8
		active uint8
		at     uint8
		found  bool
		epoch  uint8
		got    [lanesMost]uint8
	}
}

type lanesPC uint8

const (
	lanesAttach lanesPC = iota // producer: takes its lane
	lanesAdd
	lanesPublish
	lanesLoadArm
	lanesLoadSeq
	lanesMove
	lanesWake
	lanesDone

	lanesSession // consumer
	lanesRoles
	lanesLook
	lanesArm
	lanesBarrier
	lanesSleep
	lanesAsleep
	lanesOver
)

func (c *lanesConfig) model() *Model[lanesState] {
	m := &Model[lanesState]{Name: c.name, Next: c.next,
		Final: func(s *lanesState) bool { return s.consumer.pc == lanesOver },
		Wrong: func(s *lanesState) string {
			for i, p := range s.producer {
				idle := p.pc == lanesPublish || p.pc == lanesDone
				if s.consumer.pc == lanesAsleep && s.work[i] > s.consumer.got[i] && idle {
					for _, other := range s.producer {
						if other.pc == lanesWake {
							return "" // it is being woken
						}
					}
					return "asleep beside a message"
				}
			}
			return ""
		}}
	m.Init.seq, m.Init.arm = 1, gateNever
	m.Init.consumer.pc = lanesSession
	for i := range m.Init.producer {
		m.Init.producer[i].quiet = gateNever
	}
	return m
}

func (s *lanesState) flush(i int) {
	if s.buffer[i] {
		s.work[i]++
		s.buffer[i] = false
	}
}

func (c *lanesConfig) next(s *lanesState, emit func(Step, *lanesState)) {
	n := *s
	if what := c.consume(&n); what != "" {
		emit(Step{"consumer", what, false}, &n)
	}
	for i := range s.producer {
		who := "producer " + string(rune('0'+i))
		n = *s
		if what := c.produce(&n, i); what != "" {
			emit(Step{who, what, false}, &n)
		}
		if s.buffer[i] {
			n = *s
			n.flush(i)
			emit(Step{who + "'s processor", "empties its store buffer", false}, &n)
		}
	}
}

func (c *lanesConfig) produce(s *lanesState, i int) string {
	p := &s.producer[i]
	switch p.pc {
	case lanesAttach:
		s.role[i] = true
		if p.pc = lanesAdd; c.bug == lanesSessionLast {
			p.pc = lanesPublish
		}
		return "takes its lane"
	case lanesAdd:
		s.flush(i) // an atomic add
		s.session++
		p.pc = lanesPublish
		return "adds to the session"
	case lanesPublish:
		s.flush(i)
		s.buffer[i] = true
		p.published++
		p.pc = lanesLoadArm
		return "publishes, into its store buffer"
	case lanesLoadArm:
		if p.arm, p.pc = s.arm, lanesLoadSeq; p.arm == p.quiet {
			c.sent(s, i)
		}
		return "loads Arm"
	case lanesLoadSeq:
		if p.pc = lanesMove; p.arm != s.seq {
			p.quiet = p.arm
			c.sent(s, i)
		}
		return "loads Seq"
	case lanesMove:
		s.flush(i)
		s.seq++
		p.pc = lanesWake
		return "moves Seq"
	case lanesWake:
		if s.consumer.pc == lanesAsleep {
			s.awake()
		}
		p.quiet = p.arm
		c.sent(s, i)
		return "wakes"
	}
	return ""
}

// sent ends a send.
func (c *lanesConfig) sent(s *lanesState, i int) {
	p := &s.producer[i]
	p.arm = 0
	switch {
	case c.bug == lanesSessionLast && p.published == 1:
		p.pc = lanesAdd
	case p.published == lanesMsgs:
		p.pc = lanesDone
	default:
		p.pc = lanesPublish
	}
}

func (s *lanesState) awake() {
	s.consumer.pc, s.consumer.last, s.consumer.found = lanesSession, false, false
}

func (c *lanesConfig) consume(s *lanesState) string {
	k := &s.consumer
	switch k.pc {
	case lanesSession:
		k.at, k.pc = 0, lanesLook
		switch {
		case k.last && c.bug == lanesOneLane:
			k.at = max(k.active, 1) - 1
		case k.last && c.bug == lanesOldSession:
		case k.known != s.session:
			k.known, k.pc = s.session, lanesRoles
		}
		return "loads the session"
	case lanesRoles:
		for i := k.active; i < lanesMost; i++ {
			if s.role[i] {
				k.active = i + 1
			}
		}
		k.pc = lanesLook
		return "sees who holds lanes"
	case lanesLook:
		if k.at < k.active {
			if s.work[k.at] > k.got[k.at] {
				k.got[k.at]++
				k.found = true
			}
			k.at++
			return "looks at a lane"
		}
		all := true
		for _, n := range k.got {
			all = all && n == lanesMsgs
		}
		switch {
		case all:
			k.pc = lanesOver
		case k.found:
			if k.last && s.arm == s.seq {
				s.arm-- // takes its arming back
			}
			s.awake()
		case k.last:
			k.pc = lanesSleep
		default:
			k.pc, k.epoch = lanesArm, s.seq
		}
		return "has looked at all"
	case lanesArm:
		if s.arm, k.pc = k.epoch, lanesBarrier; s.seq != k.epoch {
			s.awake()
		}
		return "arms"
	case lanesBarrier:
		if c.bug != lanesNoBarrier {
			for i := range s.producer {
				s.flush(i)
			}
		}
		k.last, k.pc = true, lanesSession
		return "membarrier"
	case lanesSleep:
		if k.pc = lanesAsleep; s.seq != k.epoch {
			s.awake()
		}
		return "calls futex"
	}
	return ""
}
