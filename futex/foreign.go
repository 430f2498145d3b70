package futex

import (
	"runtime"
	"sync/atomic"
	"time"
)

// Foreign is how a side sleeps on a Seq that it can only read, in the memory of a
// process that it need not trust. Such a gate is slept on by ParkFutex or not at all.
//
// An Interrupt cannot move Seq. It counts itself here and rouses whoever sleeps on the
// word, until the sleeper has seen it: either the sleeper sees the count before it
// sleeps, or the interrupter sees that it may be asleep (store, then load, on both
// sides, of private words).
//
// The peer may wake, or move Seq, as often as it likes. A wait that was roused some
// times for nothing therefore naps in place of sleeping, so that it costs no more than
// a look each millisecond.
type Foreign struct {
	calls  atomic.Uint64 // interrupts so far
	asleep atomic.Uint64 // 1 + the calls that the sleeper has seen; 0: nobody sleeps
	seen   uint64        // calls when the sleep was prepared
	vain   int           // times this wait was roused for nothing
}

// inVain is how often a wait is roused for nothing before it naps.
const inVain = 16

// sleep is Sleep on a word that is read-only here.
func (f *Foreign) sleep(seq *atomic.Uint32, epoch uint32, hold time.Duration, deadline time.Time) error {
	if f.vain >= inVain {
		time.Sleep(min(time.Until(deadline), nap))
		return nil
	}
	f.asleep.Store(f.seen + 1)
	defer f.asleep.Store(0)
	if f.calls.Load() != f.seen {
		return nil
	}
	return WaitHold(seq, epoch, hold, deadline)
}

// interrupt ends the sleep that is under way or prepared.
func (f *Foreign) interrupt(seq *atomic.Uint32) error {
	call := f.calls.Add(1)
	for i := 0; ; i++ {
		if a := f.asleep.Load(); a == 0 || a > call {
			return nil
		}
		// All of them: the peer may have put others to sleep on the word, in front.
		if _, err := Wake(seq, 1<<30); err != nil {
			return err
		}
		if i < 1<<6 {
			runtime.Gosched()
		} else {
			time.Sleep(10 * time.Microsecond) // it was roused, and has to get a processor
		}
	}
}
