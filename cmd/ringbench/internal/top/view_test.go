package top

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"annulus/ring"
	"annulus/seqlock"
)

// shown is a view of n rings, the second of which is dead and the third an error, and of a cell.
func shown(n int) *View {
	var r, again Round
	for i := range n {
		s, later := at(0, 100, 90), at(1, 100+uint64(i), 90+uint64(i))
		s.Name = fmt.Sprintf("ring-%03d", i)
		if i == 1 {
			later.Stats.Producer.Attached = false
		}
		if i == 2 {
			s.Err = "no ring: " + strings.Repeat("long ", 50)
			later.Err = s.Err
		}
		s.ID, later.ID, later.Name = i+1, i+1, s.Name
		r.Samples, again.Samples = append(r.Samples, s), append(again.Samples, later)
	}
	r.At, again.At = noon, noon.Add(time.Second)
	again.Samples = append(again.Samples, Sample{ID: 1000, Name: "a cell\x1b[2J", At: again.At, Cell: &CellSample{Kind: "cell", Stats: seqlock.Stats{Sessions: 1}}})
	var h History
	h.Add(r, time.Second)
	v := NewView(time.Second)
	v.Show(again, h.Add(again, time.Second))
	return v
}

func text(v *View) string {
	var all []string
	for _, l := range v.Lines() {
		all = append(all, l.Text)
	}
	return strings.Join(all, "\n")
}

func has(t *testing.T, v *View, want ...string) {
	t.Helper()
	for _, w := range want {
		if !strings.Contains(text(v), w) {
			t.Errorf("%q is missing in\n%s", w, text(v))
		}
	}
}

func press(v *View, keys string) (last Action) {
	for _, c := range keys {
		k, s := map[rune]Key{'\n': KeyEnter, '\x1b': KeyEscape, '\b': KeyBackspace, 'v': KeyDown, '^': KeyUp, 'V': KeyPageDown, '>': KeyEnd, '<': KeyHome}[c], string(c)
		last = v.Press(k, s)
	}
	return last
}

// No line is wider than the screen, and there are as many lines, on whatever page.
func TestEverySize(t *testing.T) {
	for _, page := range []string{"", "\n", "vv\n", ">\n", "?", "/x", "/zzz\n"} {
		for _, n := range []int{0, 1, 40} {
			v := shown(n)
			press(v, page)
			for w := range 170 {
				for _, h := range []int{0, 1, 2, 3, 4, 5, 12, 30, 60} {
					v.Width, v.Height = w, h
					lines := v.Lines()
					if len(lines) != h {
						t.Fatalf("%q, %d rings, %dx%d: %d lines", page, n, w, h, len(lines))
					}
					for _, l := range lines {
						if wide(l.Text) > w || strings.ContainsAny(l.Text, "\n\x1b\t") {
							t.Fatalf("%q, %d rings, %dx%d: %q", page, n, w, h, l.Text)
						}
					}
				}
			}
		}
	}
}

func TestList(t *testing.T) {
	v := shown(3)
	v.Width, v.Height = 120, 10
	has(t, v, "4 rings", "3 bad", "NAME", "11 dead", "prod dead", "error: no ring: long", `"a cell\x1b[2J"`)
	if lines := v.Lines(); lines[4].Style != Alarm || lines[2].Style != Selected {
		t.Errorf("styles %+v", lines)
	}
	v.Width = 40
	has(t, v, "prod dead", "ring-001")
}

func TestSelection(t *testing.T) {
	v := shown(40)
	v.Width, v.Height = 80, 12
	name := func() string { return v.shown[v.index()].Name }
	press(v, ">")
	if name() != "ring-039" {
		t.Errorf("the end is %s", name())
	}
	has(t, v, "ring-039")
	press(v, "^V<v")
	if name() != "ring-000" {
		t.Errorf("it is at %s", name())
	}
	has(t, v, "ring-000")
	press(v, "v")
	id := v.chosen
	press(v, "ssss")
	if v.chosen != id {
		t.Error("another order has another selection")
	}
	v.Show(Round{At: noon}, v.rows[5:])
	if v.index() < 0 {
		t.Error("the selected ring went and nothing is selected")
	}
	v.Show(Round{At: noon}, nil)
	press(v, "vV>\n")
	has(t, v, "no rings")
}

func TestOrder(t *testing.T) {
	v := shown(6)
	v.Width, v.Height = 120, 12
	first := func() string { return v.shown[0].Name }
	press(v, "s") // STATE
	if v.shown[0].Condition.Level != Bad {
		t.Errorf("the worst is %s", first())
	}
	press(v, "ss") // IN/s
	has(t, v, "IN/sv")
	if first() != "ring-005" {
		t.Errorf("the fastest is %s", first())
	}
	press(v, "r")
	if has(t, v, "IN/s^"); first() == "ring-005" {
		t.Error("it is not reversed")
	}
}

func TestFilter(t *testing.T) {
	v := shown(20)
	v.Width, v.Height = 100, 30
	if press(v, "/q"); v.filter != "q" {
		t.Error("q quits while a filter is typed")
	}
	press(v, "\b00")
	has(t, v, "/00_", "ring-009")
	if len(v.shown) != 10 {
		t.Errorf("%d match", len(v.shown))
	}
	press(v, "\n")
	has(t, v, `filter "00"`)
	press(v, "/7\x1b")
	if v.filter != "00" {
		t.Errorf("escape leaves %q", v.filter)
	}
	press(v, "/\b\bprod dead\n")
	if len(v.shown) != 1 || v.shown[0].Name != "ring-001" {
		t.Errorf("%d are dead", len(v.shown))
	}
	press(v, "/xyz\n")
	has(t, v, "none of 21 matches")
	if press(v, "\x1b"); len(v.shown) != 21 {
		t.Errorf("%d without a filter", len(v.shown))
	}
}

func TestPages(t *testing.T) {
	v := shown(3)
	v.Width, v.Height = 100, 30
	press(v, "v\n")
	has(t, v, "ring-000", "producer", "consumer", "slots", "tail 100")
	press(v, "\x1b?")
	has(t, v, "sort by the next")
	press(v, "x")
	has(t, v, "NAME")
	if press(v, "p"); !v.Paused() {
		t.Error("p does not pause")
	}
	has(t, v, "PAUSED")
	press(v, "v\n") // ring-001
	v.Show(Round{At: noon}, v.rows[:1])
	has(t, v, "it has gone")
	if press(v, "q") != Quit {
		t.Error("q does not quit")
	}
}

func TestMembersInDetail(t *testing.T) {
	member := func(i int) Sample {
		s := at(i, 9, 9)
		s.Config.Topology = ring.MPMC
		s.Stats.Members = []ring.MemberStats{
			{Index: 0, Producer: true, PID: 71, Attached: true}, {Index: 1, PID: 72, Attached: true, Claims: 2, Claim: 5}, {Index: 2, PID: 73},
		}
		return s
	}
	var h History
	v := NewView(time.Second)
	for i := range 4 {
		r := Round{At: noon, Samples: []Sample{member(i)}}
		v.Show(r, h.Add(r, time.Second))
	}
	v.Width, v.Height = 100, 40
	press(v, "\n")
	has(t, v, "71   attached", "72   attached", ">3s", "73   dead")
}
