package model

import "testing"

// Nobody dies and no sleep has a bound: each one beside a message is one too many.
func TestLanes(t *testing.T) {
	c := lanesConfig{name: "lanes"}
	holds(t, c.model())
}

func TestLanesSeeded(t *testing.T) {
	for _, c := range []lanesConfig{
		{name: "behind the barrier only the lanes known before", bug: lanesOldSession},
		{name: "behind the barrier only the lane at hand", bug: lanesOneLane},
		{name: "no membarrier", bug: lanesNoBarrier},
		{name: "the session after the first message", bug: lanesSessionLast},
	} {
		t.Run(c.name, func(t *testing.T) { caught(t, c.model(), "asleep") })
	}
}
