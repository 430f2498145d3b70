package ring

import (
	"errors"
	"fmt"
	"sync"
	"sync/atomic"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// endpoint is what a producer and a consumer have in common: a role, a place in
// the ring, a peer to wake and a gate to sleep on. Its methods belong to the
// goroutine that owns the endpoint, but for those that say otherwise.
type endpoint struct {
	// Hot words of the owner, one or two cache lines; first in the struct so
	// that 32-bit machines align them for atomic access.
	quiet   uint64  // last value of arm that asked for nothing; 0: look closer each time
	busy    uint64  // 1 while the owner is inside an operation
	blocked uint64  // 1 from the first pause of a wait to its end
	pos     uint64  // position of the next record or slot
	mask    uint64  // capacity-1
	data    mem.Ptr // records or slots
	words   mem.Ptr // of tickets: in slots, or a table of their own
	arm     *uint64 // the peer's arm word

	cursor          *layout.Cursor // this side's, in shared memory
	messages, bytes *uint64        // what a consumer counts, there too

	// Kind Slots: the offset of the slot at pos and its word once committed.
	slot     uint64
	slotWord uint64
	stride   uint64 // bytes of a slot
	slotEnd  uint64 // bytes of all slots

	// Colder.
	max    uint64 // greatest payload
	size   uint64 // capacity
	slots  bool   // kind Slots
	form   form
	fenced bool   // no membarrier here: fence after each publish
	failed error  // latched by fail
	past   uint64 // apart, producer: 1 + the consumer's session that had ended when this one came
	alone  bool   // the peer of an apart ring was found gone in this wait
	hasty  int    // short waits since the last look at context and deadline

	shared shared // of rings whose messages are claimed

	ring       *Ring
	mine, peer side
	wake       futex.Gate  // the peer sleeps here
	waiter     futex.Idler // this side sleeps here
	idle       int         // sleeps of this wait that brought nothing

	closing  atomic.Bool
	deadline atomic.Int64 // ns since epoch; 0: none

	mu        sync.Mutex // guards what follows, and shared memory against detach
	detached  bool
	byFinish  bool  // detached by Finish, and Close was not called since
	endErr    error // what that came to
	lastWakes uint64
	ctxDone   <-chan struct{}
	ctxStop   func() bool
}

// form is how messages are claimed and published: which algorithm an endpoint runs.
type form uint8

const (
	formRecords form = iota // SPSC, a lane's producer: records
	formSlots               // SPSC, a lane's producer: slots
	formLanes               // MPSC, consumer: one lane after the other, each records or slots
	formCast                // broadcast: records, found and checked by position
	formTickets             // MPMC: slots drawn by ticket
	formOrdered             // MPSC ordered: granules drawn by ticket, for records
)

// claims tells whether the places of messages are drawn by ticket, and announced
// by intents.
func (f form) claims() bool { return f >= formTickets }

// enter and exit bracket every operation, so that Close on another goroutine
// knows when the memory is no longer used. The store is plain: Close makes this
// processor pass a barrier instead (see awaitIdle).
func (e *endpoint) enter() { mem.Publish(&e.busy, 1) } // [E1] pairs with the load in awaitIdle
func (e *endpoint) exit()  { mem.Publish(&e.busy, 0) }

// look is the slow half of the check before an operation: why is the peer's arm
// word not quiet, or must this operation fail?
func (e *endpoint) look() error {
	if e.gone() {
		return e.closed()
	}
	if e.failed != nil {
		return e.failed
	}
	w := mem.Load(e.arm)
	if w&layout.ArmValid == 0 {
		return e.lost()
	}
	if w&layout.ArmClosed != 0 && e.mine.number == layout.RoleProducer && !e.isPast() {
		return closedError(fmt.Sprintf("ring %s: closed by its consumer", e.ring.name()))
	}
	if e.ring.apart.left() && e.mine.number == layout.RoleProducer {
		return e.deserted()
	}
	return nil
}

// gone tells, after enter, whether Close has reached this endpoint. Without
// membarrier, Close relies on the fence here between busy and closing.
func (e *endpoint) gone() bool {
	if e.fenced {
		atomic.AddUint64(&e.busy, 0)
	}
	return e.closing.Load()
}

// closed is the error of an endpoint that Close has reached.
func (e *endpoint) closed() error {
	return closedError(fmt.Sprintf("ring %s: this %s is closed", e.ring.name(), e.mine.role))
}

// lost says why shared memory no longer makes sense, and latches it.
func (e *endpoint) lost() error {
	return e.corrupt("the %s's arm word has lost its valid bit, or its memory is gone", e.peer.role)
}

// corrupt ends the endpoint by what was seen, or by ErrTruncated where that explains it.
func (e *endpoint) corrupt(format string, args ...any) error {
	return e.fail(e.ring.implausible(format, args...))
}

func (e *endpoint) fail(err error) error {
	e.failed = err
	e.ring.apart.violate(err)
	e.setQuiet(0)
	return err
}

// setQuiet remembers w as needing nothing, unless it does or Close wants a
// closer look.
func (e *endpoint) setQuiet(w uint64) {
	if w&(layout.ArmClosed|layout.ArmFence) != 0 || e.fenced {
		w = 0
	}
	old := atomic.LoadUint64(&e.quiet)
	if e.closing.Load() {
		return
	}
	atomic.CompareAndSwapUint64(&e.quiet, old, w)
	if e.closing.Load() || e.ring.apart.left() {
		atomic.StoreUint64(&e.quiet, 0)
	}
}

// signal is the slow half of the check after a publish: wake the peer if it
// sleeps and now is the time. Its error says that what was published may have
// gone nowhere.
func (e *endpoint) signal(now bool) error {
	w := mem.Load(e.arm)
	if e.fenced || w&layout.ArmFence != 0 {
		atomic.AddUint64(&e.busy, 0) // order the publish before the load below
		w = mem.Load(e.arm)
	}
	if w&layout.ArmValid == 0 {
		return e.lost()
	}
	if e.failed != nil || e.closing.Load() {
		return e.failed
	}
	if !now && uint32(w) == e.wake.Seq.Load() {
		return nil // asleep, but not worth a wake yet: come back
	}
	if _, err := e.wake.WakeUp(w); errors.Is(err, futex.ErrFault) {
		return e.lost()
	} else if err != nil {
		return e.fail(fmt.Errorf("ring %s: wake the %s: %w", e.ring.name(), e.peer.role, err))
	}
	e.setQuiet(w)
	return nil
}
