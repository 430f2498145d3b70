package top

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/typeset"
	"annulus/ring"
)

// column is one figure of a row.
type column struct {
	head  string
	width int
	right bool
	worth int // the lowest go first where there is no room
	cell  func(*Row) string
	order func(a, b *Row) int // ascending
	most  bool                // sorted by it, the greatest comes first
}

// columns are all there are, in the order in which they stand.
var columns = []column{
	{head: "NAME", width: 12, worth: 100, cell: func(r *Row) string { return typeset.Printable(r.Name) }, order: func(a, b *Row) int { return cmp.Compare(a.Name, b.Name) }},
	{head: "STATE", width: 13, worth: 95, most: true, cell: func(r *Row) string { return r.Condition.String() }, order: by(badness)},
	{head: "USED", width: 4, right: true, worth: 90, most: true, cell: used, order: by(func(r *Row) float64 { return r.Used })},
	{head: "BAR", width: 10, worth: 40, cell: bar},
	{head: "IN/s", width: 5, right: true, worth: 85, most: true, cell: rate(func(r *Row) float64 { return r.In }), order: by(func(r *Row) float64 { return r.In })},
	{head: "OUT/s", width: 5, right: true, worth: 80, most: true, cell: rate(func(r *Row) float64 { return r.Out }), order: by(func(r *Row) float64 { return r.Out })},
	{head: "INB/s", width: 6, right: true, worth: 50, most: true, cell: rate(func(r *Row) float64 { return r.InBytes }), order: by(func(r *Row) float64 { return r.InBytes })},
	{head: "OUTB/s", width: 6, right: true, worth: 35, most: true, cell: rate(func(r *Row) float64 { return r.OutBytes }), order: by(func(r *Row) float64 { return r.OutBytes })},
	{head: "PRODUCER", width: 12, worth: 70, cell: func(r *Row) string { return r.Producers.String() }},
	{head: "CONSUMER", width: 12, worth: 65, cell: func(r *Row) string { return r.Consumers.String() }},
	{head: "SLEEPS", width: 6, worth: 45, cell: func(r *Row) string { return r.Sleepers }},
	{head: "WAKE/s", width: 6, right: true, worth: 30, most: true, cell: rate(func(r *Row) float64 { return r.Wakes }), order: by(func(r *Row) float64 { return r.Wakes })},
	{head: "LOST", width: 5, right: true, worth: 25, most: true, cell: lost, order: by(func(r *Row) float64 { return float64(r.Lost + r.Stats.Dropped) })},
	{head: "TOPOLOGY", width: 12, worth: 60, cell: topology, order: func(a, b *Row) int { return cmp.Compare(topology(a), topology(b)) }},
	{head: "KIND", width: 5, worth: 15, cell: kind},
	{head: "CAPACITY", width: 9, right: true, worth: 20, most: true, cell: capacity, order: by(func(r *Row) float64 { return float64(r.Size) })},
}

func by(f func(*Row) float64) func(a, b *Row) int {
	return func(a, b *Row) int { return cmp.Compare(f(a), f(b)) }
}

// badness orders states: the worst last, and of stalls the longest.
func badness(r *Row) float64 {
	return float64(r.Condition.Level) + min(0.9, float64(r.Stall.For)/float64(365*24*time.Hour))
}

func rate(f func(*Row) float64) func(*Row) string {
	return func(r *Row) string {
		if !r.Known {
			return "-"
		}
		return brief(f(r))
	}
}

func used(r *Row) string {
	if r.Cell != nil {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", 100*r.Used)
}

func bar(r *Row) string {
	if r.Cell != nil {
		return ""
	}
	const width = 10
	n := int(r.Used*width + 0.5)
	if n == 0 && r.Used > 0 {
		n = 1
	}
	return strings.Repeat("#", n) + strings.Repeat(".", width-n)
}

func lost(r *Row) string {
	if r.Config.Topology != ring.Broadcast {
		return "-"
	}
	return brief(float64(r.Lost + r.Stats.Dropped))
}

func topology(r *Row) string {
	if r.Cell != nil {
		return r.Cell.Kind
	}
	return r.Config.Topology.Name()
}

func kind(r *Row) string {
	if r.Cell != nil {
		return "-"
	}
	return r.Config.Kind.String()
}

func capacity(r *Row) string {
	switch {
	case r.Cell != nil:
		return binary(uint64(r.Cell.Room))
	case r.Config.Kind == ring.Slots:
		return fmt.Sprintf("%dx%s", r.Stats.Capacity, binary(uint64(r.Config.SlotSize)))
	}
	return binary(r.Stats.Capacity)
}

// fit chooses the columns that a screen has room for, by their worth. The name is given
// three tenths, and what is left, up to longest. It stands there however narrow it is.
func fit(width, longest int) []column {
	order := slices.Clone(columns)
	name := max(columns[0].width, min(longest, width*3/10))
	slices.SortStableFunc(order, func(a, b column) int { return b.worth - a.worth })
	chosen, left := map[string]bool{}, width
	for i, c := range order {
		need := c.width + 1
		if i == 0 {
			need = min(name, width)
		}
		if need > left {
			break // what is worth less does not stand in its place
		}
		chosen[c.head] = true
		left -= need
	}
	var out []column
	for _, c := range columns {
		if !chosen[c.head] {
			continue
		}
		if c.head == "NAME" {
			c.width = min(name, width) + max(0, min(left, longest-name))
		}
		out = append(out, c)
	}
	return out
}
