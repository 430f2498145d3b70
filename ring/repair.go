package ring

import (
	"fmt"
	"os"
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

// Recover settles every claim that its dead owner left, at once. Blocked endpoints do
// it by themselves, for the claims that they wait for. Any process may call it at any
// time, any number at once, and die meanwhile. A live owner is never robbed, stopped
// or not. In SPSC, MPSC and Broadcast rings there is nothing to settle: the next endpoint
// goes on where the last left off. In an MPSCOrdered ring it counts granules of 64 bytes as skipped,
// and ends at the first claim of a live producer: where those behind it begin is not
// known before.
func (r *Ring) Recover() (Recovery, error) {
	var found Recovery
	if !r.form.claims() {
		return found, nil
	}
	if r.region.ReadOnly() {
		return found, fmt.Errorf("ring %s: %w: it was opened read-only, and recovery writes", r.name(), os.ErrPermission)
	}
	if err := r.region.Hold(); err != nil {
		return found, err
	}
	defer r.region.Drop()
	var err error
	if r.form == formOrdered {
		err = r.recoverGranules(nil, &found)
	} else {
		err = r.recoverSlots(&found)
	}
	return found, firstError(err, r.region.Check())
}

func (r *Ring) recoverSlots(found *Recovery) error {
	tail := mem.Load(&r.producer.cursor.Position)
	head := mem.Load(&r.consumer.cursor.Position)
	n := r.geometry.Capacity
	for t := tail - min(n, tail); t != tail; t++ {
		if w := r.word(t); r.unsettled(layout.RoleProducer, w, t, tail) {
			if err := r.count(layout.RoleProducer, t, w, found); err != nil {
				return err
			}
		}
	}
	for t := head - min(n, head); t != head; t++ {
		if w := r.word(t); r.unsettled(layout.RoleConsumer, w, t, head) {
			if err := r.count(layout.RoleConsumer, t, w, found); err != nil {
				return err
			}
		}
	}
	return nil
}

// count settles one ticket for Recover.
func (r *Ring) count(role uint32, t, w uint64, found *Recovery) error {
	orphan, err := r.orphan(role, t)
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
		r.rouse()
	default:
		found.Dropped++
		r.rouse()
	}
	return nil
}

// orphans returns how many of the n tickets from t on, all of a role, drawn, and seen
// unsettled before the call, come before the first that belongs to a live endpoint: that
// a live one's intent names. An intent is stored before the ticket is drawn and
// replaced only after it is settled, so the owner's is found if it lives, however slow
// it is. The entry own, if not nil, is not looked at.
func (r *Ring) orphans(role uint32, t, n uint64, own *member) (uint64, error) {
	for _, m := range r.members {
		if n == 0 {
			break
		}
		k := r.intents.within(mem.Load(&m.line.Intent), t, n) // [I1]
		if k == n || atomic.LoadUint32(&m.holder.Role) != role || own != nil && own.lock == m.lock {
			continue
		}
		locked, err := r.region.Locked(m.lock)
		if err != nil {
			return 0, err
		}
		if locked {
			n = k
		}
	}
	return n, nil
}

// orphan is orphans for one ticket.
func (r *Ring) orphan(role uint32, t uint64) (bool, error) {
	n, err := r.orphans(role, t, 1, nil)
	return n == 1, err
}

// tickets is how many tickets there are in a lap.
func (r *Ring) tickets() uint64 {
	if r.form == formOrdered {
		return r.geometry.Granules
	}
	return r.geometry.Capacity
}

// wordAt is the word of ticket t.
func (r *Ring) wordAt(t uint64) *uint64 {
	g := &r.geometry
	if r.form == formOrdered {
		return mem.Of(r.mem).At(g.WordTable).Word(t & (g.Granules - 1) * layout.WordSize)
	}
	return mem.Of(r.mem).At(g.DataArea).Word(t & (g.Capacity - 1) * g.SlotStride)
}

func (r *Ring) word(t uint64) uint64 { return mem.Load(r.wordAt(t)) }

// inHand tells whether w, at a ticket that consumers have drawn, is not freed yet.
func inHand(w, lap uint64) bool {
	return w>>layout.SlotLapShift == lapOf(lap) && w&layout.SlotStateMask != layout.SlotFree
}

// unsettled tells whether ticket t of a role, counter being the next, is drawn and
// not settled, w being the word of its slot.
func (r *Ring) unsettled(role uint32, w, t, counter uint64) bool {
	if behind := counter - t; behind == 0 || behind > r.tickets() {
		return false
	}
	if r.form == formOrdered {
		return role == layout.RoleProducer && granuleFree(w, t, r.geometry.Granules-1)
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
	if r.form == formOrdered {
		next = granuleWord(t, r.geometry.Granules-1, layout.GranuleSkip)
	}
	if role == layout.RoleConsumer {
		next, side = lapWord(t/r.geometry.Capacity+1, layout.SlotFree), r.consumer
	}
	if role == layout.RoleProducer {
		// The owner may have filled it between the look at the word and its
		// death. Now that it is dead, what is free stays free.
		if r.word(t) != w {
			return false
		}
		r.mark(t)
	}
	killpoint.Here("repairing")
	if !mem.Atomic64(r.wordAt(t)).CompareAndSwap(w, next) { // [R1] pairs with the loads of [P1] and [C2]
		return false
	}
	killpoint.Here("repaired")
	atomic.AddUint64(&side.endpoint.Repaired, 1)
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

// maxRun is how many tickets are settled by one look at the intents.
const maxRun = 64

// settleRun settles those of the n tickets from t on that are orphaned, up to the
// first that is not, by one look at the intents, for at most maxRun. counter is the
// next ticket of the role. It returns how many. Each is sound by itself, so it may die
// at any point.
func (r *Ring) settleRun(role uint32, t, n, counter uint64, own *member) (done uint64, err error) {
	var words [maxRun]uint64 // from before the look at the intents
	k := uint64(0)
	for ; k < min(n, maxRun); k++ {
		w := r.word(t + k)
		if !r.unsettled(role, w, t+k, counter) || role == layout.RoleConsumer && r.keeps(w) {
			break
		}
		words[k] = w
	}
	if k, err = r.orphans(role, t, k, own); err != nil {
		return 0, err
	}
	for done < k && r.settle(role, t+done, words[done]) {
		done++
	}
	if done > 0 {
		r.rouse()
	}
	return done, nil
}

// repair settles those of the tickets t to t+n-1 of a role that are orphaned, but
// for the claim of own, which the caller has taken over. It returns how many.
// Positions are as in an intent.
func (r *Ring) repair(role uint32, t, n uint64, own *member) (done uint64, err error) {
	counter := mem.Load(&r.producer.cursor.Position)
	if role == layout.RoleConsumer {
		counter = mem.Load(&r.consumer.cursor.Position)
	}
	t = r.intents.near(t, counter)
	for ; n > 0; n, t = n-1, t+1 {
		k, err := r.settleRun(role, t, 1, counter, own)
		if done += k; err != nil {
			return done, err
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
		if w = r.word(t); r.unsettled(layout.RoleConsumer, w, t, head) && r.keeps(w) {
			if ok, err = r.orphan(layout.RoleConsumer, t); ok || err != nil {
				return t, w, ok, err
			}
		}
	}
	return 0, 0, false, nil
}
