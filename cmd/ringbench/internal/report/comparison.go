package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// Comparison prints a table for each size: a row for each method, its throughput and its round trips beside
// those of the first ring; and what is missing. Columns of less weight are left out of a table that is wider than width; 0:
// of none.
func Comparison(w io.Writer, doc Document, width int) error {
	var b strings.Builder
	reference := reference(doc.Results)
	for _, size := range sizes(doc) {
		rows := comparedRows(doc, size)
		fmt.Fprintf(&b, "\n%d B, %s\n", size, comparedTo(rows, reference))
		if err := narrowed(&b, rows, reference, width); err != nil {
			return err
		}
	}
	if len(doc.Missing) > 0 {
		b.WriteString("\nnot measured:\n")
	}
	for i, m := range doc.Missing {
		what := fmt.Sprintf("(%d) %s", i+1, labelOf(m.Transport, m.Wait))
		if m.Size > 0 {
			what += fmt.Sprintf(", %d B", m.Size)
		}
		b.WriteString(what + ": " + m.Why + "\n")
		if m.Do != "" {
			b.WriteString("    " + m.Do + "\n")
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// compared is a row: one method at one size.
type compared struct {
	label      string
	throughput *Result
	roundTrip  *Result
}

func labelOf(transport, wait string) string {
	if wait == "" {
		return transport
	}
	return transport + "-" + wait
}

// label is what a row is called: with the wait where the family has a choice of it.
func label(r *Result) string {
	if r.Family == "ring" {
		return labelOf(r.Transport, r.Wait)
	}
	return r.Transport
}

// reference is the label that ratios refer to; "" for none.
func reference(results []Result) string {
	for i := range results {
		if results[i].Family == "ring" {
			return label(&results[i])
		}
	}
	return ""
}

func comparedTo(rows []compared, reference string) string {
	if slices.ContainsFunc(rows, func(c compared) bool { return c.label == reference }) {
		return "beside " + reference
	}
	return "no ring to compare with"
}

// sizes are those of the results, and of what is missing, in order.
func sizes(doc Document) (list []int) {
	for _, r := range doc.Results {
		list = append(list, r.Size)
	}
	for _, m := range doc.Missing {
		if m.Size > 0 {
			list = append(list, m.Size)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// comparedRows are those of a size, in the order of the results, then what has none.
func comparedRows(doc Document, size int) (rows []compared) {
	row := func(label string) *compared {
		i := slices.IndexFunc(rows, func(c compared) bool { return c.label == label })
		if i < 0 {
			i = len(rows)
			rows = append(rows, compared{label: label})
		}
		return &rows[i]
	}
	for i := range doc.Results {
		r := &doc.Results[i]
		switch {
		case r.Size != size:
		case r.LatencyNS != nil:
			row(label(r)).roundTrip = r
		default:
			row(label(r)).throughput = r
		}
	}
	for i, m := range doc.Missing {
		if m.Size == size {
			c := row(labelOf(m.Transport, m.Wait))
			c.label += fmt.Sprintf(" (%d)", i+1)
		}
	}
	return rows
}

// comparedColumns are the columns, each with what it is in a row beside that of the reference.
var comparedColumns = []struct {
	name string
	cell func(c, ring *compared) string
}{
	{"method", func(c, _ *compared) string { return c.label }},
	{"rate", func(c, _ *compared) string {
		return ofResult(c.throughput, func(r *Result) string { return SI(r.MessagesPerSecond, "/s") })
	}},
	{"of ring", rateRatio},
	{"bytes", func(c, _ *compared) string {
		return ofResult(c.throughput, func(r *Result) string { return SI(r.BytesPerSecond, "B/s") })
	}},
	{"cpu", func(c, _ *compared) string { return ofResult(c.throughput, cpuEach) }},
	{"p50", func(c, _ *compared) string {
		return ofResult(c.roundTrip, func(r *Result) string { return Nanos(r.LatencyNS.P50) })
	}},
	{"x ring", timeRatio},
	{"p99", func(c, _ *compared) string {
		return ofResult(c.roundTrip, func(r *Result) string { return Nanos(r.LatencyNS.P99) })
	}},
}

// lightest are the columns that are left out first.
var lightest = []string{"bytes", "p99", "cpu", "x ring", "of ring"}

// narrowed prints the rows without as many columns as it takes to fit.
func narrowed(b *strings.Builder, rows []compared, reference string, width int) error {
	for without := 0; ; without++ {
		var text strings.Builder
		if err := comparedTable(rows, reference, lightest[:without]).write(&text); err != nil {
			return err
		}
		if width == 0 || without == len(lightest) || longest(text.String()) <= width {
			b.WriteString(text.String())
			return nil
		}
	}
}

func longest(text string) (n int) {
	for line := range strings.Lines(text) {
		n = max(n, utf8.RuneCountInString(strings.TrimRight(line, "\n")))
	}
	return n
}

func comparedTable(rows []compared, reference string, without []string) table {
	t := table{left: 1, rows: make([][]string, 1+len(rows))}
	ring := &compared{}
	for i := range rows {
		if rows[i].label == reference {
			ring = &rows[i]
		}
	}
	for _, column := range comparedColumns {
		if slices.Contains(without, column.name) {
			continue
		}
		t.rows[0] = append(t.rows[0], column.name)
		for i := range rows {
			t.rows[i+1] = append(t.rows[i+1], column.cell(&rows[i], ring))
		}
	}
	return t
}

func ofResult(r *Result, cell func(*Result) string) string {
	if r == nil {
		return "-"
	}
	return cell(r)
}

// cpuEach is the processor time of both sides for a message.
func cpuEach(r *Result) string {
	if r.Messages == 0 {
		return "-"
	}
	return Nanos(int64(r.CPUNanosEach() + 0.5))
}

// CPUNanosEach is the processor time that each message took, of all sides together, in
// nanoseconds; 0 without messages.
func (r *Result) CPUNanosEach() float64 {
	if r.Messages == 0 {
		return 0
	}
	return r.CPUSeconds * 1e9 / float64(r.Messages)
}

func rateRatio(c, ring *compared) string {
	if c.throughput == nil || ring.throughput == nil || ring.throughput.MessagesPerSecond <= 0 {
		return "-"
	}
	return ratio(c.throughput.MessagesPerSecond / ring.throughput.MessagesPerSecond)
}

func timeRatio(c, ring *compared) string {
	if c.roundTrip == nil || ring.roundTrip == nil || ring.roundTrip.LatencyNS.P50 <= 0 {
		return "-"
	}
	return ratio(float64(c.roundTrip.LatencyNS.P50) / float64(ring.roundTrip.LatencyNS.P50))
}

// ratio prints two significant digits, below ten thousandths one.
func ratio(v float64) string {
	switch {
	case v >= 9.95:
		return fmt.Sprintf("%.0f", v)
	case v >= 0.995:
		return fmt.Sprintf("%.1f", v)
	case v >= 0.0995:
		return fmt.Sprintf("%.2f", v)
	case v >= 0.00995:
		return fmt.Sprintf("%.3f", v)
	case v > 0 && v < 0.00005:
		return "<0.0001"
	}
	return fmt.Sprintf("%.4f", v)
}
