package main

import (
	"fmt"
	"io"
	"path"

	"annulus/cmd/ringbench/internal/load"
	"annulus/cmd/ringbench/internal/report"
)

// printLoad prints what became of a profile's rings, then a row for each group.
func printLoad(w io.Writer, p *load.Profile, results []report.Result) error {
	rings := [][]string{{"ring", "topology", "wait", "received", "bytes", "full (min, median, max)", "cpu", "wakes", "dropped", "overrun", "redelivered", "cut off", "lost in hand", "wrong"}}
	groups := [][]string{{"ring", "group", "does", "processes", "kills", "leaves", "rate", "size", "p50", "p90", "p99", "p99.9", "max", "held", "cpu/message", "wakes/message"}}
	ring := ""
	for _, r := range results {
		l := r.Load
		if l.Role == "ring" {
			ring = path.Base(r.Name)
			rings = append(rings, []string{
				ring, r.Topology, r.Wait, report.SI(r.MessagesPerSecond, "/s"), report.SI(r.BytesPerSecond, "B/s"), full(l.Occupancy), share(r.CPUSeconds, r.Seconds),
				report.Count(*r.Wakes), report.Count(l.Dropped), report.Count(l.Overrun), report.Count(l.Again), report.Count(l.CutOff), report.Count(l.LostInHand), report.Count(l.Wrong()),
			})
			continue
		}
		groups = append(groups, groupRow(ring, &r))
	}
	if _, err := fmt.Fprintf(w, "profile %s: %v measured after %v\n\n", p.Name, p.Duration, p.WarmUp); err != nil {
		return err
	}
	if err := report.Table(w, 3, rings); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(w); err != nil {
		return err
	}
	if err := report.Table(w, 3, groups); err != nil {
		return err
	}
	_, err := fmt.Fprint(w, `
receives: percentiles of the delay from when a message was due to when it was received (corrected for coordinated omission)
sends: of how late a send began, which is the load's own share of that delay; held: waiting for room, of one process's time
wrong: lost, doubled, out of order or torn, warm-up included
`)
	return err
}

func groupRow(ring string, r *report.Result) []string {
	l, does, times, held := r.Load, "receives", r.LatencyNS, "-"
	if l.Role == "producers" {
		does, times = "sends", l.Late
		held = share(l.HeldSeconds, r.Seconds*float64(r.Processes))
	}
	row := []string{
		ring, path.Base(r.Name), does, fmt.Sprint(r.Processes), fmt.Sprint(l.Kills), fmt.Sprint(l.Leaves),
		report.SI(r.MessagesPerSecond, "/s"), fmt.Sprintf("%d B", r.Size),
	}
	if times != nil {
		for _, ns := range []int64{times.P50, times.P90, times.P99, times.P999, times.Max} {
			row = append(row, report.Nanos(ns))
		}
	} else {
		row = append(row, "-", "-", "-", "-", "-")
	}
	cpu, wakes := "-", "-"
	if r.Messages > 0 {
		wakes = fmt.Sprintf("%.3f", float64(*r.Wakes)/float64(r.Messages))
		if r.CPUSeconds > 0 {
			cpu = report.Nanos(int64(r.CPUNanosEach()))
		}
	}
	return append(row, held, cpu, wakes)
}

func full(o *report.Occupancy) string {
	if o == nil {
		return "-"
	}
	return fmt.Sprintf("%.1f%%, %.1f%%, %.1f%%", 100*o.Min, 100*o.Median, 100*o.Max)
}

func share(part, whole float64) string {
	if whole <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*part/whole)
}
