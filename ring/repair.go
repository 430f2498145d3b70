package ring

import (
	"sync/atomic"

	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// Recovery is what Recover found.
type Recovery struct {
	Skipped int // claims of dead producers, now stepped over by consumers
	Dropped int // messages in the hands of dead consumers, given up as the ring was created to
	Waiting int // such messages that a consumer will take over (Config.Redeliver)
	Claimed int // claims of live endpoints, running or stopped, at work or in hand
}

// Recover settles every claim in an MPMC ring that its dead owner left, at once.
// Blocked endpoints do it by themselves, for the claims that they wait for. Any
// process may call it at any time, any number at once, and die meanwhile. A live
// owner is never robbed, stopped or not. In an SPSC or MPSC ring there is
// nothing to settle: the next endpoint goes on where the last left off.
func (r *Ring) Recover() (Recovery, error) {
	var found Recovery
	if r.form != formTickets {
		return found, nil
	}
	if err := r.region.Hold(); err != nil {
		return found, err
	}
	defer r.region.Drop()
	tail := mem.Load(&r.producer.cursor.Position)
	head := mem.Load(&r.consumer.cursor.Position)
	n := r.geometry.Capacity
	for t := tail - min(n, tail); t != tail; t++ {
		if w := r.slotWord(t); r.unsettled(layout.RoleProducer, w, t, tail) {
			if err := r.count(layout.RoleProducer, t, w, &found); err != nil {
				return found, err
			}
		}
	}
	for t := head - min(n, head); t != head; t++ {
		if w := r.slotWord(t); r.unsettled(layout.RoleConsumer, w, t, head) {
			if err := r.count(layout.RoleConsumer, t, w, &found); err != nil {
				return found, err
			}
		}
	}
	return found, r.region.Check()
}

// count settles one ticket for Recover.
func (r *Ring) count(role uint32, t, w uint64, found *Recovery) error {
	orphan, err := r.orphan(role, t, nil)
	switch {
	case err != nil:
		return err
	case !orphan:
		found.Claimed++
	case role == layout.RoleConsumer && r.keeps(w):
		found.Waiting++
	case !r.settle(role, t, w):
		// somebody was faster
	case role == layout.RoleProducer:
		found.Skipped++
	default:
		found.Dropped++
	}
	return nil
}

// orphan tells whether ticket t of a role, which is drawn and was seen unsettled
// before the call, belongs to no live endpoint: no live one's intent names it. An
// intent is stored before the ticket is drawn and replaced only after it is
// settled, so the owner's is found if it lives, however slow it is. The entry own,
// if not nil, is not looked at.
func (r *Ring) orphan(role uint32, t uint64, own *member) (bool, error) {
	for _, m := range r.members {
		in := mem.Load(&m.line.Intent) // [I1]
		if (t-in)&layout.IntentPositionMask >= in>>layout.IntentCountShift {
			continue
		}
		if atomic.LoadUint32(&m.holder.Role) != role || own != nil && own.lock == m.lock {
			continue
		}
		if locked, err := r.region.Locked(m.lock); err != nil || locked {
			return false, err
		}
	}
	return true, nil
}

func (r *Ring) slotAt(t uint64) *uint64 {
	g := &r.geometry
	return mem.Of(r.mem).At(g.DataArea).Word(t & (g.Capacity - 1) * g.SlotStride)
}

func (r *Ring) slotWord(t uint64) uint64 { return mem.Load(r.slotAt(t)) }

// inHand tells whether w, at a ticket that consumers have drawn, is not freed yet.
func inHand(w, lap uint64) bool {
	return w>>layout.SlotLapShift == lap && w&layout.SlotStateMask != layout.SlotFree
}

// unsettled tells whether ticket t of a role, counter being the next, is drawn and
// not settled, w being the word of its slot.
func (r *Ring) unsettled(role uint32, w, t, counter uint64) bool {
	if behind := counter - t; behind == 0 || behind > r.geometry.Capacity {
		return false
	}
	lap := t / r.geometry.Capacity
	if role == layout.RoleProducer {
		return w == lapWord(lap, layout.SlotFree)
	}
	return inHand(w, lap)
}

// keeps tells whether the message under w is handed to another consumer rather
// than dropped. One that has killed 31 consumers is dropped.
func (r *Ring) keeps(w uint64) bool {
	return r.config.Redeliver && w&layout.SlotStateMask == layout.SlotCommitted &&
		w&layout.SlotRedeliverMask != layout.SlotRedeliverMask
}

// settle ends an orphaned ticket: a producer's is skipped, a consumer's freed. The
// word never takes the value w again, so one of all who try succeeds, and none who
// comes too late.
func (r *Ring) settle(role uint32, t, w uint64) bool {
	next, side := lapWord(t/r.geometry.Capacity, layout.SlotSkip), r.producer
	if role == layout.RoleConsumer {
		next, side = lapWord(t/r.geometry.Capacity+1, layout.SlotFree), r.consumer
	}
	if role == layout.RoleProducer {
		// The owner may have filled it between the look at the word and its
		// death. Now that it is dead, what is free stays free.
		if r.slotWord(t) != w {
			return false
		}
		r.mark(t)
	}
	killpoint.Here("repairing")
	if !mem.Atomic64(r.slotAt(t)).CompareAndSwap(w, next) { // [R1] pairs with the loads of [P1] and [C2]
		return false
	}
	killpoint.Here("repaired")
	atomic.AddUint64(&side.endpoint.Repaired, 1)
	r.rouse()
	return true
}

// rouse wakes everybody: what they sleep for may be there.
func (r *Ring) rouse() {
	for _, g := range []struct{ waker, sleeper side }{{r.producer, r.consumer}, {r.consumer, r.producer}} {
		gate := r.gate(g.waker, g.sleeper)
		// It fails only where memory is lost, which every sleeper finds by itself.
		_ = gate.Interrupt()
	}
}

// repair settles those of the tickets t to t+n-1 of a role that are orphaned, but
// for the claim of own, which the caller has taken over. It returns how many.
// Positions are modulo 2^56, as in an intent.
func (r *Ring) repair(role uint32, t, n uint64, own *member) (done int, err error) {
	counter := mem.Load(&r.producer.cursor.Position)
	if role == layout.RoleConsumer {
		counter = mem.Load(&r.consumer.cursor.Position)
	}
	t = counter - (counter-t)&layout.IntentPositionMask
	for ; n > 0; n, t = n-1, t+1 {
		w := r.slotWord(t) // before the look at the intents
		if !r.unsettled(role, w, t, counter) || role == layout.RoleConsumer && r.keeps(w) {
			continue
		}
		orphan, err := r.orphan(role, t, own)
		if err != nil {
			return done, err
		}
		if orphan && r.settle(role, t, w) {
			done++
		}
	}
	return done, nil
}

// unblockProducer settles the ticket of the lap before that keeps a producer from
// the slot of ticket t, whose word is w, if its owner is dead: a producer that
// never filled it, or a consumer that never freed it.
func (r *Ring) unblockProducer(t, w uint64) (bool, error) {
	last := t - r.geometry.Capacity
	role := uint32(layout.RoleProducer)
	if w&layout.SlotStateMask != layout.SlotFree {
		if role = layout.RoleConsumer; int64(mem.Load(&r.consumer.cursor.Position)-last) <= 0 {
			return false, nil // nobody has come to receive it
		}
	}
	done, err := r.repair(role, last, 1, nil)
	return done > 0, err
}

// unblockConsumer settles the ticket t that keeps consumers from what lies behind,
// if its producer is dead.
func (r *Ring) unblockConsumer(t, w uint64) (bool, error) {
	if w != lapWord(t/r.geometry.Capacity, layout.SlotFree) || mem.Load(&r.producer.cursor.Position) == t {
		return false, nil
	}
	done, err := r.repair(layout.RoleProducer, t, 1, nil)
	return done > 0, err
}

// handed finds a message in the hands of a dead consumer: its ticket and word.
func (r *Ring) handed() (t, w uint64, ok bool, err error) {
	head, n := mem.Load(&r.consumer.cursor.Position), r.geometry.Capacity
	for t = head - min(n, head); t != head; t++ {
		if w = r.slotWord(t); r.unsettled(layout.RoleConsumer, w, t, head) && r.keeps(w) {
			if ok, err = r.orphan(layout.RoleConsumer, t, nil); ok || err != nil {
				return t, w, ok, err
			}
		}
	}
	return 0, 0, false, nil
}
