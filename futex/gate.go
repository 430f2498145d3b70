package futex

import (
	"errors"
	"fmt"
	"os"
	"sync/atomic"
	"time"

	"annulus/internal/layout"
	"annulus/internal/mem"
)

// Gate is an event count in shared memory between one side that waits and one
// that wakes. Its two halves lie in different cache lines, or pages: Seq is
// written by the waker, Arm by the sleeper.
//
// The sleeper-pays protocol: the waker's fast path publishes and then only
// loads Arm. No fence orders the two, so a sleeper that stores Arm must make
// the waker's processor pass one, with membarrier(2), before it looks for work a
// last time:
//
//	sleeper                           waker
//	e = Seq                           publish work
//	Arm = VALID | e                   if Arm != quiet: WakeUp
//	membarrier(GLOBAL_EXPEDITED)          if epoch(Arm) == Seq:
//	look for work once more                   Seq++, wake the sleeper
//	sleep while Seq == e
//
// Either the waker sees Arm or the sleeper sees the work (store-then-load, made
// asymmetric after D. Dice, H. Huang, M. Yang, "Asymmetric Dekker
// Synchronization", 2001, and Linux' membarrier(2)). A process that cannot use
// membarrier stores ArmFence; wakers that see it fence for themselves.
//
// One goroutine at a time may sleep on a Gate, another wake; Interrupt is free
// to all. Many may sleep at once, also in different processes, if each has a
// Gate of its own with Shared set over the same words.
type Gate struct {
	Seq   *atomic.Uint32
	Arm   *atomic.Uint64
	Wakes *uint64    // statistics: system calls made to wake; nil: not counted
	Parks *uint64    // statistics: sleeps begun; nil: not counted
	Sem   *Semaphore // nil: nobody sleeps on a semaphore here
	Efd   *Eventfd   // nil: nobody sleeps on an eventfd here

	Trace *Trace // notes when wakes and sleeps begin and end; nil: nothing does

	Bounds *uint64 // statistics: sleeps whose bound ran out with nothing to do; nil: not counted

	// Shared: others may be asleep on these words too, so nobody takes back what
	// may be another's announcement: an epoch in Arm only grows, and Cancel leaves
	// it, at the price of one needless wake. Sleepers are on the futex (ParkFutex)
	// or look by themselves (ParkPoll); a wake rouses all of them, and so does an
	// Interrupt.
	Shared bool

	// Blind: the words are mapped read-only, nothing is ever stored. Nobody can be
	// told of the sleep, so Sleep naps, whatever the Park.
	Blind bool

	// Foreign: Seq is mapped read-only, in memory that the peer alone writes and may
	// write anything to; nil: it is as much ours as the peer's.
	Foreign *Foreign

	// Lone: one goroutine at most sleeps here, and its process is not to be trusted: a wake
	// rouses one, however many it has put to sleep on the word.
	Lone bool

	announced uint64 // the Arm that this sleeper's last barrier made known
}

// Register makes this process take part in the barriers of sleeping peers, once;
// wakers call it before their first publish. False: this process has to fence
// for itself between each publish and its look at Arm.
func Register() bool { return register() }

// Barrier passes a full memory barrier on behalf of all registered processes,
// this one included. False: the caller cannot rely on it.
func Barrier() bool { return register() && barrier() }

// Prepare announces a sleep and returns its epoch. The caller must look for work
// once more before Sleep, and must call Sleep or Cancel.
func (g *Gate) Prepare(park Park) uint32 {
	if g.Blind {
		return g.Seq.Load()
	}
	if g.Foreign != nil {
		g.Foreign.seen = g.Foreign.calls.Load() // before the caller's last look
	}
	var epoch uint32
	for i := 0; i < prepares || g.Foreign == nil; i++ {
		// In this order: the epoch is then no older than the one in old, and no
		// sleeper is disarmed that has announced a later one.
		old := g.Arm.Load()
		epoch = g.Seq.Load()
		want := layout.ArmValid | uint64(epoch) | park.armBits() | old&(layout.ArmClosed|layout.ArmFence)
		if old == want && g.announced == want {
			// Still armed since a sleep whose bound ran out: every publish
			// since then has seen it.
			return epoch
		}
		if g.Arm.CompareAndSwap(old, want) { // [G1] pairs with the waker's load of Arm
			g.announced = want
			if g.Seq.Load() == epoch {
				break
			} // else an Interrupt came before it could see how to rouse us
		}
	}
	// Where a Foreign Seq would not stand still the epoch is old, and the sleep ends at once.
	if !Barrier() {
		g.Arm.Or(layout.ArmFence)
		g.announced |= layout.ArmFence
	}
	return epoch
}

