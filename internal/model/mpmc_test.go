package model

import (
	"testing"

	"annulus/internal/race"
)

// The protocol as it is to be built.
func TestMPMC(t *testing.T) {
	configs := []mpmcConfig{
		{name: "mpmc, attach, redeliver once, abort, batches", quota: [2]uint8{2, 0}, crashes: 3,
			batch: 2, redeliver: true, again: 1, attach: true, abort: true, giveUp: true},
		{name: "mpmc, drop", quota: [2]uint8{2, 1}, crashes: 3},
		{name: "mpmc, redeliver", quota: [2]uint8{2, 1}, crashes: 3, redeliver: true, again: 3},
		{name: "mpmc, drop, 4 messages", quota: [2]uint8{2, 2}, crashes: 3, lazy: true},
		{name: "mpmc, redeliver, 4 messages", quota: [2]uint8{2, 2}, crashes: 3, lazy: true, redeliver: true, again: 3},
		{name: "mpmc, drop, batches, 4 messages", quota: [2]uint8{2, 2}, crashes: 3, lazy: true, batch: 2, giveUp: true},
		{name: "mpmc, redeliver once, batches, 4 messages", quota: [2]uint8{2, 2}, crashes: 3, lazy: true, batch: 2,
			redeliver: true, again: 1},
	}
	if testing.Short() || race.Enabled { // a search is one goroutine: nothing to find there
		configs = configs[:1]
	}
	for _, c := range configs {
		c.consumers, c.batch = 2, max(c.batch, 1)
		t.Run(c.name, func(t *testing.T) { holds(t, c.model()) })
	}
}

// mpmcSeeded is a small system in which each seeded bug shows: one producer, two
// consumers, and new processes that take the entries of dead ones.
func mpmcSeeded(name string, bug mpmcBug) *mpmcConfig {
	return &mpmcConfig{name: name, consumers: 2, quota: [2]uint8{2, 0}, batch: 1, crashes: 2,
		redeliver: true, again: 3, attach: true, bug: bug}
}

func TestMPMCPlainVyukov(t *testing.T) {
	caught(t, mpmcSeeded("no intents, no repair", plainVyukov).model(), "stuck")
}

func TestMPMCDeathByTimeout(t *testing.T) {
	caught(t, mpmcSeeded("a live owner is taken for dead", deathByTimeout).model(), "torn", "duplicated", "lost")
}

func TestMPMCIntentAfterClaim(t *testing.T) {
	caught(t, mpmcSeeded("the intent comes after the claim", intentAfterClaim).model(), "torn", "duplicated", "lost")
}

func TestMPMCIntentNotCleared(t *testing.T) {
	caught(t, mpmcSeeded("a return without a claim leaves the intent", intentNotCleared).model(), "stuck")
}

func TestMPMCRepairByStore(t *testing.T) {
	caught(t, mpmcSeeded("repair by a plain store", repairByStore).model(), "torn", "duplicated", "lost", "stuck")
}

func TestMPMCWordAfterScan(t *testing.T) {
	caught(t, mpmcSeeded("redelivery expects the word read after the scan", wordAfterScan).model(), "torn", "duplicated", "lost")
}

func TestMPMCOwnAfterSwap(t *testing.T) {
	caught(t, mpmcSeeded("redelivery stores its intent after the swap", ownAfterSwap).model(), "torn", "duplicated", "lost")
}

func TestMPMCNoTailCheck(t *testing.T) {
	caught(t, mpmcSeeded("repair of a ticket nobody has", noTailCheck).model(), "torn", "duplicated", "lost", "stuck")
}

func TestMPMCClearedEarly(t *testing.T) {
	caught(t, mpmcSeeded("the intent goes before the slot is published", clearedEarly).model(), "torn", "duplicated", "lost")
}

func TestMPMCScanSkipsEntry(t *testing.T) {
	caught(t, mpmcSeeded("the scan leaves an endpoint out", scanSkipsEntry).model(), "torn", "duplicated", "lost")
}
