package model

import "testing"

func TestSPSC(t *testing.T) {
	for _, c := range []spscConfig{
		{name: "spsc", sizes: [5]uint8{3, 1, 0, 2, 3}, batch: 1, ahead: 1},
		{name: "spsc, sweep ahead", sizes: [5]uint8{1, 0, 3, 1, 2}, batch: 1, ahead: 4},
		{name: "spsc, small", sizes: [5]uint8{0, 1, 0, 1, 0}, batch: 1, ahead: 8},
		{name: "spsc, great", sizes: [5]uint8{3, 3, 2, 3, 3}, batch: 1, ahead: 2},
		{name: "spsc, batches", sizes: [5]uint8{2, 1, 2, 1, 2}, batch: 2, ahead: 2},
		{name: "spsc, great batches", sizes: [5]uint8{2, 3, 3, 0, 0}, batch: 2, ahead: 4},
	} {
		c.count, c.crashes = spscMsgs, 3
		t.Run(c.name, func(t *testing.T) { holds(t, c.model()) })
	}
}

// spscSeeded is a small system in which each seeded bug shows.
func spscSeeded(name string, bug spscBug, batch uint8) *Model[spscState] {
	c := spscConfig{name: name, sizes: [5]uint8{2, 1, 2, 1, 2}, count: spscMsgs, batch: batch, ahead: 1, crashes: 2, bug: bug}
	return c.model()
}

func TestSPSCNextHeaderNotZero(t *testing.T) {
	caught(t, spscSeeded("the next header is not made zero", spscNoZero, 1), unexpected.String(), "duplicated", "invented")
}

func TestSPSCNextHeaderZeroLate(t *testing.T) {
	caught(t, spscSeeded("the next header is made zero after the publish", spscLateZero, 1), unexpected.String(), "duplicated", "invented")
}

func TestSPSCHeaderFirst(t *testing.T) {
	caught(t, spscSeeded("the header comes before the payload", spscEarly, 1), "torn")
}

func TestSPSCBatchInOrder(t *testing.T) {
	caught(t, spscSeeded("the first header of a batch does not come last", spscBatch, 2), "torn", unexpected.String())
}

func TestSPSCNoScan(t *testing.T) {
	caught(t, spscSeeded("a successor starts at the stored position", spscNoScan, 1), "torn", "stuck", "duplicated", "lost")
}

func TestSPSCPositionAhead(t *testing.T) {
	caught(t, spscSeeded("the stored position counts what is only staged", spscAhead, 2), unexpected.String(), "stuck", "lost")
}

func TestSPSCNoSpareWord(t *testing.T) {
	caught(t, spscSeeded("no word is kept for the next header", spscNoSpare, 1), unexpected.String(), "torn", "lost")
}
