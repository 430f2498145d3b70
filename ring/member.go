package ring

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/internal/proc"
	"annulus/shm"
)

// member is an entry of the endpoint table of an MPMC ring: the place in it of one
// producer or consumer, from attach to detach, held by a lock byte of its own.
type member struct {
	line   *layout.Member
	holder *layout.Holder
	lock   int
}

// membersOf lays the endpoint table over the ring's memory.
func membersOf(b []byte, g *layout.Geometry) []member {
	table := make([]member, g.Members)
	for i := range table {
		table[i] = member{
			line:   layout.MemberAt(b, g.MemberArea, g.Stride, uint64(i)),
			holder: layout.HolderAt(b, g.MemberArea, g.Stride, uint64(i)),
			lock:   layout.LockMember + i,
		}
	}
	return table
}

// join takes an entry of the table for an endpoint of side s and returns s with it:
// the one that has its tag, if it has one, else a free one that has none.
func (r *Ring) join(s side, tag uint64) (side, error) {
	if tag != 0 {
		for _, m := range r.members {
			if mem.Load(&m.holder.Tag) == tag {
				return r.occupy(s, m, tag)
			}
		}
	}
	tagged := 0
	for _, m := range r.members {
		if mem.Load(&m.holder.Tag) != 0 {
			tagged++
			continue
		}
		s, err := r.occupy(s, m, tag)
		if !errors.Is(err, ErrAttached) {
			return s, err
		}
	}
	return s, fmt.Errorf("ring %s: %w: all %d entries of its endpoint table are held (%d by tags); close endpoints or create it with more Config.Members",
		r.name(), ErrAttached, len(r.members), tagged)
}

// occupy takes an entry, if it is free. What its last holder may have claimed is
// settled first, as far as that can be done by anybody; then the claim is forgotten.
func (r *Ring) occupy(s side, m member, tag uint64) (side, error) {
	err := r.region.TryLock(m.lock)
	if errors.Is(err, shm.ErrLocked) {
		return s, fmt.Errorf("ring %s: %w: a live endpoint (pid %d) has the tag %d", r.name(), ErrAttached, mem.Load(&m.holder.PID), tag)
	}
	if err != nil {
		return s, fmt.Errorf("ring %s: lock an entry of its endpoint table: %w", r.name(), err)
	}
	if has := mem.Load(&m.holder.Tag); has != 0 && has != tag { // somebody was here since the caller looked, and died
		err := fmt.Errorf("ring %s: %w: the entry is kept for the tag %d", r.name(), ErrAttached, has)
		return s, errors.Join(err, r.region.Unlock(m.lock))
	}
	killpoint.Here("joined")
	s.member, s.lock = m, m.lock
	atomic.StoreUint32(&m.holder.State, 0)
	if in := mem.Load(&m.line.Intent); in != 0 && r.form == formTickets {
		role, t, n := atomic.LoadUint32(&m.holder.Role), in&layout.IntentPositionMask, in>>layout.IntentCountShift
		if _, err := r.repair(role, t, n, &m); err != nil {
			return s, errors.Join(err, r.unlock(s))
		}
		if role == layout.RoleProducer {
			r.complete(m, t, n)
		}
		mem.Publish(&m.line.Intent, 0)
	}
	mem.Publish(&m.line.Skipped, 0)
	mem.Publish(&m.holder.Tag, tag)
	return s, nil
}

// complete makes the count of what a dead producer has sent right, whose intent is
// {t, n}: the claim had an effect only if it was drawn, and then up to the first
// ticket that was, or will be, skipped; if it is not in the count, it is added.
// Doing it twice changes nothing.
func (r *Ring) complete(m member, t, n uint64) {
	l := m.line
	base := mem.Load(&l.Base)
	if mem.Load(&l.Drawn)&layout.IntentPositionMask != t || mem.Load(&l.Sent) != base {
		return
	}
	t = mem.Load(&l.Drawn)
	tail := mem.Load(&r.producer.cursor.Position)
	for k := range n {
		if r.unsettled(layout.RoleProducer, r.slotWord(t+k), t+k, tail) {
			n = k
			break
		}
	}
	if k := mem.Load(&l.Skipped) - 1 - t; k < n { // 0: none
		n = k
	}
	mem.Publish(&l.Sent, base+n)
}

