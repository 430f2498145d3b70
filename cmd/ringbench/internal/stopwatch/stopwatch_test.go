package stopwatch

import (
	"testing"
	"time"

	"annulus/cmd/ringbench/internal/rig"
)

func TestClocks(t *testing.T) {
	for _, c := range []Clock{Best(), {"monotonic", rig.Now}} {
		r := c.Start()
		last := c.Now()
		for end := time.Now().Add(20 * time.Millisecond); time.Now().Before(end); {
			now := c.Now()
			if now < last {
				t.Fatalf("%s: %d after %d", c.Name, now, last)
			}
			last = now
		}
		if tick := r.Tick(); tick <= 0 || tick > 100 {
			t.Errorf("%s: a tick of %v ns", c.Name, tick)
		}
		if cost := c.Cost(); cost < 0 {
			t.Errorf("%s: a reading costs %d ticks", c.Name, cost)
		}
	}
	if c := (Clock{"monotonic", rig.Now}); c.Start().Tick() <= 0 {
		t.Error("a tick of nothing")
	}
}
