package ring

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"annulus/futex"
	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/internal/proc"
)

// side is one half of the control words: what the producer or what the consumer
// writes.
type side struct {
	role     string
	number   uint32 // of the role, in the layout
	lock     int    // lock byte of the role, or of the entry in the endpoint table
	many     bool   // there may be many endpoints, each with an entry in the endpoint table
	sole     bool   // but of this side one at a time: the role's lock byte is held beside that of the entry
	named    bool   // the entry got its tag from this endpoint, not from one before it
	member   member // that entry, of an attached endpoint
	cursor   *layout.Cursor
	seq      *layout.Seq
	arm      *layout.Arm
	endpoint *layout.Endpoint
}

func sideAt(b []byte, area, stride uint64, role string, number uint32, lock int) side {
	return side{
		role: role, number: number, lock: lock,
		cursor:   layout.CursorAt(b, area),
		seq:      layout.SeqAt(b, area, stride),
		arm:      layout.ArmAt(b, area, stride),
		endpoint: layout.EndpointAt(b, area, stride),
	}
}

// attach takes the role of mine for e. It returns with the role's lock held and
// the cursor words loaded; the caller finds out where to go on from.
func (e *endpoint) attach(r *Ring, mine, peer side, o endpointOptions) error {
	if r.region.ReadOnly() && (mine.number != layout.RoleConsumer || !r.observers()) {
		return fmt.Errorf("ring %s: %w: it was opened read-only, a %s writes", r.name(), os.ErrPermission, mine.role)
	}
	if o.backlog && (mine.number != layout.RoleConsumer || r.form != formCast) {
		return fmt.Errorf("ring %s: WithBacklog is for the consumers of broadcast rings, not for a %s of topology %v; leave it out: %w",
			r.name(), mine.role, r.config.Topology, errors.ErrUnsupported)
	}
	if err := r.hold(); err != nil {
		return fmt.Errorf("ring %s: %w", r.name(), err)
	}
	mine, err := r.takeRole(mine, o)
	if err != nil {
		r.drop()
		return err
	}
	g := &r.geometry
	e.ring, e.mine, e.peer = r, mine, peer
	if e.data = mem.Of(r.mem).At(g.DataArea); r.lanes != nil && mine.many {
		e.enterLane(&r.lanes[mine.member.index])
	}
	e.mask, e.size, e.max = g.Capacity-1, g.Capacity, g.MaxMessage
	e.slots = g.Kind == layout.KindSlots
	e.form = r.form
	e.stride, e.slotEnd = g.SlotStride, g.DataSize
	e.cursor = e.mine.cursor
	e.messages, e.bytes = &e.cursor.Messages, &e.cursor.Bytes
	if mine.many {
		e.messages, e.bytes = &mine.member.line.Received, &mine.member.line.ReceivedBytes
	}
	if e.words = e.data; e.form == formOrdered {
		e.words = mem.Of(r.mem).At(g.WordTable)
		e.mask, e.size, e.stride = g.Granules-1, g.Granules, layout.WordSize
	}
	e.arm = &peer.arm.Arm
	e.wake = r.gate(mine, peer)
	e.waiter = futex.Idler{Gate: new(futex.Gate), Strategy: o.strategy}
	*e.waiter.Gate = r.gate(peer, mine)
	e.wake.Trace, e.waiter.Gate.Trace = o.trace, o.trace
	e.fenced = !futex.Register()
	if e.form.claims() {
		e.claimAttach()
	}
	if w := mem.Load(e.arm); uint32(w) != e.wake.Seq.Load() {
		e.setQuiet(w)
	}
	return nil
}

// formOf tells how a ring of geometry g works, and whether it has an endpoint table.
func formOf(g *layout.Geometry) (f form, table bool) {
	switch {
	case g.Topology == layout.TopologyMPMC:
		f = formTickets
	case g.Topology == layout.TopologyMPSCOrdered:
		f = formOrdered
	case g.Topology == layout.TopologyCast:
		f = formCast
	case g.Kind == layout.KindSlots:
		f = formSlots
	}
	return f, g.Members > 0
}

// gate returns the gate whose waker writes seq and whose sleeper writes arm.
func (r *Ring) gate(waker, sleeper side) futex.Gate {
	g := futex.Gate{
		Seq: mem.Atomic32(&waker.seq.Seq), Arm: mem.Atomic64(&sleeper.arm.Arm),
		Wakes: &waker.seq.Wakes, Parks: &sleeper.arm.Parks, Bounds: &sleeper.arm.Bounds,
		Sem: r.semSpace, Efd: r.options.efdSpace, Shared: sleeper.many, Blind: r.region.ReadOnly(),
	}
	if sleeper.number == layout.RoleConsumer {
		g.Sem, g.Efd = r.semData, r.options.efdData
	}
	r.apart.part(&g, waker)
	// Of many, each counts for itself.
	if waker.many {
		g.Wakes = nil
		if waker.member.holder != nil {
			g.Wakes = &waker.member.holder.Wakes
		}
	}
	if sleeper.many {
		g.Parks, g.Bounds = nil, nil
		if sleeper.member.holder != nil {
			g.Parks = &sleeper.member.holder.Parks
		}
	}
	return g
}

// announce writes who holds the side, for people and for the peer's sessions.
func (e *endpoint) announce() {
	if e.mine.many {
		e.announceMember()
		return
	}
	p := e.mine.endpoint
	atomic.StoreUint64(&p.PID, uint64(os.Getpid()))
	atomic.StoreUint64(&p.StartTime, proc.StartTime())
	atomic.StoreUint64(&p.Attached, uint64(time.Now().UnixNano()))
	atomic.StoreUint32(&p.State, 1)
	atomic.AddUint32(&p.Session, 1)
}

// seek sets the position, and for slots where it lies.
func (e *endpoint) seek(pos uint64) {
	e.pos = pos
	if e.slots {
		e.slot = (pos & e.mask) * e.stride
		e.slotWord = slotWord(pos, e.size)
	}
}

// slotWord is the word of the committed slot at position pos of a ring of n.
func slotWord(pos, n uint64) uint64 {
	return pos/n<<layout.SlotLapShift | layout.SlotCommitted
}

// detach gives the role back and lets go of the memory. The owner must be idle.
// announceEnd runs while the role is still held.
func (e *endpoint) detach(announceEnd func() error) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.detached {
		return e.closed()
	}
	e.detached = true
	e.lastWakes = mem.Load(e.wake.Wakes)
	if e.ctxStop != nil {
		e.ctxStop()
	}
	err := announceEnd()
	if errors.Is(err, futex.ErrFault) {
		err = e.ring.implausible("the memory of the %s's gate is gone", e.peer.role)
	}
	killpoint.Here("left")
	if e.mine.many {
		atomic.StoreUint32(&e.mine.member.holder.State, 0)
	} else {
		atomic.StoreUint32(&e.mine.endpoint.State, 0)
	}
	if uerr := e.ring.unlock(e.mine); err == nil {
		err = uerr
	}
	e.ring.forget(e)
	e.ring.drop()
	e.endErr = err
	return err
}

// endedByFinish tells whether Finish has closed this endpoint and Close was not
// called since, and what that came to.
func (e *endpoint) endedByFinish() (err error, ok bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	ok = e.byFinish
	e.byFinish = false
	return e.endErr, ok
}
