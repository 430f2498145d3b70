package main

import (
	"slices"
	"strings"
	"testing"

	"annulus/ring"
)

// A ring that produce creates for several producers: each has a lane, inspect shows
// them, consume empties all.
func TestLanes(t *testing.T) {
	name := ringName(t)
	passes(t, []byte("a\nb\n"), "produce", "--topology", "mpsc", "--capacity", "8K", name)
	passes(t, []byte("c\n"), "produce", "--topology", "mpsc", name)
	r, err := ring.Open(name)
	must(t, err)
	defer r.Close()
	p, err := r.Producer(ring.WithTag(77))
	must(t, err)
	must(t, p.TrySend([]byte("d")))

	d := look(t, name)
	if d.Header.Topology != "mpsc" || d.Header.Capacity != 8192 || d.Positions.Capacity != 8*8192 || d.Positions.Messages != 4 || len(d.Members) != 3 {
		t.Errorf("%+v", d)
	}
	for i, want := range []memberInfo{{State: "gone", Occupied: 32, Messages: 2, Bytes: 2}, {State: "gone", Occupied: 16, Messages: 1, Bytes: 1}, {State: "attached", Occupied: 16, Messages: 1, Bytes: 1, Tag: 77}} {
		m := d.Members[i]
		if m.Index != i || m.Role != "producer" || m.State != want.State || m.Occupied != want.Occupied || m.Messages != want.Messages || m.Bytes != want.Bytes || m.Tag != want.Tag {
			t.Errorf("lane %d: %+v, want %+v", i, m, want)
		}
	}
	status, out, errText := call("inspect", name)
	for _, want := range []string{"mpsc, 8 lanes of bytes: 8192", "lane ", "32 of 8192", "gone", "77"} {
		if status != 0 || errText != "" || !strings.Contains(out, want) {
			t.Errorf("%d, %q: %q is missing in\n%s", status, errText, want, out)
		}
	}
	if status, out, _ := call("repair", name); status != 0 || !strings.Contains(out, "a lane for each producer") {
		t.Errorf("%d, %q", status, out)
	}
	must(t, p.Close())
	got := strings.Fields(string(passes(t, nil, "consume", name)))
	slices.Sort(got)
	if strings.Join(got, "") != "abcd" {
		t.Errorf("received %q", got)
	}

	if status, _, errText := call("crowd", "--topology", "2x2", "--contender", "lanes"); status != 2 || !strings.Contains(errText, "one consumer") {
		t.Errorf("exit status %d, %q", status, errText)
	}
	status, _, errText = callWith(t, nil, "produce", "--topology", "spsc", name)
	if status != 1 || !strings.Contains(errText, "topology is MPSC, want SPSC") {
		t.Errorf("another topology than the ring's: exit status %d, %q", status, errText)
	}
}
