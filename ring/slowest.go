package ring

import (
	"fmt"
	"sync/atomic"

	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// slowest returns the position that must stay in the ring: of the last record, or of
// the slowest consumer, which is returned too. If it would keep the producer from
// going to end, consumers that have died are found out now and then, and at once when they
// begin to.
func (p *Producer) slowest(end uint64) (keep uint64, slow *layout.Member, err error) {
	s := &p.shared
	keep, slow, err = p.survey()
	if err != nil || int64(keep+p.size-end) >= 0 {
		s.vain = 0
		return keep, slow, err
	}
	if s.vain++; s.at != keep {
		s.at, s.vain = keep, 1
	}
	if s.vain != 1 && !p.due() {
		return keep, slow, nil
	}
	if found, err := p.buryDead(end); err != nil || !found {
		return keep, slow, err
	}
	return p.survey() // once: entries that come back to life would keep it here
}

// survey looks at every consumer's position. One that attaches at the same time
// is either seen, or sees what this producer has published: see startCast.
func (p *Producer) survey() (keep uint64, slow *layout.Member, err error) {
	atomic.AddUint64(&p.busy, 0) // order what was published before the loads below
	keep = p.cast.last
	for _, m := range p.ring.members {
		if !m.waitedFor() {
			continue
		}
		pos := mem.Load(&m.line.Drawn) // [B3]
		if int64(pos-p.committed()) > 0 || pos%layout.WordSize != 0 {
			if p.ring.region.Faulted() {
				return 0, nil, p.lost()
			}
			return 0, nil, p.corrupt("a consumer's position is %d, tail %d", pos, p.committed())
		}
		if int64(pos-keep) < 0 {
			keep, slow = pos, m.line
		}
	}
	return keep, slow, nil
}

// waitedFor tells whether the producer has to wait for the consumer that is, or was, in
// the entry: the time at which it came is 0 once it is known to be dead.
func (m member) waitedFor() bool {
	return atomic.LoadUint32(&m.holder.State) == layout.StateAttached && !m.buried()
}

func (m member) buried() bool {
	return atomic.LoadUint64(&m.holder.Attached) == 0 // [B4] pairs with the swap in buryDead
}

// buryDead finds consumers that are in the way of end and dead, and is not going to wait
// for them. One that is stopped holds its lock, and its place. The lock is looked at, not
// taken: somebody who comes for the entry is to find it free. He stores another time before he
// counts as attached, so the swap cannot strike him.
func (p *Producer) buryDead(end uint64) (found bool, err error) {
	for _, m := range p.ring.members {
		came := atomic.LoadUint64(&m.holder.Attached) // before the look at the lock
		if !m.waitedFor() || int64(mem.Load(&m.line.Drawn)+p.size-end) >= 0 {
			continue
		}
		if alive, err := p.ring.region.Locked(m.lock); err != nil {
			return found, fmt.Errorf("ring %s: look at a lock of its endpoint table: %w", p.ring.name(), err)
		} else if alive {
			continue
		}
		killpoint.Here("burying")
		if atomic.CompareAndSwapUint64(&m.holder.Attached, came, 0) { // [B4]
			killpoint.Here("buried")
			atomic.AddUint64(&p.peer.endpoint.Repaired, 1)
			found = true
		}
	}
	return found, nil
}

// watch notes what to wait for: the slowest consumer, or, where it is the own batch that is
// in the way, nothing.
func (p *Producer) watch(slow *layout.Member, keep uint64) {
	if slow != nil {
		p.shared.watch, p.shared.seen = &slow.Drawn, keep
		return
	}
	p.shared.watch, p.shared.seen = &p.cursor.Position, ^mem.Load(&p.cursor.Position)
}