// prepares bounds how often an announcement is made anew since a Foreign Seq has moved.
const prepares = 64

// Sleep waits until the gate is woken or interrupted, or until the deadline (nil
// error in both cases: the caller looks for work and at the clock), without
// keeping the processor for longer than hold. ErrFault: the memory is gone.
func (g *Gate) Sleep(park Park, epoch uint32, hold time.Duration, deadline time.Time) error {
	switch {
	case g.Parks == nil || g.Blind:
	case g.Shared:
		mem.Atomic64(g.Parks).Add(1)
	default:
		mem.Publish(g.Parks, *g.Parks+1)
	}
	if g.Blind {
		park = ParkPoll
	}
	var err error
	g.Trace.sleepBegins()
	switch park {
	case ParkSemaphore:
		err = g.Sem.AcquireUntil(deadline)
	case ParkEventfd:
		err = g.Efd.Wait(deadline)
	case ParkPoll:
		time.Sleep(min(time.Until(deadline), nap))
	default:
		if g.Foreign != nil {
			err = g.Foreign.sleep(g.Seq, epoch, hold, deadline)
			break
		}
		err = WaitHold(g.Seq, epoch, hold, deadline)
	}
	g.Trace.sleepEnds()
	switch {
	case err == nil, errors.Is(err, ErrChanged), errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	}
	return fmt.Errorf("sleep: %w", err)
}

// sleptInVain counts a sleep whose bound ran out with nothing to do.
func (g *Gate) sleptInVain() {
	if g.Bounds != nil {
		mem.Publish(g.Bounds, *g.Bounds+1)
	}
}

// Cancel takes back a Prepare whose sleep is not needed, so that no waker makes
// a system call for it. Harmless when nothing was prepared. With Shared it does
// nothing: the announcement may be another's as well.
func (g *Gate) Cancel() {
	if g.Shared || g.Blind {
		return
	}
	w := g.Arm.Load()
	if uint32(w) == g.Seq.Load() {
		// Failing means that the side was just closed: then it stays armed.
		g.Arm.CompareAndSwap(w, w&^layout.ArmEpochMask|uint64(uint32(w)-1))
	}
}

// WakeUp wakes the sleeper that arm, just loaded from Arm, announces, if it
// still waits. Called after a publish. True: a system call was made.
func (g *Gate) WakeUp(arm uint64) (bool, error) {
	seq := g.Seq.Load()
	if uint32(arm) != seq {
		return false, nil
	}
	g.Seq.Add(1) // [G2] pairs with the kernel's compare in Sleep
	if g.Wakes != nil {
		mem.Publish(g.Wakes, *g.Wakes+1)
	}
	g.Trace.wakeBegins()
	err := g.rouse(arm)
	g.Trace.wakeEnds()
	return true, err
}

// Interrupt makes a sleeper return from Sleep at once, or not fall asleep if it
// has prepared to. Any goroutine of the sleeper's process, or the waker's side
// when it closes, may call it, at any time. With Blind it does nothing: the nap
// ends soon.
func (g *Gate) Interrupt() error {
	if g.Blind {
		return nil
	}
	if g.Foreign != nil {
		return g.Foreign.interrupt(g.Seq)
	}
	g.Seq.Add(1)
	return g.rouse(g.Arm.Load())
}

// nap is how long ParkPoll looks away.
const nap = time.Millisecond

func (g *Gate) rouse(arm uint64) error {
	switch {
	case arm&layout.ArmSem != 0 && g.Sem != nil:
		return g.Sem.Release()
	case arm&layout.ArmEventfd != 0 && g.Efd != nil:
		return g.Efd.Signal()
	}
	if g.Lone {
		_, err := Wake(g.Seq, 1)
		return err
	}
	// All sleepers: a waker is one wake, and a process that was killed in its
	// sleep cannot swallow it.
	_, err := Wake(g.Seq, 1<<30)
	return err
}
