package lin

import "testing"

// Histories by hand: what each specification allows and what it does not.
func TestSpecs(t *testing.T) {
	queue, drop, again := Queue{Slots: 2}, Tickets{Slots: 2}, Tickets{Slots: 2, Redeliver: true}
	two := Lanes{Lanes: 2, Slots: 1, Lane: func(v uint8) int { return int(v) % 2 }}
	log := Log{Readers: 2, Slots: 2, Reader: func(client int) int { return client - 1 }}
	lossy := log
	lossy.Lossy = true
	send := func(client int, v uint8, r Result, call, end int64) Op {
		return Op{Client: client, Value: v, Result: r, Call: call, Return: end}
	}
	recv := func(client int, v uint8, r Result, call, end int64) Op {
		return Op{Client: client, Verb: Recv, Value: v, Result: r, Call: call, Return: end}
	}
	redelivered := func(o Op) Op { o.Redelivered = true; return o }
	for _, c := range []struct {
		name string
		spec Spec
		ok   bool
		h    []Op
	}{
		{"in order", queue, true, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), send(0, 3, Full, 5, 6), recv(1, 1, OK, 7, 8), recv(1, 2, OK, 9, 10), recv(1, 0, Empty, 11, 12)}},
		{"received before it was sent", queue, false, []Op{recv(1, 1, OK, 1, 2), send(0, 1, OK, 3, 4)}},
		{"received while it is sent", queue, true, []Op{recv(1, 1, OK, 1, 4), send(0, 1, OK, 2, 5)}},
		{"empty while it is sent", queue, true, []Op{recv(1, 0, Empty, 1, 4), send(0, 1, OK, 2, 5)}},
		{"empty after it was sent", queue, false, []Op{recv(1, 0, Empty, 3, 4), send(0, 1, OK, 1, 2)}},
		{"a cut send that took effect", queue, true, []Op{send(0, 1, Cut, 1, 4), recv(1, 1, OK, 5, 6)}},
		{"a cut send that did not", queue, true, []Op{send(0, 1, Cut, 1, 4), recv(1, 0, Empty, 5, 6)}},
		{"a cut send that took effect after the death", queue, false, []Op{send(0, 1, Cut, 1, 4), recv(1, 0, Empty, 5, 6), recv(1, 1, OK, 7, 8)}},
		{"a cut send that took effect before the death", queue, true, []Op{send(0, 1, Cut, 1, 6), recv(1, 0, Empty, 2, 3), recv(1, 1, OK, 7, 8)}},
		{"a cut receive that took effect", queue, true, []Op{send(0, 1, OK, 1, 2), recv(1, 0, Cut, 3, 6), recv(2, 0, Empty, 7, 8)}},
		{"a cut receive that did not", queue, true, []Op{send(0, 1, OK, 1, 2), recv(1, 0, Cut, 3, 6), recv(2, 1, OK, 7, 8)}},
		{"two messages gone with one cut receive", queue, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), recv(1, 0, Cut, 5, 6), recv(2, 0, Empty, 7, 8)}},

		{"a send under way keeps back the next", drop, true, []Op{send(0, 1, OK, 1, 9), send(1, 2, OK, 2, 3), recv(2, 0, Empty, 4, 5), recv(2, 1, OK, 10, 11), recv(2, 2, OK, 12, 13)}},
		{"nothing keeps back the next", drop, false, []Op{send(1, 2, OK, 2, 3), recv(2, 0, Empty, 4, 5), recv(2, 2, OK, 12, 13)}},
		{"a receive under way keeps the place", drop, true, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), recv(1, 1, OK, 5, 12), recv(2, 2, OK, 6, 7), send(0, 3, Full, 8, 9)}},
		{"nothing keeps the place", drop, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), recv(1, 1, OK, 5, 6), recv(2, 2, OK, 7, 8), send(0, 3, Full, 9, 10)}},
		{"out of order", drop, false, []Op{send(0, 1, OK, 1, 2), send(1, 2, OK, 3, 4), recv(2, 2, OK, 5, 6), recv(2, 1, OK, 7, 8)}},
		{"dropped from dead hands", drop, true, []Op{send(0, 1, OK, 1, 2), recv(1, 0, Cut, 3, 4), recv(2, 0, Empty, 5, 6)}},
		{"dropped without a death", drop, false, []Op{send(0, 1, OK, 1, 2), recv(2, 0, Empty, 5, 6)}},
		{"redelivered by a ring that drops", drop, false, []Op{send(0, 1, OK, 1, 2), recv(1, 0, Cut, 3, 4), redelivered(recv(2, 1, OK, 5, 6))}},
		{"a claim of the dead is skipped", drop, true, []Op{send(0, 1, Cut, 1, 4), send(1, 2, OK, 2, 3), recv(2, 2, OK, 5, 6)}},
		{"the ring goes round after it", drop, true, []Op{send(0, 1, Cut, 1, 4), send(1, 2, OK, 2, 3), recv(2, 2, OK, 5, 6), send(1, 3, OK, 7, 8), send(1, 4, OK, 9, 10), send(1, 5, Full, 11, 12)}},

		{"redelivered from dead hands", again, true, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), recv(1, 0, Cut, 5, 6), recv(2, 2, OK, 7, 8), redelivered(recv(2, 1, OK, 9, 10)), recv(2, 0, Empty, 11, 12)}},
		{"redelivered twice", again, false, []Op{send(0, 1, OK, 1, 2), recv(1, 0, Cut, 5, 6), redelivered(recv(2, 1, OK, 7, 8)), redelivered(recv(2, 1, OK, 9, 10))}},
		{"redelivered from live hands", again, false, []Op{send(0, 1, OK, 1, 2), recv(1, 1, OK, 5, 6), redelivered(recv(2, 1, OK, 7, 8))}},

		{"lanes in any order", two, true, []Op{send(0, 2, OK, 1, 2), send(1, 1, OK, 3, 4), recv(2, 1, OK, 5, 6), recv(2, 2, OK, 7, 8)}},
		{"a full lane beside an empty one", two, true, []Op{send(0, 2, OK, 1, 2), send(0, 4, Full, 3, 4), send(1, 1, OK, 5, 6)}},
		{"a lane out of order", Lanes{Lanes: 2, Slots: 2, Lane: two.Lane}, false, []Op{send(0, 2, OK, 1, 2), send(0, 4, OK, 3, 4), recv(2, 4, OK, 5, 6)}},
		{"each lane empty at another time", two, true, []Op{send(0, 2, OK, 1, 6), recv(2, 0, Empty, 2, 9), recv(3, 2, OK, 3, 7), send(1, 1, OK, 4, 5), recv(3, 1, OK, 10, 11)}},
		{"empty beside a full lane", two, false, []Op{send(0, 2, OK, 1, 2), recv(2, 0, Empty, 3, 4)}},

		{"each reader reads all", log, true, []Op{send(0, 1, OK, 1, 2), recv(1, 1, OK, 3, 4), recv(2, 1, OK, 5, 6), recv(1, 0, Empty, 7, 8)}},
		{"a reader reads twice", log, false, []Op{send(0, 1, OK, 1, 2), recv(1, 1, OK, 3, 4), recv(1, 1, OK, 5, 6)}},
		{"a reader leaves one out", log, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), recv(1, 2, OK, 5, 6)}},
		{"an overrun reader does", lossy, true, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), send(0, 3, OK, 5, 6), recv(1, 2, OK, 7, 8)}},
		{"a slow reader blocks", log, true, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), recv(1, 1, OK, 5, 6), send(0, 3, Full, 7, 8)}},
	} {
		if got := Check(c.spec, c.h); got != c.ok {
			t.Errorf("%s: explained %v, want %v\n%s", c.name, got, c.ok, Show(c.h))
		}
	}
}
