package top

import (
	"fmt"
	"io"
	"strings"

	"annulus/cmd/ringbench/internal/typeset"
)

// Print writes rows as a table of all columns, for a pipe or a terminal that can do
// nothing. What cannot be looked at follows, a line each.
func Print(w io.Writer, r Round, rows []Row) error {
	if r.Err != nil {
		return r.Err
	}
	sorting{}.sort(rows)
	table := [][]string{{}}
	for _, c := range columns {
		table[0] = append(table[0], c.head)
	}
	var below strings.Builder
	for i := range rows {
		if rows[i].Err != "" {
			fmt.Fprintf(&below, "%s: %s\n", typeset.Printable(rows[i].Name), rows[i].Err)
			continue
		}
		row := make([]string, len(columns))
		for n, c := range columns {
			row[n] = c.cell(&rows[i])
		}
		table = append(table, row)
	}
	var b strings.Builder
	if len(table) > 1 {
		for _, l := range aligned(table) {
			b.WriteString(strings.TrimRight(l, " ") + "\n")
		}
	} else if below.Len() == 0 {
		b.WriteString("no rings\n")
	}
	b.WriteString(below.String())
	if r.Unreadable > 0 {
		fmt.Fprintf(&b, "%d other files may not be read by this user\n", r.Unreadable)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// aligned puts the cells of all columns below each other, as wide as they are.
func aligned(table [][]string) []string {
	out := make([]string, len(table))
	for i, c := range columns {
		width := 0
		for _, row := range table {
			width = max(width, wide(row[i]))
		}
		for n, row := range table {
			out[n] += pad(row[i], width, c.right) + "  "
		}
	}
	return out
}
