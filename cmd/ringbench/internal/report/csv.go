package report

import (
	"encoding/csv"
	"io"
	"strconv"
)

// CSV prints a line of names and a line for each result; what was not measured is empty. The error is w's.
func CSV(w io.Writer, results []Result) error {
	out := csv.NewWriter(w)
	lines := [][]string{{
		"kind", "family", "transport", "wait", "size", "batch", "processes", "runs", "messages", "seconds",
		"messages_per_second", "bytes_per_second", "cpu_ns_per_message",
		"p50_ns", "p90_ns", "p99_ns", "p99_9_ns", "p99_99_ns", "max_ns",
	}}
	number := func(v float64) string { return strconv.FormatFloat(v, 'f', -1, 64) }
	for i := range results {
		r := &results[i]
		line := []string{
			r.Kind, r.Family, r.Transport, r.Wait, strconv.Itoa(r.Size), strconv.Itoa(r.Batch), strconv.Itoa(r.Processes),
			strconv.Itoa(len(r.Runs)), strconv.FormatUint(r.Messages, 10), number(r.Seconds),
			number(r.MessagesPerSecond), number(r.BytesPerSecond), number(r.CPUNanosEach()),
		}
		if l := r.LatencyNS; l != nil {
			for _, ns := range []int64{l.P50, l.P90, l.P99, l.P999, l.P9999, l.Max} {
				line = append(line, strconv.FormatInt(ns, 10))
			}
		} else {
			line = append(line, "", "", "", "", "", "")
		}
		lines = append(lines, line)
	}
	return out.WriteAll(lines)
}
