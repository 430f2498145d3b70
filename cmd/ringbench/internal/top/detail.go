package top

import (
	"fmt"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/typeset"
	"annulus/ring"
)

// detailPage is one ring: what it is, its sides, and its members or lanes.
func (v *View) detailPage(room int) []Line {
	r := v.row(v.detail)
	if r == nil {
		return []Line{{"it has gone (esc: back)", Caution}}
	}
	head := []Line{{typeset.Printable(r.Name), Heading}, {stateLine(r), styleOf(r)}}
	if v.paused {
		head[1].Text = "PAUSED  " + head[1].Text
	}
	var body []Line
	switch {
	case r.Err != "":
		body = wrapped(r.Err, v.Width)
	case r.Cell != nil:
		body = cellLines(r)
	default:
		body = ringLines(r)
	}
	return append(head, v.scroll(body, max(0, room-len(head)))...)
}

func styleOf(r *Row) Style {
	return map[Level]Style{Bad: Alarm, Warning: Caution}[r.Condition.Level]
}

func stateLine(r *Row) string {
	text := r.Condition.String()
	if r.Stall.For >= stallAfter && !strings.Contains(text, r.Stall.String()) {
		text += ", not drained for " + r.Stall.String()
	}
	if r.Full && !strings.HasPrefix(text, "full") {
		text += ", full"
	}
	if r.SlowFactor > 1 {
		text += fmt.Sprintf(", looked at only each %d intervals: that takes %v", r.SlowFactor, r.Took.Round(time.Millisecond))
	}
	return text
}

// wrapped is a text in as many lines as it needs.
func wrapped(text string, width int) (out []Line) {
	for line := ""; text != ""; line = "" {
		for _, c := range text {
			if wide(line+string(c)) > max(width, 2) {
				break
			}
			line += string(c)
		}
		out = append(out, Line{Text: line})
		text = text[len(line):]
	}
	return out
}

func ringLines(r *Row) (out []Line) {
	s := &r.Stats
	out = append(out,
		Line{Text: fmt.Sprintf("%s of %s, capacity %s, %s, %s", topology(r), kind(r), capacity(r), r.Backing, binary(uint64(r.Size)))},
		Line{Text: fmt.Sprintf("created %s by pid %d, boot %s", stamp(r.Info.Created, r.At), r.Info.CreatorPID, r.Info.Boot)},
		Line{Text: fmt.Sprintf("[%s] %s, tail %d, head %d", bar(r), used(r), s.Tail, s.Head)},
	)
	if r.Config.Topology == ring.Broadcast {
		out = append(out, Line{Text: fmt.Sprintf("overrun %s, dropped %d (%s/s), lost %d (%s/s)", r.Config.Overrun, s.Dropped, brief(r.Dropped), r.Lost, brief(r.Rates.Lost))})
	} else if n := int64(s.Producer.Messages - s.Consumer.Messages); n >= 0 {
		out = append(out, Line{Text: fmt.Sprintf("%d messages wait", n)})
	}
	rows := [][]string{{"", "producer", "consumer"}}
	add := func(name string, of func(ring.SideStats) any) {
		rows = append(rows, []string{name, fmt.Sprint(of(s.Producer)), fmt.Sprint(of(s.Consumer))})
	}
	add("state", func(s ring.SideStats) any { return s.State() })
	add("pid", func(s ring.SideStats) any { return s.PID })
	add("since", func(s ring.SideStats) any { return stamp(s.Since, r.At) })
	add("sessions", func(s ring.SideStats) any { return s.Sessions })
	rows = append(rows, []string{"messages/s", rate(func(r *Row) float64 { return r.In })(r), rate(func(r *Row) float64 { return r.Out })(r)})
	add("messages", func(s ring.SideStats) any { return s.Messages })
	add("bytes", func(s ring.SideStats) any { return s.Bytes })
	add("wakes", func(s ring.SideStats) any { return s.Wakes })
	add("parks", func(s ring.SideStats) any { return s.Parks })
	add("asleep", func(s ring.SideStats) any { return s.Asleep && s.Attached })
	add("repaired", func(s ring.SideStats) any { return s.Repaired })
	out = append(out, Line{})
	out = append(out, tabled(rows, 1)...)
	return append(out, memberLines(r)...)
}

// memberLines lists endpoints, or lanes and who sends in them.
func memberLines(r *Row) []Line {
	if len(r.Stats.Members) == 0 {
		return nil
	}
	rows := [][]string{{"#", "role", "pid", "state", "messages", "claims", "still", "occupied"}}
	switch r.Config.Topology {
	case ring.Broadcast:
		rows[0][5], rows[0][7] = "lost", "lag"
	case ring.MPSC:
		rows[0][0] = "lane"
	}
	var styles []Style
	for _, m := range r.Stats.Members {
		role, still := "consumer", "-"
		if m.Producer {
			role = "producer"
		}
		stuck := r.Stuck[keyOf(m)]
		if stuck.For > 0 {
			still = stuck.String()
		}
		row := []string{fmt.Sprint(m.Index), role, fmt.Sprint(m.PID), m.State(), fmt.Sprint(m.Messages), fmt.Sprint(m.Claims), still, fmt.Sprint(m.Occupied)}
		if r.Config.Topology == ring.Broadcast {
			row[5], row[7] = fmt.Sprint(m.Lost), fmt.Sprint(m.Lag)
		}
		style := Plain
		switch {
		case m.State() == "dead":
			style = Alarm
		case m.State() == "stopped" || stuck.For >= stallAfter:
			style = Caution
		}
		rows, styles = append(rows, row), append(styles, style)
	}
	out := append([]Line{{}}, tabled(rows, 4)...)
	for i, s := range styles {
		out[i+2].Style = s
	}
	return out
}

func cellLines(r *Row) []Line {
	c := r.Cell
	element := typeset.Printable(c.Element)
	if element == "" {
		element = "bytes"
	}
	return append([]Line{
		{Text: fmt.Sprintf("%s of %s, %d of %d bytes, %s", c.Kind, element, c.Length, c.Room, r.Backing)},
		{},
	}, tabled([][]string{
		{"version", fmt.Sprint(c.Version)},
		{"versions/s", rate(func(r *Row) float64 { return r.In })(r)},
		{"writer", r.Producers.String()},
		{"since", stamp(c.Since, r.At)},
		{"sessions", fmt.Sprint(c.Sessions)},
		{"writing", fmt.Sprint(c.Writing)},
		{"wakes", fmt.Sprint(c.Wakes)},
		{"readers' sleeps", fmt.Sprint(c.Waits)},
		{"readers asleep", fmt.Sprint(c.Asleep)},
	}, 1)...)
}

// tabled aligns cells: the first left ones to the left, the others to the right.
func tabled(rows [][]string, left int) []Line {
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], wide(cell))
		}
	}
	out := make([]Line, len(rows))
	for n, row := range rows {
		cells := make([]string, len(row))
		for i, cell := range row {
			cells[i] = pad(cell, width[i], i >= left)
		}
		out[n].Text = strings.Join(cells, "  ")
	}
	return out
}

// stamp is a time of the day, or the day if it is long ago.
func stamp(t, now time.Time) string {
	switch {
	case t.IsZero():
		return "-"
	case now.Sub(t).Abs() < 24*time.Hour:
		return t.Format(time.TimeOnly)
	}
	return t.Format(time.DateOnly)
}
