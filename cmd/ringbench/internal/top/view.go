package top

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/typeset"
)

// Style is how a line is drawn where the terminal can.
type Style int

const (
	Plain Style = iota
	Heading
	Selected
	Alarm
	Caution
	Faint
)

// Line is one line of the screen, never wider than the view.
type Line struct {
	Text  string
	Style Style
}

// View is what is shown, and what keys do to it. It knows neither rings nor terminals.
type View struct {
	Width, Height int

	interval time.Duration
	round    Round
	rows     []Row // of the last round
	shown    []Row // those that match the filter, in order
	sort     sorting
	filter   string
	typing   bool   // of the filter
	before   string // the filter, to come back to
	paused   bool
	page     page
	chosen   int // ID of the row that is selected
	detail   int // ID of the ring that is open
	top      int // first line that is seen, of the page
}

type page int

const (
	listPage page = iota
	detailPage
	helpPage
)

// NewView is a view without rows yet.
func NewView(interval time.Duration) *View {
	return &View{Width: 80, Height: 24, interval: interval}
}

// Paused tells whether nothing new is wanted.
func (v *View) Paused() bool { return v.paused }

// Show takes the rows of a round in.
func (v *View) Show(r Round, rows []Row) {
	v.round, v.rows = r, rows
	v.arrange()
}

// arrange orders and filters the rows, and keeps the selection on one that is there.
func (v *View) arrange() {
	at := max(0, v.index())
	v.shown = v.shown[:0]
	for i := range v.rows {
		if matches(&v.rows[i], v.filter) {
			v.shown = append(v.shown, v.rows[i])
		}
	}
	v.sort.sort(v.shown)
	if v.index() < 0 {
		v.choose(at)
	}
}

// index is where the selected row stands; -1: nowhere.
func (v *View) index() int {
	return slices.IndexFunc(v.shown, func(r Row) bool { return r.ID == v.chosen })
}

func (v *View) choose(i int) {
	if len(v.shown) == 0 {
		return
	}
	v.chosen = v.shown[min(max(i, 0), len(v.shown)-1)].ID
}

// row finds the ring that is open; nil: it has gone.
func (v *View) row(id int) *Row {
	for i := range v.rows {
		if v.rows[i].ID == id {
			return &v.rows[i]
		}
	}
	return nil
}

// Lines is the screen: Height lines at most.
func (v *View) Lines() []Line {
	foot := v.foot()
	room := max(0, v.Height-len(foot))
	var out []Line
	switch v.page {
	case helpPage:
		out = v.scroll(helpLines, room)
	case detailPage:
		out = v.detailPage(room)
	default:
		out = v.listPage(room)
	}
	for len(out) < room {
		out = append(out, Line{})
	}
	out = append(out, foot...)
	out = out[max(0, len(out)-max(v.Height, 0)):]
	for i := range out {
		out[i].Text = clip(out[i].Text, v.Width)
	}
	return out
}

func (v *View) listPage(room int) []Line {
	longest := 0
	for i := range v.shown {
		longest = max(longest, wide(typeset.Printable(v.shown[i].Name)))
	}
	in := fit(v.Width, longest)
	out := []Line{{v.title(), Plain}, {heads(in, v.sort), Heading}}
	room -= len(out)
	at := max(0, v.index())
	if at < v.top {
		v.top = at
	}
	if at >= v.top+room {
		v.top = at - room + 1
	}
	v.top = max(0, min(v.top, len(v.shown)-room))
	for i := v.top; i < len(v.shown) && i < v.top+room; i++ {
		r := &v.shown[i]
		style := map[Level]Style{Bad: Alarm, Warning: Caution, Quiet: Faint}[r.Condition.Level]
		if r.ID == v.chosen {
			style = Selected
		}
		out = append(out, Line{pad(line(r, in), v.Width, false), style})
	}
	if len(v.shown) == 0 {
		out = append(out, Line{v.nothing(), Faint})
	}
	return out
}

// nothing says why there are no rows.
func (v *View) nothing() string {
	switch {
	case v.round.At.IsZero():
		return "looking"
	case v.round.Err != nil:
		return typeset.OneLine(v.round.Err)
	case len(v.rows) > 0:
		return fmt.Sprintf("none of %d matches %q", len(v.rows), v.filter)
	}
	return "no rings"
}

// title says how many there are, and in what state.
func (v *View) title() string {
	var bad, warn int
	for i := range v.rows {
		switch v.rows[i].Condition.Level {
		case Bad:
			bad++
		case Warning:
			warn++
		}
	}
	parts := []string{typeset.Plural(len(v.rows), "ring")}
	for _, p := range []struct {
		n    int
		what string
	}{{bad, "bad"}, {warn, "to look at"}, {v.round.Unreadable, "may not be read"}, {v.round.Foreign, "no rings"}} {
		if p.n > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", p.n, p.what))
		}
	}
	if v.paused {
		parts = append([]string{"PAUSED"}, parts...)
	}
	text := strings.Join(parts, ", ")
	if !v.round.At.IsZero() {
		text = fmt.Sprintf("%s  %s, each %v", v.round.At.Format(time.TimeOnly), text, v.interval)
	}
	return text
}

// foot is the last line: what keys do, or the filter.
func (v *View) foot() []Line {
	switch {
	case v.Height < 4:
		return nil
	case v.typing:
		return []Line{{"/" + v.filter + "_", Plain}}
	case v.page == helpPage:
		return []Line{{"any key: back", Faint}}
	case v.page == detailPage:
		return []Line{{"q quit  esc back  up/down scroll  p pause", Faint}}
	case v.filter != "":
		return []Line{{fmt.Sprintf("filter %q (esc clears it)  q quit  ? help", v.filter), Faint}}
	}
	return []Line{{"q quit ? help s sort / filter p pause enter open", Faint}}
}

// scroll cuts out of lines what there is room for.
func (v *View) scroll(lines []Line, room int) []Line {
	v.top = max(0, min(v.top, len(lines)-room))
	return slices.Clone(lines[v.top:min(len(lines), v.top+room)])
}

var helpLines = []Line{
	{"ringbench top: the rings and cells of this machine", Heading},
	{"", Plain},
	{"up down pgup pgdn home end, j k  select a ring", Plain},
	{"enter   open it: sides, members, lanes", Plain},
	{"esc     back; clears the filter", Plain},
	{"s S     sort by the next, the previous column", Plain},
	{"r       the other way round", Plain},
	{"/       filter by name, topology or state", Plain},
	{"p       pause: nothing is looked at", Plain},
	{"^L      draw the screen anew", Plain},
	{"^Z      suspend; fg resumes", Plain},
	{"q ^C    quit", Plain},
	{"", Plain},
	{"STATE, the worst that there is to say:", Heading},
	{"error      it cannot be looked at: why", Plain},
	{"prod dead, cons dead  gone without closing", Plain},
	{"... stopped  by a signal or a debugger", Plain},
	{"full 9s    and nothing taken out for so long", Plain},
	{"stalled 9s not empty, nothing taken out", Plain},
	{"unread 9s  the same, nobody is there to", Plain},
	{"member stuck  one of many stands still", Plain},
	{"losing, dropping  broadcast: consumers too slow", Plain},
	{"> before a time: since before top was started", Plain},
	{"", Plain},
	{"USED     part that is not released yet", Plain},
	{"IN OUT   messages a second; B: bytes", Plain},
	{"SLEEPS   who sleeps for want of the other", Plain},
	{"WAKE/s   system calls to wake the other", Plain},
	{"LOST     broadcast: messages dropped or lost", Plain},
}
