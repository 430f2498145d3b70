package model

import (
	"testing"

	"annulus/internal/race"
)

func TestMPSCBatch(t *testing.T) {
	for _, c := range []mpscConfig{
		{name: "mpsc, head late", sizes: [2][2]uint8{{2, 1}, {1, 2}}, crashes: 3, giveUp: true, lazy: true},
		{name: "mpsc, batches", sizes: [2][2]uint8{{1, 2}, {1, 1}}, crashes: 3, giveUp: true, lazy: true, gather: true},
		{name: "mpsc, extensions", sizes: [2][2]uint8{{1, 1}, {1, 2}}, crashes: 3, giveUp: true, lazy: true, extend: true},
		{name: "mpsc, extensions over the end", sizes: [2][2]uint8{{2, 0}, {1, 2}}, crashes: 3, giveUp: true, lazy: true, extend: true},
		{name: "mpsc, batches, attach", sizes: [2][2]uint8{{1, 1}, {2, 0}}, crashes: 2, attach: true, giveUp: true, lazy: true, gather: true},
		{name: "mpsc, extensions, attach", sizes: [2][2]uint8{{1, 2}, {1, 0}}, crashes: 2, attach: true, giveUp: true, lazy: true, extend: true},
		{name: "mpsc, counts", sizes: [2][2]uint8{{1, 2}, {1, 1}}, crashes: 3, giveUp: true, lazy: true, gather: true, count: true},
		{name: "mpsc, counts, extensions", sizes: [2][2]uint8{{1, 1}, {2, 2}}, crashes: 3, giveUp: true, lazy: true, extend: true, count: true},
		{name: "mpsc, counts, attach", sizes: [2][2]uint8{{1, 1}, {2, 0}}, crashes: 2, attach: true, lazy: true, gather: true, count: true},
		{name: "mpsc, counts, extensions, attach", sizes: [2][2]uint8{{1, 2}, {1, 0}}, crashes: 2, attach: true, lazy: true, extend: true, count: true},
	} {
		if (testing.Short() || race.Enabled) && c.attach {
			continue
		}
		t.Run(c.name, func(t *testing.T) { holds(t, c.model()) })
	}
}

// mpscBatchSeeded is a small system in which each seeded bug of batches shows, by kind.
func mpscBatchSeeded(name string, bug mpscBug, option func(*mpscConfig)) *Model[mpscState] {
	c := mpscConfig{name: name, sizes: [2][2]uint8{{1, 2}, {1, 1}}, crashes: 2, giveUp: true, lazy: true, bug: bug}
	option(&c)
	return c.model()
}

func gathering(c *mpscConfig) { c.gather = true }
func extending(c *mpscConfig) { c.extend = true }
func counting(c *mpscConfig)  { c.gather, c.count = true, true }

// A producer that dies on the way has sent the last, and not what came before.
func TestMPSCLastFirst(t *testing.T) {
	caught(t, mpscBatchSeeded("the last record is published first", mpscLastFirst, gathering), gap.String())
}

func TestMPSCLastOfExtendedFirst(t *testing.T) {
	caught(t, mpscBatchSeeded("the last record of an extended claim is published first", mpscLastFirst, extending), gap.String())
}

// The extension is drawn and in nobody's intent: it looks dead once it is at head.
func TestMPSCExtendedWithoutIntent(t *testing.T) {
	caught(t, mpscBatchSeeded("a claim is extended and the intent is not", mpscShortIntent, extending), "torn", "lost", gap.String())
}

// Unlike that of a claim, the intent of an extension may come after the compare-and-swap:
// no repair goes beyond what is held and not published, of which the intent speaks
// already. It comes before because slots of MPMC rings, which share the code, are
// repaired one by one.
func TestMPSCExtendedBeforeIntent(t *testing.T) {
	for _, attach := range []bool{false, true} {
		holds(t, mpscBatchSeeded("a claim is extended before its intent", mpscLongLate, func(c *mpscConfig) {
			if c.extend, c.attach = true, attach; attach {
				c.sizes, c.crashes = [2][2]uint8{{1, 1}, {1, 0}}, 1
			}
		}))
	}
}

// What a longer intent names beyond the claim is another's, who dies; who waits for room
// himself keeps all from repairing it.
func TestMPSCLongIntentLeft(t *testing.T) {
	caught(t, mpscBatchSeeded("the longer intent of no extension stays", mpscLongLeft, extending), "stuck")
}

// Producers need just the room that holds no message.
func TestMPSCHeadLeft(t *testing.T) {
	m := mpscBatchSeeded("what holds no message is released with the next one only", mpscHeadLeft, func(c *mpscConfig) { gathering(c); c.sizes = [2][2]uint8{{2, 0}, {1, 2}} })
	caught(t, m, "stuck")
}

// drawn names the record before, which is published, and counted: it is counted twice.
func TestMPSCBaseBeforeDrawn(t *testing.T) {
	caught(t, mpscBatchSeeded("base is stored before drawn", mpscBaseFirst, counting), miscounted.String())
}

func TestMPSCCountedBeforePublished(t *testing.T) {
	caught(t, mpscBatchSeeded("a record is counted before it is published", mpscSentFirst, counting), miscounted.String())
}

func TestMPSCSkipNotNoted(t *testing.T) {
	caught(t, mpscBatchSeeded("nobody notes what is skipped", mpscNoMark, counting), miscounted.String())
}

// The owner published between the look at the word and its death.
func TestMPSCSkipNotedBlindly(t *testing.T) {
	caught(t, mpscBatchSeeded("a skip is noted without another look", mpscMarkBlind, counting), miscounted.String())
}

func TestMPSCDrawnNamesPadding(t *testing.T) {
	m := mpscBatchSeeded("drawn names the padding", mpscPadDrawn, func(c *mpscConfig) { counting(c); c.sizes = [2][2]uint8{{2, 0}, {1, 2}} })
	caught(t, m, miscounted.String())
}

// A new producer's intent is for position 0; it does not get it.
func TestMPSCDrawnZero(t *testing.T) {
	caught(t, mpscBatchSeeded("drawn of a new producer is position 0", mpscDrawnZero, counting), miscounted.String())
}
