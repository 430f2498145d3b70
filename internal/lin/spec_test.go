package lin

import "testing"

// Histories by hand: what each specification allows and what it does not.
func TestSpecs(t *testing.T) {
	queue, drop, again := Queue{Slots: 2}, Tickets{Slots: 2}, Tickets{Slots: 2, Redeliver: true}
	// 16 bytes are left of a lap of 64. Messages take 16 bytes with their header, from 4 on 32.
	records := Queue{Bytes: 64, Start: Span{64 - 16, 64 - 16}, Size: func(v uint8) int { return 8 + int(v)/4*16 }}
	two := Lanes{Lane: Queue{Slots: 1}, Senders: []int{0, 1}}
	lossy := Log{Readers: []int{1, 2}, Bytes: 32, Size: eight} // two records
	log := lossy
	log.Waits = true
	dropping := log
	dropping.Drops = true
	// Four granules; messages from 10 on take two.
	ordered := Ordered{Granules: 4, Size: func(v uint8) int { return 8 + int(v)/10*60 }}
	late := ordered
	late.Start = 3 // what takes two granules does not fit before the end of the lap
	send := func(client int, v uint8, r Result, call, end int64) Op {
		return Op{Client: client, Value: v, Result: r, Call: call, Return: end}
	}
	recv := func(client int, v uint8, r Result, call, end int64) Op {
		return Op{Client: client, Verb: Recv, Value: v, Result: r, Call: call, Return: end}
	}
	lost := func(client int, n uint8, call, end int64) Op {
		return Op{Client: client, Verb: Recv, Result: Overrun, Lost: n, Call: call, Return: end}
	}
	dies := func(client int, call, end int64) Op { return Op{Client: client, Verb: Die, Call: call, Return: end} }
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
		{"a cut send that padded only", records, true, []Op{send(0, 4, Cut, 1, 2), send(7, 1, OK, 3, 4), send(7, 2, OK, 5, 6), send(7, 3, Full, 7, 8), recv(1, 1, OK, 9, 10)}},
		{"or not", records, true, []Op{send(0, 4, Cut, 1, 2), send(7, 1, OK, 3, 4), send(7, 2, OK, 5, 6), send(7, 3, OK, 7, 8), recv(1, 1, OK, 9, 10)}},
		{"no padding where it fits", records, false, []Op{send(0, 5, OK, 1, 2), recv(1, 5, OK, 3, 4), send(0, 6, Cut, 5, 6), send(7, 1, OK, 7, 8), send(7, 2, OK, 9, 10), send(7, 3, Full, 11, 12), recv(1, 1, OK, 13, 14)}},
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
		{"full where another lane is", two, false, []Op{send(0, 2, OK, 1, 2), send(1, 1, Full, 3, 4)}},
		{"a lane out of order", Lanes{Lane: Queue{Slots: 2}, Senders: two.Senders}, false, []Op{send(0, 2, OK, 1, 2), send(0, 4, OK, 3, 4), recv(2, 4, OK, 5, 6)}},
		{"empty before both were sent", two, true, []Op{recv(2, 0, Empty, 1, 6), send(0, 2, OK, 2, 3), send(1, 1, OK, 4, 5), recv(2, 1, OK, 7, 8)}},
		{"empty beside a full lane", two, false, []Op{send(0, 2, OK, 1, 2), recv(2, 0, Empty, 3, 4)}},
		{"received from another lane", two, false, []Op{send(0, 2, OK, 1, 2), recv(2, 2, OK, 3, 4), recv(2, 2, OK, 5, 6)}},
		{"a cut receive took from either lane", two, true, []Op{send(0, 2, OK, 1, 2), send(1, 1, OK, 3, 4), recv(2, 0, Cut, 5, 6), recv(8, 2, OK, 7, 8), recv(8, 0, Empty, 9, 10)}},
		{"a cut receive took from both", two, false, []Op{send(0, 2, OK, 1, 2), send(1, 1, OK, 3, 4), recv(2, 0, Cut, 5, 6), recv(8, 0, Empty, 7, 8)}},
		{"a cut send into a lane", two, true, []Op{send(1, 1, Cut, 1, 2), send(0, 2, OK, 3, 4), recv(2, 2, OK, 5, 6), recv(2, 0, Empty, 7, 8)}},

		{"one order for all senders", ordered, false, []Op{send(0, 1, OK, 1, 2), send(1, 2, OK, 3, 4), recv(2, 2, OK, 5, 6), recv(2, 1, OK, 7, 8)}},
		{"either order of two at once", ordered, true, []Op{send(0, 1, OK, 1, 4), send(1, 2, OK, 2, 3), recv(2, 2, OK, 5, 6), recv(2, 1, OK, 7, 8)}},
		{"a record under way keeps back the next", ordered, true, []Op{send(0, 1, OK, 1, 9), send(1, 2, OK, 2, 3), recv(2, 0, Empty, 4, 5), recv(2, 1, OK, 10, 11), recv(2, 2, OK, 12, 13)}},
		{"but not under atomic calls", Ordered{Granules: 4, Size: ordered.Size, AtOnce: true}, false, []Op{send(0, 1, OK, 1, 9), send(1, 2, OK, 2, 3), recv(2, 0, Empty, 4, 5), recv(2, 1, OK, 10, 11), recv(2, 2, OK, 12, 13)}},
		{"a record under way takes room", ordered, true, []Op{send(0, 10, OK, 1, 9), send(1, 11, OK, 2, 3), send(1, 1, Full, 4, 5)}},
		{"nothing takes the room", ordered, false, []Op{send(0, 10, OK, 1, 2), send(1, 1, OK, 3, 4), send(1, 2, Full, 5, 6)}},
		{"padding takes room", late, true, []Op{send(0, 10, OK, 1, 2), send(0, 1, OK, 3, 4), send(0, 2, Full, 5, 6)}},
		{"padding takes no room", late, false, []Op{send(0, 10, OK, 1, 2), send(0, 1, OK, 3, 4), send(0, 2, OK, 5, 6)}},
		{"padding is free when the ring is found empty", late, true, []Op{send(0, 10, OK, 1, 20), recv(2, 0, Empty, 2, 3), send(1, 1, OK, 4, 5), send(1, 2, OK, 6, 7)}},
		{"free with the message", late, false, []Op{send(0, 10, OK, 1, 2), recv(2, 10, OK, 3, 4), send(0, 1, Full, 5, 6)}},
		{"a record of the dead is skipped", ordered, true, []Op{send(0, 10, Cut, 1, 4), send(1, 1, OK, 2, 3), recv(2, 1, OK, 5, 6), send(1, 11, Full, 7, 8)}},
		{"its padding too", late, true, []Op{send(0, 10, Cut, 1, 4), send(1, 1, OK, 2, 3), recv(2, 1, OK, 5, 6), send(1, 11, OK, 7, 8)}},
		{"half of it committed", ordered, false, []Op{send(0, 10, Cut, 1, 4), recv(2, 0, Empty, 5, 6), send(1, 1, OK, 7, 8), recv(2, 10, OK, 9, 10)}},
		{"a cut receive of a record", ordered, true, []Op{send(0, 1, OK, 1, 2), recv(2, 0, Cut, 3, 4), recv(8, 1, OK, 5, 6)}},
		{"of two records", ordered, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), recv(2, 0, Cut, 5, 6), recv(8, 0, Empty, 7, 8)}},

		{"each reader reads all", log, true, []Op{send(0, 1, OK, 1, 2), recv(1, 1, OK, 3, 4), recv(2, 1, OK, 5, 6), recv(1, 0, Empty, 7, 8)}},
		{"a reader reads twice", log, false, []Op{send(0, 1, OK, 1, 2), recv(1, 1, OK, 3, 4), recv(1, 1, OK, 5, 6)}},
		{"a reader leaves one out", log, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), recv(1, 2, OK, 5, 6)}},
		{"empty before all is read", log, false, []Op{send(0, 1, OK, 1, 2), recv(1, 0, Empty, 3, 4)}},
		{"a slow reader blocks", log, true, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), recv(1, 1, OK, 5, 6), send(0, 3, Full, 7, 8)}},
		{"nobody blocks", log, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), recv(1, 1, OK, 5, 6), recv(2, 1, OK, 5, 6), send(0, 3, Full, 7, 8)}},
		{"a slow reader does not block", log, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), recv(1, 1, OK, 5, 6), send(0, 3, OK, 7, 8)}},
		{"a dead one may block", log, true, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), recv(1, 1, OK, 5, 6), dies(2, 5, 6), send(0, 3, Full, 7, 8), send(0, 3, OK, 9, 10)}},
		{"and does no more once it did not", log, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), recv(1, 1, OK, 5, 6), dies(2, 5, 6), send(0, 3, OK, 7, 8), recv(1, 2, OK, 9, 10), send(0, 4, Full, 11, 12)}},
		{"overrun where the producer waits", log, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), lost(1, 1, 5, 6)}},
		{"dropped for want of room", dropping, true, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), send(0, 3, Dropped, 5, 6), recv(1, 1, OK, 7, 8), recv(1, 2, OK, 9, 10), recv(1, 0, Empty, 11, 12)}},
		{"dropped beside room", dropping, false, []Op{send(0, 1, OK, 1, 2), send(0, 3, Dropped, 5, 6)}},
		{"dropped and received", dropping, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), send(0, 3, Dropped, 5, 6), recv(1, 1, OK, 7, 8), recv(1, 2, OK, 9, 10), recv(1, 3, OK, 11, 12)}},

		{"an overrun reader goes on with the last", lossy, true, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), send(0, 3, OK, 5, 6), lost(1, 2, 7, 8), recv(1, 3, OK, 9, 10), recv(1, 0, Empty, 11, 12)}},
		{"with one before the last", lossy, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), send(0, 3, OK, 5, 6), lost(1, 1, 7, 8), recv(1, 2, OK, 9, 10)}},
		{"with what is being sent", lossy, true, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), send(0, 3, OK, 5, 12), lost(1, 2, 7, 8), recv(1, 0, Empty, 9, 10), recv(1, 3, OK, 13, 14)}},
		{"overrun by what is being sent", lossy, true, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), send(0, 3, OK, 5, 12), lost(1, 1, 7, 8), recv(1, 2, OK, 9, 10)}},
		{"not told", lossy, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), send(0, 3, OK, 5, 6), recv(1, 3, OK, 9, 10)}},
		{"received after it was overwritten", lossy, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), send(0, 3, OK, 5, 6), recv(1, 1, OK, 9, 10)}},
		{"overrun with all in the ring", lossy, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), lost(1, 1, 7, 8)}},
		{"intent is ahead", Log{Readers: []int{1, 2}, Bytes: 32, Size: eight, Ahead: 8}, true, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), lost(1, 1, 7, 8), recv(1, 2, OK, 9, 10)}},
		{"full where nobody is waited for", lossy, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), send(0, 3, Full, 5, 6)}},
		{"a cut send overwrote", lossy, true, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), send(0, 3, Cut, 5, 6), lost(1, 1, 7, 8), recv(1, 2, OK, 9, 10), recv(1, 0, Empty, 11, 12)}},
		{"a cut send left latest behind", lossy, true, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), send(0, 3, Cut, 5, 6), lost(1, 2, 7, 8), recv(1, 0, Empty, 11, 12), send(7, 4, OK, 13, 14), recv(1, 4, OK, 15, 16)}},
		{"a cut send that came too late", lossy, false, []Op{send(0, 1, OK, 1, 2), send(0, 2, OK, 3, 4), send(0, 3, Cut, 5, 6), recv(1, 1, OK, 7, 8), recv(1, 2, OK, 9, 10), recv(1, 0, Empty, 11, 12), recv(1, 3, OK, 13, 14)}},
	} {
		if got := Check(c.spec, c.h); got != c.ok {
			t.Errorf("%s: explained %v, want %v\n%s", c.name, got, c.ok, Show(c.h))
		}
	}
}
