package stress

import (
	"slices"
	"syscall"
	"time"

	"annulus/ring"
)

// look reads the ledgers and sees whether there is progress.
func (r *run) look() {
	var got uint64
	for _, p := range r.places {
		if p.producer {
			r.read(p)
			continue
		}
		before := r.verdict.received + r.verdict.redelivered + r.verdict.duplicated
		r.read(p)
		got += r.verdict.received + r.verdict.redelivered + r.verdict.duplicated - before
	}
	now := time.Now()
	if got > 0 {
		r.report.Longest = max(r.report.Longest, ms(now.Sub(r.moved)))
		r.moved = now
		r.progress += got
		for _, t := range r.pending {
			r.delays = append(r.delays, now.Sub(t))
		}
		r.pending = r.pending[:0]
		return
	}
	if now.Sub(r.moved) > hangAfter && r.bothWork() {
		r.report.Hung++
		r.note("nothing was received for %v while both sides live: %s", hangAfter, r.state())
	}
}

// bothWork tells whether there is a producer and a consumer at work.
func (r *run) bothWork() bool {
	var roles [2]bool
	for _, p := range r.places {
		if p.exited != nil && p.ledger.get(wordState) == stateWorking {
			if p.producer {
				roles[0] = true
			} else {
				roles[1] = true
			}
		}
	}
	return roles[0] && roles[1]
}

// read takes in what a place's ledger says.
func (r *run) read(p *place) {
	if p.producer {
		if !p.asked && r.tags && p.ledger.get(wordState) != stateStarting {
			r.succeed(p)
		}
		r.verdict.sent(p.key(), p.ledger.get(wordIntent), p.ledger.get(wordDone))
		return
	}
	p.ledger.drain(func(entry uint64) {
		r.verdict.receive(p.key(), entry)
		if r.again {
			p.recent = append(p.recent, id(entry&^flagRedelivered))
			if len(p.recent) > 64 {
				p.recent = append(p.recent[:0], p.recent[len(p.recent)-8:]...)
			}
		}
	})
}

// succeed holds what a producer has found to be sent by its predecessor against
// that one's own words: now it is known exactly what took effect.
func (r *run) succeed(p *place) {
	p.asked = true
	now := p.ledger.get(wordCommitted)
	if p.last != 0 {
		r.verdict.exactly(p.last, now-p.before)
	}
	p.before, p.last = now, p.key()
}

// bury takes in the last words of a process that has ended with err and starts
// its successor.
func (r *run) bury(p *place, err error) error {
	p.exited = nil
	dead := p.cmd.Process.Pid
	cut := r.cut(p, dead)
	r.read(p)
	r.torn += p.ledger.get(wordTorn)
	if !killed(err) && !r.tooYoung(p, err) {
		r.report.Failed++
		r.note("%v ended by itself: %v %s", p, err, p.ledger.text())
	}
	r.report.Kills++
	if p.foreign {
		r.report.KillsC++
	}
	if cut || p.caught {
		r.report.InFlight++
	}
	if p.struck.IsZero() {
		p.struck = time.Now()
	}
	r.pending = append(r.pending, p.struck)
	if !p.producer {
		r.verdict.forget(p.key())
		// What it took last it may not have released.
		for _, m := range p.recent[max(0, len(p.recent)-8):] {
			r.verdict.inHand[m] = true
		}
		p.recent = nil
	}
	return p.start(r.Options, r.ring.Region().File(), r.rng)
}

// cut tells whether claims of the dead came to light since the last kill: a lower
// bound, for several that died meanwhile count once. Without an endpoint table: whether
// a send was begun.
func (r *run) cut(p *place, pid int) bool {
	if !r.table {
		return p.producer && p.ledger.get(wordIntent) != p.ledger.get(wordDone)
	}
	s, err := r.ring.Stats()
	if err != nil {
		return false
	}
	settled := s.Producer.Repaired + s.Consumer.Repaired + s.Consumer.Handed
	found := settled > r.settled || slices.ContainsFunc(s.Members, func(m ring.MemberStats) bool {
		return m.PID == pid && !m.Attached && m.Claims > 0
	})
	r.settled = settled
	return found
}

