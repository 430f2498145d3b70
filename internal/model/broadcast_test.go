package model

import "testing"

func TestBroadcast(t *testing.T) {
	for _, c := range []castConfig{
		{name: "broadcast", sizes: [castMsgs]uint8{2, 1, 2, 1, 2, 2, 1}},
		{name: "broadcast, short", sizes: [castMsgs]uint8{1, 1, 2, 2, 1, 1, 1}},
		{name: "broadcast, long", sizes: [castMsgs]uint8{2, 2, 2, 1, 1, 2, 2}},
	} {
		c.ring, c.crashes = castGranules, 3
		t.Run(c.name, func(t *testing.T) { holds(t, c.model()) })
		c.ahead = 2
		c.name += ", intent ahead"
		t.Run(c.name, func(t *testing.T) { holds(t, c.model()) })
	}
}

// castSeeded is a small system in which each seeded bug shows.
func castSeeded(name string, bug castBug) *Model[castState] {
	c := castConfig{name: name, sizes: [castMsgs]uint8{2, 1, 2, 1, 2, 1, 1}, ring: castGranules, crashes: 2, bug: bug}
	return c.model()
}

func TestBroadcastIntentLowered(t *testing.T) {
	caught(t, castSeeded("a successor lowers intent", castLowered), "torn", "invented", unexpected.String())
}

func TestBroadcastIntentLate(t *testing.T) {
	caught(t, castSeeded("intent is raised after the payload", castLate), "torn", "invented", unexpected.String())
}

func TestBroadcastNoLook(t *testing.T) {
	caught(t, castSeeded("a reader does not look at intent", castNoLook), "torn", "invented", unexpected.String())
}

func TestBroadcastTailFirst(t *testing.T) {
	caught(t, castSeeded("tail moves before the payload", castEarlyTail), "torn", "invented", unexpected.String())
}

func TestBroadcastTailDiffers(t *testing.T) {
	caught(t, castSeeded("a reader at latest, beyond tail, reads", castDiffers), "torn", "invented", unexpected.String())
}

// The record before, padding and record are more than the ring.
func TestBroadcastRecordsTooLong(t *testing.T) {
	c := castConfig{name: "records too long for the ring", sizes: [castMsgs]uint8{1, 2, 2, 1, 2}, ring: 4, crashes: 1}
	caught(t, c.model(), "stuck")
}
