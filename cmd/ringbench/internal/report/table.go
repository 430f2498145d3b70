package report

import (
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Throughput prints one aligned row per result: rate, bytes, CPU time, wakes.
func Throughput(w io.Writer, results []Result) error {
	t := table{left: 3, rows: [][]string{
		{"transport", "topology", "wait", "size", "batch", "messages", "rate", "bytes", "cpu", "wakes"},
	}}
	for _, r := range results {
		t.rows = append(t.rows, []string{
			r.Transport, topology(r), r.Wait, fmt.Sprintf("%d B", r.Size), fmt.Sprint(r.Batch),
			Count(r.Messages), SI(r.MessagesPerSecond, "/s"), SI(r.BytesPerSecond, "B/s"),
			cpu(r), wakes(r),
		})
	}
	return t.write(w)
}

// Latencies prints one aligned row of percentiles per result.
func Latencies(w io.Writer, results []Result) error {
	t := table{left: 3, rows: [][]string{
		{"transport", "topology", "wait", "size", "messages", "p50", "p90", "p99", "p99.9", "p99.99", "max", "cpu", "wakes"},
	}}
	for _, r := range results {
		row := []string{r.Transport, topology(r), r.Wait, fmt.Sprintf("%d B", r.Size), Count(r.Messages)}
		if l := r.LatencyNS; l != nil {
			row = append(row, Nanos(l.P50), Nanos(l.P90), Nanos(l.P99), Nanos(l.P999), Nanos(l.P9999), Nanos(l.Max))
		} else {
			row = append(row, "-", "-", "-", "-", "-", "-")
		}
		t.rows = append(t.rows, append(row, cpu(r), wakes(r)))
	}
	return t.write(w)
}

func topology(r Result) string {
	if r.Processes == 1 {
		return r.Topology + ", in process"
	}
	return fmt.Sprintf("%s, %d processes", r.Topology, r.Processes)
}

// Count prints a small number as it is.
func Count(n uint64) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return SI(float64(n), "")
}

// cpu is the processor time of both sides as a share of one CPU.
func cpu(r Result) string {
	if r.Seconds <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f%%", 100*r.CPUSeconds/r.Seconds)
}

func wakes(r Result) string {
	if r.Wakes == nil {
		return "-"
	}
	return Count(*r.Wakes)
}

// Table prints rows, all of the same length, in aligned columns: the first left
// ones to the left, the others to the right.
func Table(w io.Writer, left int, rows [][]string) error { return table{left, rows}.write(w) }

// table aligns its columns: the first left ones to the left, the others to the
// right.
type table struct {
	left int
	rows [][]string
}

func (t table) write(w io.Writer) error {
	width := make([]int, len(t.rows[0]))
	for _, row := range t.rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	var out strings.Builder
	for _, row := range t.rows {
		var line strings.Builder
		for i, cell := range row {
			pad := strings.Repeat(" ", width[i]-utf8.RuneCountInString(cell))
			if i < t.left {
				line.WriteString(cell + pad + "  ")
			} else {
				line.WriteString(pad + cell + "  ")
			}
		}
		out.WriteString(strings.TrimRight(line.String(), " ") + "\n")
	}
	_, err := io.WriteString(w, out.String())
	return err
}
