package ring

import (
	"errors"
	"fmt"
	"sync/atomic"

	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/shm"
)

// slowest returns the position that must stay in the ring: of the last record, or of
// the slowest consumer, which is returned too. If it would keep the producer from
// going to end, consumers that have died are found out now and then, and at once when they
// begin to.
func (p *Producer) slowest(end uint64) (keep uint64, slow *layout.Member, err error) {
	s := &p.shared
	for {
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
	}
}

// survey looks at every consumer's position. One that attaches at the same time
// is either seen, or sees what this producer has published: see startCast.
func (p *Producer) survey() (keep uint64, slow *layout.Member, err error) {
	atomic.AddUint64(&p.busy, 0) // order what was published before the loads below
	keep = p.cast.last
	for _, m := range p.ring.members {
		if atomic.LoadUint32(&m.holder.State) != layout.StateAttached {
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

// buryDead takes the places of consumers that are in the way of end and dead. One that is
// stopped holds its lock, and its place.
func (p *Producer) buryDead(end uint64) (found bool, err error) {
	for _, m := range p.ring.members {
		if atomic.LoadUint32(&m.holder.State) != layout.StateAttached || int64(mem.Load(&m.line.Drawn)+p.size-end) >= 0 {
			continue
		}
		// With the lock nobody else can take the place meanwhile.
		err := p.ring.region.TryLock(m.lock)
		if errors.Is(err, shm.ErrLocked) {
			continue
		}
		if err != nil {
			return found, fmt.Errorf("ring %s: lock a place of its endpoint table: %w", p.ring.name(), err)
		}
		atomic.StoreUint32(&m.holder.State, 0)
		atomic.AddUint64(&p.peer.endpoint.Repaired, 1)
		found = true
		if err := p.ring.region.Unlock(m.lock); err != nil {
			return found, fmt.Errorf("ring %s: unlock a place of its endpoint table: %w", p.ring.name(), err)
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
