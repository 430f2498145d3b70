package diff

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/typeset"
)

// noteNumber gives equal notes equal numbers.
type noteNumber []string

func (n *noteNumber) of(notes []string) string {
	var out []string
	for _, note := range notes {
		i := slices.Index(*n, note)
		if i < 0 {
			i = len(*n)
			*n = append(*n, note)
		}
		out = append(out, fmt.Sprint(i+1))
	}
	if len(out) == 0 {
		return ""
	}
	return "[" + strings.Join(out, ",") + "]"
}

// Write prints the comparison for people.
func (c *Comparison) Write(w io.Writer) error {
	var b strings.Builder
	fmt.Fprintf(&b, "old: %s%s\nnew: %s%s\n", strings.Join(c.Old, ", "), c.commits[0], strings.Join(c.New, ", "), c.commits[1])
	for _, e := range c.Environments {
		fmt.Fprintf(&b, "the environments differ: %s\n", e)
	}
	b.WriteString("\n")
	if len(c.Rows) > 0 {
		rows := [][]string{{"name", "metric", "", "old", "new", "ratio", "change", "", "notes"}}
		for _, r := range c.Rows {
			rows = append(rows, c.cells(&r))
		}
		for _, m := range c.Means {
			rows = append(rows, []string{"geomean", m.Metric, "", figure(m.Old, m.Unit), figure(m.New, m.Unit), fmt.Sprintf("%.3f", m.Ratio), fmt.Sprintf("%+.2f%%", 100*(m.Ratio-1)), "", ""})
		}
		if err := report.Table(&b, 3, rows); err != nil {
			return err
		}
	}
	for _, side := range []struct {
		name string
		list []string
	}{{"old", c.OnlyOld}, {"new", c.OnlyNew}} {
		for _, k := range side.list {
			fmt.Fprintf(&b, "only in %s: %s\n", side.name, k)
		}
	}
	if len(c.notes) > 0 {
		b.WriteString("\n")
	}
	for i, n := range c.notes {
		fmt.Fprintf(&b, "[%d] %s\n", i+1, n)
	}
	fmt.Fprintf(&b, "\nmedians with intervals at confidence %v; ~: no difference at alpha %v (Mann-Whitney U test); worse: by more than %v%%\n", Confidence, c.Alpha, 100*c.Threshold)
	_, err := io.WriteString(w, b.String())
	return err
}

func (c *Comparison) cells(r *Row) []string {
	mark := map[string]string{"worse": "worse", "better": "better"}[r.Change]
	ratio := "-"
	if r.Ratio != nil {
		ratio = fmt.Sprintf("%.3f", *r.Ratio)
	}
	return []string{
		r.Name, r.Metric, mark,
		figure(r.Old.Median, r.Unit) + " ± " + r.Old.span, figure(r.New.Median, r.Unit) + " ± " + r.New.span,
		ratio, r.delta, "(" + r.test + ")", c.notes.of(r.Notes),
	}
}

func figure(v float64, unit string) string {
	if unit == "ns" {
		return report.Nanos(int64(v))
	}
	return report.SI(v, unit)
}

// commits says which ones a side's documents are of.
func commits(s *Side) string {
	text := distinct(s.Environments, func(e report.Environment) string {
		if e.Commit == nil {
			return ""
		}
		return *e.Commit
	})
	if text == "" {
		return ""
	}
	return typeset.Visible(" (commit " + text + ")")
}
