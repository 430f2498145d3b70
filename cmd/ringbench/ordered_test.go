package main

import (
	"strings"
	"testing"

	"annulus/ring"
)

// A ring that produce creates for several producers in one order: consume prints it in that
// order, inspect and repair know it.
func TestOrdered(t *testing.T) {
	name := ringName(t)
	passes(t, []byte("a\nb\n"), "produce", "--topology", "mpsc-ordered", "--capacity", "8K", name)
	r, err := ring.Open(name)
	must(t, err)
	defer r.Close()
	p, err := r.Producer(ring.WithTag(77))
	must(t, err)
	must(t, p.TrySend([]byte("c")))
	passes(t, []byte("d\n"), "produce", "--topology", "mpsc-ordered", name)
	_, err = p.TryReserve(100)
	must(t, err)

	d := look(t, name)
	if d.Header.Topology != "mpsc-ordered" || d.Header.Capacity != 8192 || d.Positions.Occupied != 6*64 || d.Positions.Messages != 4 || len(d.Members) != 1 {
		t.Errorf("%+v", d)
	}
	// Its place had a holder before, whose two messages count.
	if m := d.Members[0]; m.Role != "producer" || m.State != "attached" || m.Messages != 3 || m.Tag != 77 || m.Claims != 2 || m.Claim != 4 {
		t.Errorf("%+v", m)
	}
	status, out, errText := call("inspect", name)
	for _, want := range []string{"mpsc-ordered, bytes: 8192, records of up to 4088", "occupied   384 of 8192 bytes", "77"} {
		if status != 0 || errText != "" || !strings.Contains(out, want) {
			t.Errorf("%d, %q: %q is missing in\n%s", status, errText, want, out)
		}
	}
	if status, out, _ := call("repair", name); status != 0 || !strings.Contains(out, "0 claims skipped") || !strings.Contains(out, "1 held by live ones") {
		t.Errorf("%d, %q", status, out)
	}
	must(t, p.Commit(1))
	must(t, p.Close())
	if got := string(passes(t, nil, "consume", name)); got != "a\nb\nc\nd\n\x00\n" {
		t.Errorf("received %q", got)
	}
	status, _, errText = callWith(t, nil, "produce", "--topology", "spsc", name)
	if status != 1 || !strings.Contains(errText, "topology is MPSC ordered, want SPSC") {
		t.Errorf("another topology than the ring's: exit status %d, %q", status, errText)
	}
}
