package model

import "testing"

func TestForeign(t *testing.T) {
	c := foreignConfig{name: "interrupts of a word that is only read"}
	holds(t, c.model())
}

func TestForeignSeeded(t *testing.T) {
	for name, bug := range map[string]foreignBug{
		"no look at the calls":         foreignNoCheck,
		"asleep is said too late":      foreignAsleepLate,
		"the calls are seen too late":  foreignSeenLate,
		"one wake, whether it helped":  foreignWakeOnce,
		"an interrupt before its flag": foreignFlagLate,
	} {
		c := foreignConfig{name: name, bug: bug}
		caught(t, c.model(), "asleep")
	}
}
