package ring

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"annulus/internal/layout"
	"annulus/internal/mem"
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

// join takes a free entry of the table for an endpoint of side s and returns s
// with it. What its last holder may have claimed is settled first, as far as that
// can be done by anybody; then the claim is forgotten.
func (r *Ring) join(s side) (side, error) {
	for _, m := range r.members {
		err := r.region.TryLock(m.lock)
		if errors.Is(err, shm.ErrLocked) {
			continue
		}
		if err != nil {
			return s, fmt.Errorf("ring %s: lock an entry of its endpoint table: %w", r.name(), err)
		}
		s.member, s.lock = m, m.lock
		atomic.StoreUint32(&m.holder.State, 0)
		if in := mem.Load(&m.line.Intent); in != 0 {
			_, err := r.repair(atomic.LoadUint32(&m.holder.Role), in&layout.IntentPositionMask, in>>layout.IntentCountShift, &m)
			if err != nil {
				return s, errors.Join(err, r.unlock(s))
			}
			mem.Publish(&m.line.Intent, 0)
		}
		return s, nil
	}
	return s, fmt.Errorf("ring %s: %w: all %d entries of its endpoint table are held; close endpoints or create it with more Config.Members",
		r.name(), ErrAttached, len(r.members))
}

// announceMember is announce for an entry. State comes before Session: a last
// producer that closes reads them in the other order (see leave).
func (e *endpoint) announceMember() {
	h := e.mine.member.holder
	atomic.StoreUint64(&h.PID, uint64(os.Getpid()))
	atomic.StoreUint64(&h.StartTime, startTime())
	atomic.StoreUint64(&h.Attached, uint64(time.Now().UnixNano()))
	atomic.StoreUint32(&h.Role, e.mine.number)
	atomic.StoreUint32(&h.State, layout.StateAttached)
	atomic.AddUint32(&e.mine.endpoint.Session, 1)
}

// alive tells whether a live endpoint of side s is attached, other than the one
// with lock byte but. In an MPMC ring one that is leaving does not count.
func (r *Ring) alive(s side, but int) (bool, error) {
	if !r.shared {
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
