package lin

import (
	"slices"
	"testing"

	"annulus/ring"
)

// Seeded mistakes, one call in rare, which the checker must find.
const rare = 500

type wrong struct {
	sender
	receiver
	n    int
	kept got
	has  bool
	do   func(w *wrong, value uint8, way int) (Result, error)
	get  func(w *wrong, way int) (got, error)
}

func (w *wrong) turn() bool { w.n++; return w.n%rare == 0 }

func (w *wrong) send(value uint8, way int) (Result, error) { return w.do(w, value, way) }

func (w *wrong) recv(way int) (got, error) { return w.get(w, way) }

// mistake is what a first sender or a last receiver does wrong.
type mistake struct {
	do  func(w *wrong, value uint8, way int) (Result, error)
	get func(w *wrong, way int) (got, error)
}

// caught runs the kinds of ring that it is a mistake for, all where of is nil.
func caught(t *testing.T, m mistake, of func(ring.Config) bool) {
	t.Helper()
	for _, k := range kinds() {
		if of != nil && !of(k.config) {
			continue
		}
		r, err := ring.New(k.config)
		must(t, err)
		list := clients(t, k, r, counter())
		last := list[len(list)-1]
		if m.do != nil {
			list[0].s = &wrong{sender: list[0].s, do: m.do}
		} else {
			last.r = &wrong{receiver: last.r, get: m.get}
		}
		histories, specs := record(t, k, r, list, 2000)
		if len(checkAll(specs, histories, 1)) == 0 {
			t.Errorf("%s: not found in %d histories", k.name, len(histories))
		}
		must(t, r.Close())
	}
}

func topologies(list ...ring.Topology) func(ring.Config) bool {
	return func(c ring.Config) bool { return slices.Contains(list, max(c.Topology, ring.SPSC)) }
}

func overrun(o ring.Overrun) func(ring.Config) bool {
	return func(c ring.Config) bool { return c.Topology == ring.Broadcast && c.Overrun == o }
}

func TestLossIsFound(t *testing.T) {
	caught(t, mistake{do: func(w *wrong, value uint8, way int) (Result, error) {
		if w.turn() {
			return OK, nil
		}
		return w.sender.send(value, way)
	}}, nil)
}

func TestDuplicateIsFound(t *testing.T) {
	caught(t, mistake{get: func(w *wrong, way int) (got, error) {
		if w.kept.value != 0 && w.turn() {
			return w.kept, nil
		}
		g, err := w.receiver.recv(way)
		if g.result == OK {
			w.kept = g
		}
		return g, err
	}}, nil)
}

// Two messages of one sender change places now and then: the later one is sent first.
func TestSwapIsFound(t *testing.T) {
	caught(t, mistake{do: func(w *wrong, value uint8, way int) (Result, error) {
		switch {
		case value == 2 && w.has: // 1 waits
			w.has = false
			if res, err := w.sender.send(2, way); res != OK || err != nil {
				return res, err
			}
			_, err := w.sender.send(1, way)
			return OK, err
		case value == 1 && w.n%10 == 0:
			w.n++
			w.has = true
			return OK, nil
		}
		w.n++
		w.has = false
		return w.sender.send(value, way)
	}}, nil)
}

// Two messages change places that are received one after the other, whoever sent them.
func TestSwapOfReceivedIsFound(t *testing.T) {
	caught(t, mistake{get: func(w *wrong, way int) (got, error) {
		if w.has {
			w.has = false
			return w.kept, nil
		}
		g, err := w.receiver.recv(way)
		if w.n++; err != nil || g.result != OK || w.n%10 != 0 {
			return g, err
		}
		next, err := w.receiver.recv(way)
		if err != nil || next.result != OK {
			return g, nil
		}
		w.kept, w.has = g, true
		return next, nil
	}}, topologies(ring.SPSC, ring.MPSCOrdered))
}

func TestFalseFullIsFound(t *testing.T) {
	for _, refusal := range []Result{Full, Dropped} {
		caught(t, mistake{do: func(w *wrong, value uint8, way int) (Result, error) {
			n := w.n
			if w.n++; value == 1 && n%10 == 0 { // the ring is empty then
				return refusal, nil
			}
			return w.sender.send(value, way)
		}}, func(c ring.Config) bool { return (c.Overrun == ring.OverrunDrop) == (refusal == Dropped) })
	}
}

func TestFalseEmptyIsFound(t *testing.T) {
	caught(t, mistake{get: func(w *wrong, way int) (got, error) {
		if w.n++; w.n%20 == 0 {
			return got{result: Empty}, nil
		}
		return w.receiver.recv(way)
	}}, nil)
}

// An overrun that is not told.
func TestHiddenOverrunIsFound(t *testing.T) {
	caught(t, mistake{get: func(w *wrong, way int) (got, error) {
		g, err := w.receiver.recv(way)
		if g.result == Overrun {
			return w.receiver.recv(way)
		}
		return g, err
	}}, overrun(ring.OverrunOverwrite))
}

func TestMiscountedOverrunIsFound(t *testing.T) {
	for _, off := range []uint8{1, 255} {
		caught(t, mistake{get: func(w *wrong, way int) (got, error) {
			g, err := w.receiver.recv(way)
			if g.result == Overrun {
				g.lost += off
			}
			return g, err
		}}, overrun(ring.OverrunOverwrite))
	}
}

// A message is told as lost that was there; where the producer waits, none ever is.
func TestFalseOverrunIsFound(t *testing.T) {
	caught(t, mistake{get: func(w *wrong, way int) (got, error) {
		g, err := w.receiver.recv(way)
		if w.n++; g.result == OK && w.n%20 == 0 {
			g = got{result: Overrun, lost: 1}
		}
		return g, err
	}}, topologies(ring.Broadcast))
}

// The producer says nothing of what it dropped.
func TestHiddenDropIsFound(t *testing.T) {
	caught(t, mistake{do: func(w *wrong, value uint8, way int) (Result, error) {
		res, err := w.sender.send(value, way)
		if res == Dropped {
			res = OK
		}
		return res, err
	}}, overrun(ring.OverrunDrop))
}
