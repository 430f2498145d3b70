package lin

import (
	"testing"

	"annulus/ring"
)

// Seeded mistakes, one call in rare, which the checker must find.
const rare = 500

type wrong struct {
	sender
	receiver
	n    int
	kept uint8
	has  bool
	do   func(w *wrong, value uint8, way int) (Result, error)
	get  func(w *wrong, way int) (uint8, Result, bool, error)
}

func (w *wrong) turn() bool { w.n++; return w.n%rare == 0 }

func (w *wrong) send(value uint8, way int) (Result, error) { return w.do(w, value, way) }

func (w *wrong) recv(way int) (uint8, Result, bool, error) { return w.get(w, way) }

// caught runs every kind of ring with a mistake in its first sender or last receiver.
func caught(t *testing.T, do func(*wrong, uint8, int) (Result, error), get func(*wrong, int) (uint8, Result, bool, error)) {
	t.Helper()
	for _, k := range kinds() {
		r, err := ring.New(k.config)
		must(t, err)
		list, first := clients(t, k, r, counter())
		last := list[len(list)-1]
		if do != nil {
			list[0].s = &wrong{sender: list[0].s, do: do}
		} else {
			last.r = &wrong{receiver: last.r, get: get}
		}
		histories, specs := record(t, k, list, first, 2000)
		if len(checkAll(specs, histories)) == 0 {
			t.Errorf("%s: not found in %d histories", k.name, len(histories))
		}
		must(t, r.Close())
	}
}

func TestLossIsFound(t *testing.T) {
	caught(t, func(w *wrong, value uint8, way int) (Result, error) {
		if w.turn() {
			return OK, nil
		}
		return w.sender.send(value, way)
	}, nil)
}

func TestDuplicateIsFound(t *testing.T) {
	caught(t, nil, func(w *wrong, way int) (uint8, Result, bool, error) {
		if w.kept != 0 && w.turn() {
			return w.kept, OK, false, nil
		}
		v, res, again, err := w.receiver.recv(way)
		if res == OK {
			w.kept = v
		}
		return v, res, again, err
	})
}

// Two messages change places now and then: the later one is sent first.
func TestSwapIsFound(t *testing.T) {
	caught(t, func(w *wrong, value uint8, way int) (Result, error) {
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
	}, nil)
}

func TestFalseFullIsFound(t *testing.T) {
	caught(t, func(w *wrong, value uint8, way int) (Result, error) {
		if value == 1 && w.n%10 == 0 { // the ring is empty then
			w.n++
			return Full, nil
		}
		w.n++
		return w.sender.send(value, way)
	}, nil)
}

func TestFalseEmptyIsFound(t *testing.T) {
	caught(t, nil, func(w *wrong, way int) (uint8, Result, bool, error) {
		if w.n++; w.n%20 == 0 {
			return 0, Empty, false, nil
		}
		return w.receiver.recv(way)
	})
}
