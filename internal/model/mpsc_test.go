package model

import (
	"testing"

	"annulus/internal/race"
)

func TestMPSC(t *testing.T) {
	for _, c := range []mpscConfig{
		{name: "mpsc", sizes: [2][2]uint8{{2, 1}, {1, 2}}, crashes: 3, giveUp: true},
		{name: "mpsc, two laps", sizes: [2][2]uint8{{2, 2}, {1, 2}}, crashes: 3, giveUp: true},
		{name: "mpsc, attach, 3 deaths", sizes: [2][2]uint8{{2, 1}, {1, 0}}, crashes: 3, attach: true, giveUp: true},
		{name: "mpsc, attach", sizes: [2][2]uint8{{2, 2}, {2, 1}}, crashes: 1, attach: true, giveUp: true},
	} {
		if (testing.Short() || race.Enabled) && c.attach {
			continue
		}
		t.Run(c.name, func(t *testing.T) { holds(t, c.model()) })
	}
}

// mpscSeeded is a small system in which each seeded bug shows. attach: new processes
// take the entries of dead ones.
func mpscSeeded(name string, bug mpscBug, attach bool) *Model[mpscState] {
	c := mpscConfig{name: name, sizes: [2][2]uint8{{2, 1}, {1, 2}}, crashes: 2, giveUp: true, attach: attach, bug: bug}
	return c.model()
}

func TestMPSCNoRepair(t *testing.T) {
	caught(t, mpscSeeded("no repair", mpscNoRepair, false), "stuck")
}

func TestMPSCDeathByTimeout(t *testing.T) {
	caught(t, mpscSeeded("a live owner is taken for dead", mpscTimeout, false), "torn", "lost")
}

func TestMPSCIntentAfterClaim(t *testing.T) {
	caught(t, mpscSeeded("the intent comes after the claim", mpscLateIntent, false), "torn", "lost")
}

func TestMPSCIntentNotCleared(t *testing.T) {
	caught(t, mpscSeeded("a return without a claim leaves the intent", mpscIntentLeft, false), "stuck")
}

func TestMPSCRepairByStore(t *testing.T) {
	caught(t, mpscSeeded("repair by a plain store", mpscByStore, false), "torn", "lost")
}

func TestMPSCIntentWithoutLength(t *testing.T) {
	caught(t, mpscSeeded("the intent covers the first granule only", mpscNoLength, false), "torn", "lost")
}

// A repairer that read an old head finds the word that the consumer has just
// cleared, and takes it for one of the lap at hand.
func TestMPSCNoLap(t *testing.T) {
	caught(t, mpscSeeded("words without a lap", mpscNoLap, false), "torn", "lost", unexpected.String())
}

// Two dead intents begin at the same position: one claimed, one failed to. Which tells the length?
func TestMPSCLengthOfTheDead(t *testing.T) {
	caught(t, mpscSeeded("the length comes from a dead intent", mpscLengthOfDead, false), "lost", unexpected.String())
}

// A new process has cleared the intent that knew the length.
func TestMPSCLengthCleared(t *testing.T) {
	c := mpscConfig{name: "the length comes from an intent that was cleared", sizes: [2][2]uint8{{2, 1}, {1, 2}},
		crashes: 1, attach: true, bug: mpscLengthOfDead}
	caught(t, c.model(), "stuck")
}
