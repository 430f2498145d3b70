package model

// sleep takes the live sleeper's next step.
func (c *gateConfig) sleep(s *gateState) string {
	p := &s.sleeper
	switch p.pc {
	case gateLook:
		s.excused = false
		if s.stopped || s.got == c.count {
			p.pc = gateOver
			return "is through"
		}
		if s.got < s.work {
			s.got++
			return "receives"
		}
		p.pc = gateEpoch
		return "finds nothing"
	case gateEpoch:
		p.epoch, p.pc = s.seq, gateArm
		return "loads Seq"
	case gateArm:
		if s.arm == p.epoch && p.announced == p.epoch {
			p.pc = gateLast
			return "is still armed"
		}
		s.arm, p.announced, p.pc = p.epoch, p.epoch, gateCheck
		return "arms"
	case gateCheck:
		if p.pc = gateBarrier; s.seq != p.epoch {
			p.pc = gateEpoch
		}
		return "loads Seq again"
	case gateBarrier:
		if c.bug != gateNoBarrier {
			s.flush()
		}
		p.pc = gateLast
		return "membarrier"
	case gateLast:
		switch {
		case c.bug == gateNoLook || s.got == s.work && !s.stopped:
			p.pc = gateSleep
		default:
			p.pc = gateCancel
		}
		return "looks once more"
	case gateCancel:
		if s.arm == s.seq {
			s.arm--
		}
		p.pc = gateLook
		return "takes its arming back"
	case gateSleep:
		if p.pc = gateAsleep; s.seq != p.epoch && c.bug != gateNoCompare {
			p.pc = gateLook
		}
		return "calls futex"
	}
	return ""
}

// wake takes the live waker's next step.
func (c *gateConfig) wake(s *gateState) string {
	p := &s.waker
	begin := func() {
		switch {
		case p.published == c.count:
			p.pc = gateOver
		case c.bug == gateWakeFirst:
			p.pc = gateLoad
		default:
			p.pc = gatePublish
		}
	}
	next := func() {
		p.arm = 0
		if begin(); c.bug == gateWakeFirst {
			p.pc = gatePublish
		}
	}
	switch p.pc {
	case gateTakeArm:
		p.arm, p.pc = s.arm, gateTakeSeq
		return "attaches: loads Arm"
	case gateTakeSeq:
		if p.arm != s.seq {
			p.quiet = p.arm
		}
		p.arm = 0
		begin()
		return "attaches: loads Seq"
	case gatePublish:
		s.flush()
		s.buffered = true
		p.published++
		if p.pc = gateLoad; c.bug == gateWakeFirst {
			begin()
		}
		return "publishes, into its store buffer"
	case gateLoad:
		if p.pc = gateLoadAgain; s.arm == p.quiet {
			next()
		}
		return "loads Arm"
	case gateLoadAgain:
		p.arm, p.pc = s.arm, gateSeq
		return "loads Arm again"
	case gateSeq:
		if p.pc = gateMove; p.arm != s.seq {
			p.quiet = p.arm
			next()
		}
		return "loads Seq"
	case gateMove:
		s.flush()
		if c.bug != gateNoMove {
			s.seq++
		}
		p.pc = gateWake
		return "moves Seq"
	case gateWake:
		s.rouse()
		p.quiet = p.arm
		next()
		return "wakes"
	}
	return ""
}