// mark notes in the entries of the dead producers that may have owned ticket t
// that it is about to be skipped. An orphan has no other end, so that is true before
// it is done, and a repairer that dies leaves nothing unclear.
func (r *Ring) mark(t uint64) {
	for _, m := range r.members {
		in := mem.Load(&m.line.Intent)
		n := in >> layout.IntentCountShift
		if (t-in)&layout.IntentPositionMask >= n || atomic.LoadUint32(&m.holder.Role) != layout.RoleProducer {
			continue
		}
		word := mem.Atomic64(&m.line.Skipped)
		for {
			old := word.Load()
			if of := (old - 1 - in) & layout.IntentPositionMask; old != 0 && of < n && old-1 <= t {
				break // a lower one of this claim
			}
			if word.CompareAndSwap(old, t+1) {
				break
			}
		}
	}
}

// announceMember is announce for an entry. State comes before Session: a last
// producer that closes reads them in the other order (see leave).
func (e *endpoint) announceMember() {
	h := e.mine.member.holder
	atomic.StoreUint64(&h.PID, uint64(os.Getpid()))
	atomic.StoreUint64(&h.StartTime, proc.StartTime())
	atomic.StoreUint64(&h.Attached, uint64(time.Now().UnixNano()))
	atomic.StoreUint32(&h.Role, e.mine.number)
	atomic.StoreUint32(&h.State, layout.StateAttached)
	killpoint.Here("announced")
	if !e.ring.region.ReadOnly() {
		atomic.AddUint32(&e.mine.endpoint.Session, 1)
	}
}

// alive tells whether a live endpoint of side s is attached, other than the one
// with lock byte but. In an MPMC ring one that is leaving does not count.
func (r *Ring) alive(s side, but int) (bool, error) {
	if !s.table {
		return r.region.Locked(s.lock)
	}
	for _, m := range r.members {
		if m.lock == but || atomic.LoadUint32(&m.holder.Role) != s.number || atomic.LoadUint32(&m.holder.State) != layout.StateAttached {
			continue
		}
		if locked, err := r.region.Locked(m.lock); err != nil || locked {
			return locked, err
		}
	}
	return false, nil
}

// leave announces that this endpoint goes, and tells whether it was the last of
// its side. Two that leave at once both see the other leave.
func (e *endpoint) leave() (last bool, err error) {
	atomic.StoreUint32(&e.mine.member.holder.State, layout.StateLeaving)
	killpoint.Here("leaving")
	others, err := e.ring.alive(e.mine, e.mine.lock)
	return !others && err == nil, err
}

// endProducers closes the session of the producers if this was the last of them.
func (p *Producer) endProducers() error {
	session := atomic.LoadUint32(&p.mine.endpoint.Session) // before the look at the others
	last, err := p.leave()
	if last {
		atomic.StoreUint32(&p.mine.endpoint.Closed, session) // [P2] pairs with the load in ended
	}
	return err
}

// endConsumers makes sends fail if this was the last consumer that wants more. A
// consumer that came meanwhile takes the flag back, or has it taken back here: then
// it was not the last.
func (c *Consumer) endConsumers() (last bool, err error) {
	if last, err = c.leave(); !last {
		return false, err
	}
	closed := mem.Atomic64(&c.mine.arm.Arm)
	closed.Or(layout.ArmClosed)
	if others, err := c.ring.alive(c.mine, c.mine.lock); err != nil || others {
		closed.And(^layout.ArmClosed)
		return false, err
	}
	return true, nil
}
