package ring

import (
	"annulus/internal/layout"
	"annulus/internal/mem"
)

// Granules. In a ring of many producers in one order a position counts granules of 64
// bytes. A record takes whole ones, in one piece: its first word says how many and how
// long the payload is. What is there is said by a table of words, one for each granule,
// outside of the data, so that no payload can look like one:
//
//	COMMITTED  a record starts here
//	PAD        nothing up to the end of this lap: the record did not fit there
//	SKIP       nothing in this one granule
//
// A word holds its lap, the position rounded down to whole laps, with the state in the
// low bits that this leaves free. It speaks of that lap only; one of an older lap, or
// one never stored, says "nothing yet". So words only grow and nobody clears one: the
// consumer stores nothing but head. Each granule is a ticket by itself: what a dead
// producer has claimed is skipped granule by granule, and its length need not be
// known. The protocol and why it holds: internal/model/mpsc.go.

// granules returns how many granules a record of n bytes takes.
func granules(n uint64) uint64 {
	return (layout.WordSize + n + layout.GranuleSize - 1) >> layout.GranuleShift
}

// granuleWord is the word of the granule at position p in a ring of mask+1 granules.
func granuleWord(p, mask, state uint64) uint64 { return p&^mask | state }

// granuleFree tells whether w, the word of position p, says nothing of its lap yet.
// Words are compared as distances, so positions may run over.
func granuleFree(w, p, mask uint64) bool {
	state := w & mask
	if state == 0 || state > layout.GranulePad {
		return w == 0
	}
	return int64(w&^mask-p&^mask) < 0
}

// extent returns how many granules, from position p on, the word w of p speaks of, as
// far as that can be told without holding anybody up; 0: it makes no sense.
func (r *Ring) extent(p, w uint64) uint64 {
	mask := r.geometry.Granules - 1
	switch w - p&^mask {
	case layout.GranuleCommitted:
		first := mem.Load(mem.Of(r.mem).At(r.geometry.DataArea).Word(p & mask << layout.GranuleShift))
		if span := first >> layout.SpanShift; span <= mask+1-p&mask {
			return span
		}
	case layout.GranuleSkip:
		return 1
	case layout.GranulePad:
		return (mask + 1 - p&mask) & mask // a record fits where all of a lap is left
	}
	return 0
}

// repairGranules settles the granules from p on, where a record would start, that
// belong to dead producers, up to the first that does not. It returns how many. A
// compare-and-swap that comes too late may hit a granule inside of a record: in that
// lap nobody looks there.
func (r *Ring) repairGranules(p uint64, own *member) (done uint64, err error) {
	tail := mem.Load(&r.producer.cursor.Position)
	for {
		n, err := r.settleRun(layout.RoleProducer, p+done, maxRun, tail, own)
		if done += n; err != nil || n < maxRun {
			return done, err
		}
	}
}

// recoverGranules walks from head to the first claim of a live producer, or to tail, and
// settles what is dead on the way. A place is looked at twice at most, free and settled; if
// the words are those of a correct peer.
func (r *Ring) recoverGranules(own *member, found *Recovery) error {
	p, tail := mem.Load(&r.consumer.cursor.Position), mem.Load(&r.producer.cursor.Position)
	for range 2*r.tickets() + 2 {
		if behind := tail - p; behind == 0 || behind > r.tickets() {
			return nil
		}
		w := r.word(p) // [P1]
		n := r.extent(p, w)
		if head := mem.Load(&r.consumer.cursor.Position); int64(head-p) > 0 {
			p = head // what was read may have been overwritten
			continue
		}
		if n == 0 && !granuleFree(w, p, r.geometry.Granules-1) {
			return r.implausible("granule word %#x at position %d, or what it stands for", w, p)
		}
		if n == 0 {
			var err error
			n, err = r.repairGranules(p, own)
			if found.Skipped += int(n); err != nil {
				return err
			}
			if n == 0 && r.word(p) == w {
				if r.unsettled(layout.RoleProducer, w, p, tail) {
					found.Claimed++
				}
				return nil
			}
		}
		p += n
	}
	return r.implausible("the words of its granules change faster than they can be read")
}
