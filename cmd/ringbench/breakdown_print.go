package main

import (
	"fmt"
	"io"
	"strings"

	"annulus/cmd/ringbench/internal/breakdown"
	"annulus/cmd/ringbench/internal/report"
)

// print prints a table for each ring, wait and size.
func (d *breakdownDoc) print(w io.Writer) error {
	if err := d.Environment.Write(w); err != nil {
		return err
	}
	_, err := fmt.Fprintf(w, "one way, %d messages a second; stamps by the %s; each adds %.0f ns, taken off the stages within one process\n",
		d.Rate, d.Clock, d.StampNS)
	if err != nil {
		return err
	}
	for i := range d.Results {
		if err := d.Results[i].print(w, d.CPUs); err != nil {
			return err
		}
	}
	_, err = io.WriteString(w, "\n"+d.cpusText()+"\n")
	return err
}

// cpusText says what the choice of the CPUs costs.
func (d *breakdownDoc) cpusText() string {
	c := d.CPUs
	if c == nil {
		return "no estimate: " + d.CPUsMissing
	}
	text := fmt.Sprintf("CPUs %d,%d (%s) pass a cache line in %s", c.A, c.B, c.Relation, c.Line)
	switch over := c.Line.Median - c.Best.OneWay.Median; {
	case c.Pairs <= 1:
		text += "; there is no other pair to choose"
	case over <= 0:
		text += "; no pair is better"
	default:
		text += fmt.Sprintf("; the best pair, --cpus %s (%s), in %s: the choice costs %.0f ns a line", c.Best.CPUs, c.Best.Relation, c.Best.OneWay, over)
	}
	return text
}

func (r *taken) print(w io.Writer, cpus *chosenCPUs) error {
	_, err := fmt.Fprintf(w, "\n%s, %s, %d B: %d messages with all stamps, %d with two; for %.0f%% a system call woke the consumer; %d that did not find it waiting are left out\n",
		r.Transport, r.Wait, r.Size, r.Messages, r.Plain, percent(r.Woken, r.Messages), r.Busy)
	if err != nil {
		return err
	}
	if r.Messages == 0 {
		_, err := io.WriteString(w, "no message found the consumer waiting: take a lower --rate, or a machine that is less busy\n")
		return err
	}
	rows := [][]string{{"stage", "p50", "p99", "mean", "share", ""}}
	for _, s := range r.Stages {
		rows = append(rows, []string{s.Name, nanos(s.P50), nanos(s.P99), nanos(s.Mean), fmt.Sprintf("%.1f%%", 100*s.Share), bar(s.Share)})
	}
	rows = append(rows,
		[]string{"sum", nanos(r.SumP50), "", nanos(r.SumMean), "100%", ""},
		wholeRow("whole, two stamps", r.Measured),
		[]string{"unexplained", nanos(r.UnexplainedP50), "", nanos(r.UnexplainedMean), "", ""},
		wholeRow("whole, all stamps", r.Stamped))
	if s := r.WakeCall; s != nil {
		rows = append(rows, []string{"beside: wake call", nanos(s.P50), nanos(s.P99), nanos(s.Mean), "", ""})
	}
	if err := report.Table(w, 1, rows); err != nil {
		return err
	}
	t := r.Transfers
	text := fmt.Sprintf("cache lines a message: header %.2f, payload %.2f, positions %.2f, gate %.2f: %.2f", t.Header, t.Payload, t.Positions, t.Gate, t.Sum())
	if e := r.Estimate; e != nil {
		text += fmt.Sprintf("\nat %.0f ns each: %s if they travel together, %s one after the other; measured without the wake: %s",
			cpus.Line.Median, nanos(e.Together), nanos(e.InTurn), nanos(e.Measured))
		if e.OverBest > 0 && cpus.Pairs > 1 {
			text += fmt.Sprintf("; on the best pair up to %s less", nanos(e.OverBest))
		}
	}
	_, err = io.WriteString(w, text+"\n")
	return err
}

func wholeRow(name string, w breakdown.Whole) []string {
	return []string{name, nanos(w.P50), nanos(w.P99), nanos(w.Mean), "", ""}
}

// nanos prints a time that may be less than 0.
func nanos(ns float64) string {
	if ns < 0 {
		return "-" + report.Nanos(int64(-ns+0.5))
	}
	return report.Nanos(int64(ns + 0.5))
}

func percent(n, of int) float64 { return 100 * float64(n) / float64(max(of, 1)) }

// bar draws a share, with a character for each 5 %.
func bar(share float64) string {
	n := min(max(int(20*share+0.5), 0), 20)
	return strings.Repeat("#", n) + strings.Repeat(" ", 20-n)
}
