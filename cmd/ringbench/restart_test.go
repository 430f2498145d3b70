package main

import "testing"

// Both sides may start at the same moment, also on a ring whose last consumer
// has closed: its close speaks to nobody who comes later.
func TestBothStartAtOnceAgain(t *testing.T) {
	name := ringName(t)
	for range 20 {
		out, in := newReading(t), newReading(t)
		p := launch(t, in.r, nil, "produce", name)
		c := launch(t, nil, out.w, "consume", name)
		in.w.WriteString(numbered(0, 100))
		in.w.Close()
		out.w.Close()
		if n := count(t, out.rest(t)); n != 100 {
			t.Errorf("%d lines came out, want 100", n)
		}
		p.ends(0, "")
		c.ends(0, "")
	}
}
