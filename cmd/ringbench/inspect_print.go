package main

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"annulus/cmd/ringbench/internal/report"
	"annulus/ring"
)

// print writes an inspection for people.
func (d *inspection) print(w io.Writer) error {
	h, p := d.Header, d.Positions
	var b strings.Builder
	fmt.Fprintf(&b, "ring %q, %s", d.Name, map[string]string{"posix": "POSIX shared memory"}[d.Backing])
	if d.Backing != "posix" {
		fmt.Fprint(&b, d.Backing)
	}
	if d.Removed {
		fmt.Fprint(&b, ", removed meanwhile")
	} else if d.Links > 1 {
		fmt.Fprintf(&b, ", %d names", d.Links)
	}
	topology := h.Topology
	if h.Overrun != "" {
		topology += " (" + h.Overrun + ")"
	}
	fmt.Fprintf(&b, "\n\nlayout     %s, %s, %s\n", h.Version, topology, contents(d))
	fmt.Fprintf(&b, "size       %d bytes in all, %d from line to line\n", h.Size, h.Stride)
	if h.Element != "" {
		fmt.Fprintf(&b, "element    %q, fingerprint %s\n", h.Element, h.Fingerprint)
	}
	if h.Required|h.Optional != 0 {
		fmt.Fprintf(&b, "features   required %#x, optional %#x\n", h.Required, h.Optional)
	}
	fmt.Fprintf(&b, "created    %s by pid %d\n", cmp.Or(h.Created, "at an unknown time"), h.CreatorPID)
	fmt.Fprintf(&b, "boot       %s (%s)\n", cmp.Or(h.BootID, "unknown"), h.Boot)
	fmt.Fprintf(&b, "position   tail %d, head %d\n", p.Tail, p.Head)
	fmt.Fprintf(&b, "occupied   %d of %d %s (%.1f%%), %s\n\n", p.Occupied, p.Capacity, unit(h.Kind), 100*p.Share, waiting(d))
	if _, err := io.WriteString(w, b.String()); err != nil {
		return err
	}
	if err := d.printSides(w); err != nil || len(d.Members) == 0 {
		return err
	}
	if _, err := io.WriteString(w, "\n"); err != nil {
		return err
	}
	switch d.config.Topology {
	case ring.MPSC:
		return d.printLanes(w)
	case ring.Broadcast:
		return d.printReaders(w)
	}
	return d.printMembers(w)
}

// printSides writes the producer's side beside the consumer's.
func (d *inspection) printSides(w io.Writer) error {
	rows := [][]string{{"", "producer", "consumer"}}
	for _, f := range []struct {
		name string
		of   func(s *sideInfo) any
	}{
		{"state", func(s *sideInfo) any { return s.State }},
		{"pid", func(s *sideInfo) any { return orDash(s.PID) }},
		{"since", func(s *sideInfo) any { return cmp.Or(s.Since, "-") }},
		{"sessions", func(s *sideInfo) any { return s.Sessions }},
		{"messages", func(s *sideInfo) any { return s.Messages }},
		{"bytes", func(s *sideInfo) any { return s.Bytes }},
		{"wakes issued", func(s *sideInfo) any { return s.Wakes }},
		{"parks", func(s *sideInfo) any { return s.Parks }},
		{"asleep", func(s *sideInfo) any { return yes(s.Asleep) }},
		{"gate", func(s *sideInfo) any { return s.Gate.String() }},
		{"in vain", func(s *sideInfo) any { return s.Gate.Bounds }},
	} {
		rows = append(rows, []string{f.name, fmt.Sprint(f.of(&d.Producer)), fmt.Sprint(f.of(&d.Consumer))})
	}
	if d.config.Topology != ring.SPSC && d.config.Topology != ring.MPSC { // also when those whom it counts have left
		rows = append(rows, []string{"repaired", fmt.Sprint(d.Producer.Repaired), fmt.Sprint(d.Consumer.Repaired)},
			[]string{"handed on", "-", fmt.Sprint(d.Consumer.Handed)})
	}
	return report.Table(w, 3, rows)
}

// printReaders writes how far each consumer of a broadcast ring is.
func (d *inspection) printReaders(w io.Writer) error {
	rows := [][]string{{"member", "role", "state", "pid", "messages", "bytes", "position", "lag", "lost"}}
	for _, m := range d.Members {
		rows = append(rows, []string{
			fmt.Sprint(m.Index), m.Role, m.State, fmt.Sprint(m.PID), fmt.Sprint(m.Messages), fmt.Sprint(m.Bytes),
			fmt.Sprint(m.Position), fmt.Sprint(m.Lag), fmt.Sprint(m.Lost),
		})
	}
	return report.Table(w, len(rows[0]), rows)
}

// printMembers writes who is attached, and what is claimed.
func (d *inspection) printMembers(w io.Writer) error {
	rows := [][]string{{"member", "role", "state", "pid", "tag", "messages", "bytes", "claims", "from"}}
	for _, m := range d.Members {
		from := "-"
		if m.Claims > 0 {
			from = fmt.Sprint(m.Claim)
		}
		rows = append(rows, []string{
			fmt.Sprint(m.Index), m.Role, m.State, fmt.Sprint(m.PID), orDash(int(m.Tag)),
			fmt.Sprint(m.Messages), fmt.Sprint(m.Bytes), fmt.Sprint(m.Claims), from,
		})
	}
	return report.Table(w, len(rows[0]), rows)
}

// printLanes writes who sends in which lane, and what lies there.
func (d *inspection) printLanes(w io.Writer) error {
	rows := [][]string{{"lane", "producer", "pid", "tag", "messages", "bytes", "occupied"}}
	for _, m := range d.Members {
		rows = append(rows, []string{
			fmt.Sprint(m.Index), m.State, fmt.Sprint(m.PID), orDash(int(m.Tag)),
			fmt.Sprint(m.Messages), fmt.Sprint(m.Bytes), fmt.Sprintf("%d of %d", m.Occupied, d.Header.Capacity),
		})
	}
	return report.Table(w, len(rows[0]), rows)
}

// waiting says how much is not released, or what became of it.
func waiting(d *inspection) string {
	if d.Header.Overrun != "" {
		return fmt.Sprintf("by the slowest consumer; %d messages dropped", d.Positions.Dropped)
	}
	return fmt.Sprintf("%d messages", d.Positions.Messages)
}

func contents(d *inspection) string {
	h := d.Header
	lanes := ""
	if d.config.Topology == ring.MPSC {
		lanes = fmt.Sprintf("%d lanes of ", d.config.Members)
	}
	if h.SlotSize != 0 {
		return fmt.Sprintf("%s%s: %d of %d bytes", lanes, h.Kind, h.Capacity, h.SlotSize)
	}
	return fmt.Sprintf("%s%s: %d, records of up to %d", lanes, h.Kind, h.Capacity, h.MaxMessage)
}

func (g gateInfo) String() string {
	fence := ""
	if g.Fence {
		fence = ", fenced"
	}
	return fmt.Sprintf("%s, seq %d, epoch %d%s", g.Parker, g.Seq, g.Epoch, fence)
}

func unit(kind string) string {
	if kind == "slots" {
		return "slots"
	}
	return "bytes"
}

func orDash(n int) string {
	if n == 0 {
		return "-"
	}
	return fmt.Sprint(n)
}

func yes(b bool) string {
	if b {
		return "yes"
	}
	return "no"
}
