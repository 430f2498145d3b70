package stress

import (
	"slices"
	"syscall"
	"time"

	"annulus/ring"
)

// tooFew tells whether less than an eighth of the kills so far hit a claim in flight:
// on a busy machine chance alone hits few.
func (r *run) tooFew() bool { return r.Aim > 0 && 8*r.report.InFlight < r.report.Kills }

// aim stops a process until it stands still with a claim in its hands, which is true
// then, or gives up.
func (r *run) aim(p *place) (caught bool) {
	for range 30 {
		if p.signal(syscall.SIGSTOP) != nil {
			return false
		}
		r.report.Stops++
		for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); time.Sleep(tick) {
			r.look()
			m, ok := r.member(p)
			if !ok || m.Stopped && m.Claims > 0 {
				return ok
			}
			if m.Stopped {
				break
			}
		}
		before := p.ledger.progress()
		if p.signal(syscall.SIGCONT) != nil {
			return false
		}
		// It must have had a processor before it is of use to look again.
		for end := time.Now().Add(5 * time.Millisecond); p.ledger.progress() == before && time.Now().Before(end); {
			time.Sleep(tick)
		}
	}
	return false
}

// member finds the process of a place in the ring's table.
func (r *run) member(p *place) (ring.MemberStats, bool) {
	s, err := r.ring.Stats()
	if err != nil {
		return ring.MemberStats{}, false
	}
	i := slices.IndexFunc(s.Members, func(m ring.MemberStats) bool { return m.Attached && m.PID == p.cmd.Process.Pid })
	if i < 0 {
		return ring.MemberStats{}, false
	}
	return s.Members[i], true
}
