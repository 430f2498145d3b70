package futex

import (
	"testing"
	"time"
)

// A trace is noted around the system calls, not by looks that find nothing to do, and
// without a clock not at all.
func TestTrace(t *testing.T) {
	for name, park := range parkers {
		t.Run(name, func(t *testing.T) {
			g, _ := newGate(t, park)
			now := int64(0)
			tr := &Trace{Clock: func() int64 { now++; return now }}
			g.Trace = tr
			if woke, err := g.WakeUp(g.Arm.Load()); woke || err != nil || tr.WakeBegin != 0 {
				t.Fatalf("nobody sleeps: %v %v, %+v", woke, err, tr)
			}
			epoch := g.Prepare(park)
			if woke, err := g.WakeUp(g.Arm.Load()); !woke || err != nil {
				t.Fatalf("%v %v", woke, err)
			}
			if tr.WakeBegin != 1 || tr.WakeEnd != 2 {
				t.Errorf("wake: %+v", tr)
			}
			if err := g.Sleep(park, epoch, 0, time.Now().Add(time.Minute)); err != nil {
				t.Fatal(err)
			}
			if tr.SleepBegin != 3 || tr.SleepEnd != 4 {
				t.Errorf("sleep: %+v", tr)
			}
			tr.Clock = nil
			g.Prepare(park)
			if woke, err := g.WakeUp(g.Arm.Load()); !woke || err != nil || tr.WakeEnd != 2 {
				t.Errorf("without a clock: %v %v, %+v", woke, err, tr)
			}
		})
	}
}
