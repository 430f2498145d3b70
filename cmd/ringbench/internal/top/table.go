package top

import (
	"slices"
	"strings"
)

// sorting is the column that rows are in the order of.
type sorting struct {
	column  int // in columns
	reverse bool
}

// next is the sorting by the next column that has an order, or the one before.
func (s sorting) next(step int) sorting {
	for {
		s.column = (s.column + step + len(columns)) % len(columns)
		if columns[s.column].order != nil {
			return sorting{column: s.column}
		}
	}
}

// sort puts rows in order; equal ones by name.
func (s sorting) sort(rows []Row) {
	c := columns[s.column]
	sign := 1
	if c.most != s.reverse {
		sign = -1
	}
	slices.SortStableFunc(rows, func(a, b Row) int {
		if o := c.order(&a, &b); o != 0 {
			return sign * o
		}
		if o := strings.Compare(a.Name, b.Name); o != 0 {
			return o
		}
		return a.ID - b.ID
	})
}

// matches tells whether a row is wanted: a filter is part of the name, the topology or the
// state, in any case.
func matches(r *Row, filter string) bool {
	filter = strings.ToLower(filter)
	for _, text := range []string{r.Name, topology(r), r.Condition.Word} {
		if strings.Contains(strings.ToLower(text), filter) {
			return true
		}
	}
	return false
}

// line is one row in columns.
func line(r *Row, in []column) string {
	var b strings.Builder
	for i, c := range in {
		if i > 0 {
			b.WriteByte(' ')
		}
		if r.Err != "" && i > 0 { // all that is known goes over the columns
			b.WriteString(pad("error: "+r.Err, wideOf(in[i:]), false))
			break
		}
		b.WriteString(pad(c.cell(r), c.width, c.right))
	}
	return b.String()
}

// wideOf is how wide columns stand together.
func wideOf(in []column) int {
	n := len(in) - 1
	for _, c := range in {
		n += c.width
	}
	return n
}

// heads is the line above the rows; the column that they are sorted by has a mark.
func heads(in []column, s sorting) string {
	var b strings.Builder
	for i, c := range in {
		if i > 0 {
			b.WriteByte(' ')
		}
		h := c.head
		if columns[s.column].head == c.head {
			mark := "^"
			if c.most != s.reverse {
				mark = "v"
			}
			h = clip(h, c.width-1) + mark
		}
		b.WriteString(pad(h, c.width, c.right))
	}
	return b.String()
}
