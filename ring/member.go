package ring

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/internal/proc"
	"annulus/shm"
)

// member is an entry of the endpoint table: the place in a ring of one
// producer or consumer, from attach to detach, held by a lock byte of its own.
type member struct {
	line   *layout.Member
	holder *layout.Holder
	lock   int
	index  int // in the table
}

// membersOf lays the endpoint table over the ring's memory.
func membersOf(b []byte, g *layout.Geometry) []member {
	table := make([]member, g.Members)
	for i := range table {
		table[i] = member{
			line:   layout.MemberAt(b, g.MemberArea, g.Stride, uint64(i)),
			holder: layout.HolderAt(b, g.MemberArea, g.Stride, uint64(i)),
			lock:   layout.LockMember + i,
			index:  i,
		}
	}
	return table
}

// join takes an entry of the table for an endpoint of side s and returns s with it:
// the one that has its tag, if it has one, else a free one that has none and is not refused.
func (r *Ring) join(s side, o endpointOptions) (side, error) {
	if o.tag != 0 {
		for _, m := range r.members {
			if mem.Load(&m.holder.Tag) == o.tag {
				return r.occupy(s, m, o.tag)
			}
		}
	}
	for _, wait := range []bool{false, true} { // a lane with old messages is less to be liked
		if wait && r.lanes == nil {
			break
		}
		for _, m := range r.members {
			if mem.Load(&m.holder.Tag) != 0 || slices.Contains(o.refused, m.index) || r.lanes != nil && r.drained(m.index) == wait {
				continue
			}
			s, err := r.occupy(s, m, o.tag)
			if !errors.Is(err, ErrAttached) {
				return s, err
			}
		}
	}
	return s, r.tableFull()
}

// tableFull is the error where no entry is to be had. It says who has them.
func (r *Ring) tableFull() error {
	var pids []uint64
	tagged := 0
	for _, m := range r.members {
		if locked, err := r.region.Locked(m.lock); err == nil && locked {
			pids = append(pids, mem.Load(&m.holder.PID))
		} else if mem.Load(&m.holder.Tag) != 0 {
			tagged++
		}
	}
	slices.Sort(pids)
	who := fmt.Sprint(slices.Compact(pids))
	if len(who) > 100 {
		who = who[:strings.LastIndexByte(who[:100], ' ')] + " ...]"
	}
	return fmt.Errorf("ring %s: %w: all %d entries of its endpoint table are held by pids %s, or kept for the tags of dead producers (%d); close endpoints, or create it with more Config.Members",
		r.name(), ErrAttached, len(r.members), who, tagged)
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
	if in := mem.Load(&m.line.Intent); in != 0 && r.form.claims() {
		role := atomic.LoadUint32(&m.holder.Role)
		if r.form == formOrdered {
			err = r.recoverGranules(&m, new(Recovery))
		} else {
			_, err = r.repair(role, in&r.intents.mask(), r.intents.count(in), &m)
		}
		if err != nil {
			return s, errors.Join(err, r.unlock(s))
		}
		killpoint.Here("completing")
		if role == layout.RoleProducer {
			r.complete(m, in)
		}
		killpoint.Here("completed")
		mem.Publish(&m.line.Intent, 0)
	}
	mem.Publish(&m.line.Skipped, 0)
	if r.form.claims() {
		// No claim of this holder yet: one at position 0 is not to look like drawn.
		mem.Publish(&m.line.Drawn, mem.Load(&r.producer.cursor.Position)-1)
	}
	s.named = tag != 0 && mem.Load(&m.holder.Tag) != tag
	mem.Publish(&m.holder.Tag, tag)
	return s, nil
}

// complete makes the count of what a dead producer has sent right, whose intent is
// in: the claim had an effect only if it was drawn, and then up to the first ticket
// that was, or will be, skipped; if it is not in the count, it is added. Records are
// counted one by one, and drawn is the one at hand. Doing it twice changes nothing.
func (r *Ring) complete(m member, in uint64) {
	l := m.line
	base, first := mem.Load(&l.Base), mem.Load(&l.Drawn)
	n := r.intents.count(in)
	if r.form == formOrdered {
		n = 1
		if !r.intents.covers(in, first) {
			return
		}
	} else if (first^in)&r.intents.mask() != 0 {
		return
	}
	if mem.Load(&l.Sent) != base {
		return
	}
	tail := mem.Load(&r.producer.cursor.Position)
	for k := range n {
		if r.unsettled(layout.RoleProducer, r.word(first+k), first+k, tail) {
			n = k
			break
		}
	}
	if skip := mem.Load(&l.Skipped); skip != 0 && r.intents.covers(in, skip-1) {
		n = uint64(max(min(int64(n), int64(skip-1-first)), 0))
	}
	mem.Publish(&l.Sent, base+n)
}

// mark notes in the entries of the dead producers that may have owned ticket t
// that it is about to be skipped. An orphan has no other end, so that is true before
// it is done, and a repairer that dies leaves nothing unclear.
func (r *Ring) mark(t uint64) {
	for _, m := range r.members {
		in := mem.Load(&m.line.Intent)
		if !r.intents.covers(in, t) || atomic.LoadUint32(&m.holder.Role) != layout.RoleProducer {
			continue
		}
		word := mem.Atomic64(&m.line.Skipped)
		for {
			old := word.Load()
			if old != 0 && r.intents.covers(in, old-1) && int64(t-(old-1)) >= 0 {
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
		atomic.AddUint32(&e.mine.endpoint.Session, 1) // [L1] pairs with the load in findLanes
	}
}

// alive tells whether a live endpoint of side s is attached, other than the one
// with lock byte but. Of many, one that is leaving does not count.
func (r *Ring) alive(s side, but int) (bool, error) {
	return r.aliveIn(s, but, func(state uint32) bool { return state == layout.StateAttached })
}

// present is alive that counts those that are leaving.
func (r *Ring) present(s side) (bool, error) {
	return r.aliveIn(s, 0, func(state uint32) bool { return state != 0 })
}

func (r *Ring) aliveIn(s side, but int, counts func(state uint32) bool) (bool, error) {
	if r.apart != nil {
		return r.apart.attached(s), nil
	}
	if !s.many {
		return r.region.Locked(s.lock)
	}
	for _, m := range r.members {
		if m.lock == but || atomic.LoadUint32(&m.holder.Role) != s.number || !counts(atomic.LoadUint32(&m.holder.State)) {
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
		closed := &p.mine.endpoint.Closed
		for old := atomic.LoadUint32(closed); int32(session-old) > 0; old = atomic.LoadUint32(closed) {
			// Another may have come, and closed a later session, since.
			if atomic.CompareAndSwapUint32(closed, old, session) { // [P2] pairs with the load in ended
				break
			}
		}
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

// Place returns where this producer stands in the endpoint table of a ring of many: its
// MemberStats.Index, in an MPSC ring its lane; 0 in other rings. Any goroutine, also after Close.
func (p *Producer) Place() int { return p.mine.member.index }
