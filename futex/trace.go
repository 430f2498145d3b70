package futex

// Trace notes when a Gate's last wake and last sleep began and ended, so that whoever
// measures can tell a system call from what is before and behind it. It costs a Gate
// without one a comparison beside each system call, and nothing elsewhere. It belongs to
// the goroutine that wakes or sleeps.
type Trace struct {
	// Clock returns the time, in units of its own, nanoseconds or ticks; nil: nothing is noted.
	Clock func() int64

	WakeBegin, WakeEnd   int64 // around the system call that woke the sleeper
	SleepBegin, SleepEnd int64 // around the sleep, whatever ended it
}

func (t *Trace) wakeBegins() {
	if t != nil && t.Clock != nil {
		t.WakeBegin = t.Clock()
	}
}

func (t *Trace) wakeEnds() {
	if t != nil && t.Clock != nil {
		t.WakeEnd = t.Clock()
	}
}

func (t *Trace) sleepBegins() {
	if t != nil && t.Clock != nil {
		t.SleepBegin = t.Clock()
	}
}

func (t *Trace) sleepEnds() {
	if t != nil && t.Clock != nil {
		t.SleepEnd = t.Clock()
	}
}