// end asks all to end in order and waits for them.
func (r *run) end() error {
	for _, p := range r.places {
		p.ledger.set(wordStop, 1) // producers close, consumers see the end
	}
	for deadline := time.Now().Add(endAfter); ; time.Sleep(tick) {
		r.look()
		left := 0
		for _, p := range r.places {
			select {
			case err := <-p.exited:
				p.exited = nil
				r.read(p)
				r.torn += p.ledger.get(wordTorn)
				if r.Point != "" && killed(err) || r.tooYoung(p, err) { // its successor ends in order
					r.Point = ""
					if err := p.start(r.Options, r.ring.Region().File(), r.rng); err != nil {
						return err
					}
					p.ledger.set(wordStop, 1)
					r.Point = r.report.Point
				} else if err != nil {
					r.report.Failed++
					r.note("%v did not end in order: %v %s", p, err, p.ledger.text())
				}
			default:
			}
			if p.exited != nil {
				left++
			}
		}
		if left == 0 {
			return r.leaks()
		}
		if r.report.Hung > 0 || time.Now().After(deadline) {
			r.report.Hung++
			r.note("%d of %d did not end within %v: %s", left, len(r.places), endAfter, r.state())
			return nil
		}
	}
}

// leaks fills the ring that is said to be empty, to the last slot, and drains it.
func (r *run) leaks() error {
	// What was in the hands of the last to die is settled by nobody before, and counts.
	if _, err := r.ring.Recover(); err != nil {
		return err
	}
	s, err := r.ring.Stats()
	if err != nil {
		return err
	}
	r.report.Skipped, r.report.Dropped, r.report.Handed = s.Producer.Repaired, s.Consumer.Repaired, s.Consumer.Handed
	if r.casts {
		r.report.Dropped = s.Dropped
	}
	if s.Occupied != 0 && r.table {
		r.note("%d left in the ring at the end", s.Occupied)
		r.report.Leaked += int(s.Occupied)
	}
	p, err := r.ring.Producer()
	if err != nil {
		return err
	}
	defer p.Close()
	c, err := r.ring.Consumer()
	if err != nil {
		return err
	}
	defer c.Close()
	if !r.slots {
		return nil
	}
	// What the last of all had in its hands when it was killed lies here.
	for {
		b, err := c.TryRecv(nil)
		if err != nil {
			break
		}
		if m, whole := decode(b); whole {
			entry := uint64(m)
			if c.Redelivered() > 0 {
				entry |= flagRedelivered
			}
			r.verdict.receive(1<<40, entry)
		}
	}
	n := 0
	for p.TrySend(make([]byte, messageHead)) == nil {
		n++
	}
	r.report.Leaked += r.Capacity - n
	if n != r.Capacity {
		r.note("%d of %d slots can be filled", n, r.Capacity)
	}
	for range n {
		if _, err := c.TryRecv(nil); err != nil {
			return err
		}
	}
	return nil
}

// state describes the ring for a note.
func (r *run) state() string {
	s, err := r.ring.Stats()
	if err != nil {
		return err.Error()
	}
	text := ""
	for _, p := range r.places {
		if p.exited != nil {
			p.signal(syscall.SIGSTOP)
		}
	}
	for _, m := range s.Members {
		text += describe(m)
	}
	return describeStats(s) + text
}

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// sum closes the report.
func (r *run) sum() {
	out, v := r.report, r.verdict
	for _, p := range r.places {
		r.read(p)
	}
	var missing uint64
	if v.cast != nil {
		out.Committed, missing = v.cast.count(v, r.Consumers, out.Dropped)
		out.Overruns = v.cast.reported
	} else {
		out.Committed, missing = v.count()
	}
	out.Received, out.Redelivered, out.Duplicated, out.Reordered, out.Phantom, out.Torn = v.received, v.redelivered, v.duplicated, v.reordered, v.phantom, r.torn
	out.Misjudged = v.misjudged
	// What a dead consumer had in its hands is dropped, if the ring is made so, or
	// if it was in the hands of 31 that died, as happens at this point.
	if r.drops && (!r.Redeliver || r.Point == "handed") {
		out.LostInHand = min(missing, out.Dropped)
	}
	out.Lost = missing - out.LostInHand
	if out.Violations() > 0 {
		out.Notes = append(out.Notes, v.examples...)
	}
	if n := len(r.delays); n > 0 {
		slices.Sort(r.delays)
		out.ProgressP50, out.ProgressP99 = ms(r.delays[n/2]), ms(r.delays[n*99/100])
	}
}
