package ring

import (
	"encoding/hex"
	"fmt"
	"sync/atomic"
	"time"

	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/internal/proc"
)

// Info is the part of a ring's header that never changes and is not in Config:
// for people and inspectors.
type Info struct {
	Major, Minor       int    // layout version
	Required, Optional uint64 // feature bits
	Size               int64  // bytes of the region in use
	SlotStride         int    // kind Slots: bytes from slot to slot
	Fingerprint        uint64 // of the element type; 0: untyped

	Created    time.Time // zero: unknown
	CreatorPID int       // in its own PID namespace
	BootID     string    // of the kernel at creation, as a UUID; "": unknown
	Boot       Boot      // whether that is the kernel running now
}

// Boot says when a ring was created, as far as that is known.
type Boot uint8

const (
	BootUnknown Boot = iota // the creator or this system has no boot id
	BootCurrent             // since this system was started
	BootStale               // before: whoever was attached is gone
)

func (b Boot) String() string {
	switch b {
	case BootCurrent:
		return "current"
	case BootStale:
		return "stale"
	}
	return "unknown"
}

// Info returns what the header says, as it was when the ring was opened. Any
// goroutine, also after Close.
func (r *Ring) Info() Info {
	h := &r.header
	i := Info{
		Major: int(h.Major), Minor: int(h.Minor), Required: h.Required, Optional: h.Optional,
		Size: int64(h.TotalSize), SlotStride: int(h.SlotStride), Fingerprint: h.Fingerprint,
		CreatorPID: int(h.CreatorPID),
	}
	if h.CreatedNS != 0 {
		i.Created = time.Unix(0, int64(h.CreatedNS))
	}
	if h.BootID == [16]byte{} {
		return i
	}
	x := hex.EncodeToString(h.BootID[:])
	i.BootID = fmt.Sprintf("%s-%s-%s-%s-%s", x[:8], x[8:12], x[12:16], x[16:20], x[20:])
	switch proc.BootID() {
	case [16]byte{}:
	case h.BootID:
		i.Boot = BootCurrent
	default:
		i.Boot = BootStale
	}
	return i
}

// Gate is what one side's gate says at one moment: whether that side sleeps,
// and how it is to be woken.
type Gate struct {
	Seq      uint32 // moved on by whoever wakes this side
	Epoch    uint32 // the Seq that this side last announced a sleep on
	Asleep   bool   // Epoch == Seq: announced a sleep and was not woken since
	Parker   string // what it sleeps on: futex, semaphore or eventfd
	Fence    bool   // its waker must fence: no membarrier here
	Closed   bool   // this side's last session was closed in order
	Finished bool   // consumers: sends fail, by Close or Finish, until another comes
	Valid    bool   // always set, unless the memory was lost
	Parks    uint64 // sleeps begun
	Bounds   uint64 // sleeps whose bound ran out with nothing to do
	Wakes    uint64 // system calls made to wake this side
}

// Gates returns the gate that the producer sleeps on for space and the one that
// the consumer sleeps on for data. It works on a read-only handle and disturbs
// nobody. Any goroutine; ErrClosed after Close.
func (r *Ring) Gates() (producer, consumer Gate, err error) {
	if err := r.hold(); err != nil {
		return producer, consumer, err
	}
	defer r.drop()
	producer, consumer = gateState(r.producer, r.consumer), gateState(r.consumer, r.producer)
	return producer, consumer, r.region.Check()
}

func gateState(sleeper, waker side) Gate {
	arm := mem.Load(&sleeper.arm.Arm)
	g := Gate{
		Seq: atomic.LoadUint32(&waker.seq.Seq), Epoch: uint32(arm & layout.ArmEpochMask),
		Parker: "futex", Fence: arm&layout.ArmFence != 0, Finished: arm&layout.ArmClosed != 0, Valid: arm&layout.ArmValid != 0,
		Parks: mem.Load(&sleeper.arm.Parks), Bounds: mem.Load(&sleeper.arm.Bounds), Wakes: mem.Load(&waker.seq.Wakes),
	}
	g.Closed = sleeper.closedInOrder()
	g.Asleep = g.Epoch == g.Seq
	switch {
	case arm&layout.ArmSem != 0:
		g.Parker = "semaphore"
	case arm&layout.ArmEventfd != 0:
		g.Parker = "eventfd"
	}
	return g
}
