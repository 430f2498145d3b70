package model

// The interrupts of futex/foreign.go: a sleeper on a word that it, and who interrupts it,
// can only read. The kernel's compare is of no help: the word stays as it is. What orders the two
// are words of their own, stored and loaded by sequentially consistent atomics. The
// peer wakes whoever sleeps when it likes, and may never do so.

const foreignCalls = 2

type foreignBug int

const (
	_                 foreignBug = iota
	foreignNoCheck               // the sleeper does not look at the calls before it sleeps
	foreignAsleepLate            // it says that it is asleep behind that look
	foreignSeenLate              // it takes the calls as seen behind its look for flags
	foreignWakeOnce              // the interrupter wakes once, and does not look whether that helped
	foreignFlagLate              // the interrupter raises its flag behind its call
)

type foreignConfig struct {
	name string
	bug  foreignBug
}

type foreignPC uint8

const (
	foreignPrepare foreignPC = iota
	foreignLook
	foreignSay
	foreignCheck
	foreignSleep
	foreignAsleep
	foreignRise
	foreignOver

	foreignFlag
	foreignCall
	foreignAsk
	foreignWake
	foreignDone
)

type foreignState struct {
	flag, calls, asleep uint8 // the words
	seen, got           uint8 // the sleeper's
	sleeper             foreignPC
	call                uint8 // the interrupter's
	interrupter         foreignPC
}

func (c *foreignConfig) model() *Model[foreignState] {
	m := &Model[foreignState]{Name: c.name, Next: c.next, Wrong: func(s *foreignState) string {
		idle := s.interrupter == foreignFlag || s.interrupter == foreignDone
		if s.sleeper == foreignAsleep && s.flag > s.got && idle {
			return "asleep, and its interrupter thinks that it has heard"
		}
		return ""
	}, Final: func(s *foreignState) bool { return s.sleeper == foreignOver && s.interrupter == foreignDone }}
	m.Init.interrupter = foreignFlag
	if c.bug == foreignFlagLate {
		m.Init.interrupter = foreignCall
	}
	return m
}

func (c *foreignConfig) next(s *foreignState, emit func(Step, *foreignState)) {
	n := *s
	do := func(who, what string, env bool) {
		emit(Step{who, what, env}, &n)
		n = *s
	}
	if what := c.sleep(&n); what != "" {
		do("sleeper", what, false)
	}
	if s.sleeper == foreignAsleep {
		n.sleeper = foreignRise
		do("peer", "wakes it", true)
	}
	if what := c.interrupt(&n); what != "" {
		do("interrupter", what, false)
	}
}

// sleep is the sleeper's next step, on n.
func (c *foreignConfig) sleep(n *foreignState) string {
	switch n.sleeper {
	case foreignPrepare:
		n.sleeper = foreignLook
		if c.bug != foreignSeenLate {
			n.seen = n.calls
		}
		return "takes the calls as seen"
	case foreignLook:
		n.got, n.sleeper = n.flag, foreignSay
		if n.got == foreignCalls {
			n.sleeper = foreignOver
		}
		return "looks for the flag"
	case foreignSay:
		if c.bug == foreignSeenLate {
			n.seen = n.calls
		}
		if n.sleeper = foreignCheck; c.bug != foreignAsleepLate {
			n.asleep = n.seen + 1
		}
		return "says that it is asleep"
	case foreignCheck:
		n.sleeper = foreignSleep
		if n.calls != n.seen && c.bug != foreignNoCheck {
			n.sleeper = foreignRise
		}
		return "looks at the calls"
	case foreignSleep:
		if n.sleeper = foreignAsleep; c.bug == foreignAsleepLate {
			n.asleep = n.seen + 1
		}
		return "sleeps"
	case foreignRise:
		n.asleep, n.sleeper = 0, foreignPrepare
		return "says that it is awake"
	}
	return ""
}

// interrupt is the interrupter's next step, on n.
func (c *foreignConfig) interrupt(n *foreignState) string {
	switch n.interrupter {
	case foreignFlag:
		n.flag++
		n.interrupter = foreignCall
		if c.bug == foreignFlagLate {
			n.flag, n.interrupter = foreignCalls, foreignDone
		}
		return "raises its flag"
	case foreignCall:
		n.calls++
		n.call, n.interrupter = n.calls, foreignAsk
		return "counts its call"
	case foreignAsk:
		switch n.interrupter = foreignWake; {
		case n.asleep != 0 && n.asleep <= n.call:
		case n.calls < foreignCalls && c.bug == foreignFlagLate:
			n.interrupter = foreignCall
		case n.calls < foreignCalls || c.bug == foreignFlagLate:
			n.interrupter = foreignFlag
		default:
			n.interrupter = foreignDone
		}
		return "looks whether somebody is asleep"
	case foreignWake:
		if n.sleeper == foreignAsleep {
			n.sleeper = foreignRise
		}
		if n.interrupter = foreignAsk; c.bug == foreignWakeOnce {
			if n.interrupter = foreignFlag; n.calls == foreignCalls {
				n.interrupter = foreignDone
			}
		}
		return "wakes"
	}
	return ""
}
