package model

import "testing"

func TestGate(t *testing.T) {
	for _, c := range []gateConfig{
		{name: "gate", count: gateMsgs, unbound: true},
		{name: "gate, interrupted", count: gateMsgs, unbound: true, stop: true},
		{name: "gate, waker and sleeper die", count: gateMsgs, crashes: 3},
		{name: "gate, successors", count: gateMsgs, crashes: 3, attach: true},
		{name: "gate, successors, interrupted", count: gateMsgs, crashes: 2, attach: true, stop: true},
	} {
		t.Run(c.name, func(t *testing.T) { holds(t, c.model()) })
	}
}

// Sleeps have no bound here, and nobody dies: any sleep beside a message is one too many.
func gateSeeded(name string, bug gateBug) *Model[gateState] {
	c := gateConfig{name: name, count: gateMsgs, unbound: true, stop: true, bug: bug}
	return c.model()
}

func TestGateNoMembarrier(t *testing.T) {
	caught(t, gateSeeded("no membarrier", gateNoBarrier), "asleep")
}

func TestGateWakeBeforePublish(t *testing.T) {
	caught(t, gateSeeded("wake before publish", gateWakeFirst), "asleep")
}

func TestGateNoLastLook(t *testing.T) {
	caught(t, gateSeeded("no look behind the barrier", gateNoLook), "asleep")
}

func TestGateNoCompare(t *testing.T) {
	caught(t, gateSeeded("the sleep does not compare Seq", gateNoCompare), "asleep")
}

func TestGateSeqNotMoved(t *testing.T) {
	caught(t, gateSeeded("a wake without moving Seq", gateNoMove), "asleep")
}

func TestGateFlagLate(t *testing.T) {
	caught(t, gateSeeded("an interrupt before its flag", gateFlagLate), "asleep")
}

// The waker dies between its publish and its wake.
func TestGateNoBound(t *testing.T) {
	c := gateConfig{name: "sleeps without bound", count: gateMsgs, unbound: true, crashes: 1}
	caught(t, c.model(), "stuck")
}

// Its predecessor armed, and died before its membarrier.
func TestGateArmedByAnother(t *testing.T) {
	c := gateConfig{name: "another's arming is taken for announced", count: gateMsgs, crashes: 2, attach: true, bug: gateStaleArm}
	caught(t, c.model(), "asleep")
}
