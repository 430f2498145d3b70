package topo

import (
	"fmt"
	"io"
	"strings"

	"annulus/cmd/ringbench/internal/typeset"
	"annulus/internal/cpu"
)

// Draw prints the document for people: the machine, the matrix as fine as the width
// allows, the relations and the best pair. The error is w's.
func Draw(w io.Writer, d *Document, look Look) error {
	look.Width = max(look.Width, leastWidth)
	var b strings.Builder
	b.WriteString(look.wrap(d.Machine.describe()))
	if d.Machine.Source == "" {
		b.WriteString(look.wrap("the system does not say how the CPUs lie to each other: they are not grouped"))
	}
	b.WriteString(look.wrap(d.Machine.caches()))
	if len(d.Pairs) > 0 {
		b.WriteString("\n" + look.wrap(d.method()) + "\n")
		b.WriteString(look.matrices(d))
		b.WriteString("\n" + look.table(d) + "\n")
		b.WriteString(look.wrap(d.Best.advice()))
	}
	if d.NotMeasured != "" {
		b.WriteString(look.wrap("not measured: " + d.NotMeasured))
	}
	_, err := io.WriteString(w, b.String())
	return err
}

const leastWidth = 40

// caches is a line on the caches of one CPU.
func (m *Machine) caches() string {
	var parts []string
	for _, s := range m.Caches {
		text := fmt.Sprintf("L%d %s %s", s.Level, strings.ToLower(s.Type), s.Size)
		if s.CPUs != itoa(m.First) {
			text += " of CPUs " + s.CPUs
		}
		parts = append(parts, text)
	}
	if parts == nil {
		return ""
	}
	return fmt.Sprintf("caches of CPU %d: %s", m.First, strings.Join(parts, ", "))
}

func (m *Machine) describe() string {
	text := m.CPUID.Model + ": CPUs " + cpu.FormatList(m.numbers())
	if len(m.CPUs) == 1 {
		text = m.CPUID.Model + ": CPU " + itoa(m.CPUs[0].ID)
	}
	text += " allowed"
	for _, g := range []struct {
		what string
		of   func(CPU) int
	}{
		{"socket", func(c CPU) int { return c.Package }}, {"NUMA node", func(c CPU) int { return c.Node }},
		{"L3 cache", func(c CPU) int { return c.L3 }}, {"L2 cache", func(c CPU) int { return c.L2 }},
		{"core", func(c CPU) int { return c.Core }},
	} {
		if l, ok := group(m, "", g.of); ok {
			text += ", " + typeset.Plural(len(l.entities), g.what)
		}
	}
	if m.CPUID.Threads > 0 {
		text += "; cpuid says " + typeset.Plural(m.CPUID.Threads, "thread") + " per core"
	}
	if m.CPUID.Hypervisor != "" {
		text += "; in a virtual machine (" + m.CPUID.Hypervisor + "), whose host may move its CPUs about at any time"
	}
	return text + fmt.Sprintf("; cache line %d B, %d B keep two writers apart (stride of the prefetcher)", m.Line, m.Stride)
}

func (d *Document) method() string {
	what := fmt.Sprintf("all %s", typeset.Plural(len(d.Pairs), "pair"))
	if len(d.Pairs) < d.AllPairs {
		what = fmt.Sprintf("%d of %d pairs, a sample by topology", len(d.Pairs), d.AllPairs)
	}
	if d.AllPairs == 1 {
		what = "the one pair"
	}
	return fmt.Sprintf("a cache line passed from CPU to CPU, half of a round trip, ns: %s, the median of %s of %.1f ms each", what, typeset.Plural(d.Rounds, "round"), float64(d.SliceNS)/1e6)
}

// overview is of how many groups the second drawing is at most.
const overview = 16

// matrices draws the finest level that fits, and where that has no room for
// figures an overview that has.
func (look Look) matrices(d *Document) string {
	var b strings.Builder
	drawn := false
	for _, l := range levels(d.Machine) {
		w := cellWidth(l, look.Width)
		if w == 0 || drawn && (w != wideCell || len(l.entities) > overview) {
			continue
		}
		if drawn {
			b.WriteString("\n")
		}
		drawn = true
		if l.name != "CPUs" {
			b.WriteString(look.members(l))
		}
		b.WriteString(look.matrix(d, l, w))
		if w == wideCell {
			return b.String()
		}
	}
	if !drawn {
		b.WriteString(look.wrap(fmt.Sprintf("the matrix does not fit into %d columns; --json has all of it", look.Width)))
	}
	return b.String()
}

// members says which CPUs a group has.
func (look Look) members(l level) string {
	var parts []string
	for _, e := range l.entities {
		parts = append(parts, e.label+": "+cpu.FormatList(e.cpus))
	}
	return look.wrap("by " + l.name + ", median of their pairs, with the CPUs " + strings.Join(parts, "; "))
}

// table has a line for each relation.
func (look Look) table(d *Document) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%-14s %9s %4s %4s %4s\n", "relation", "pairs", "min", "p50", "max")
	for _, c := range d.Relations {
		count := itoa(c.Measured)
		if c.Measured < c.All {
			count += "/" + itoa(c.All)
		}
		if c.OneWay == nil {
			fmt.Fprintf(&b, "%-14s %9s %4s %4s %4s\n", c.Relation, count, "-", "-", "-")
			continue
		}
		s := *c.OneWay
		if c.Measured == 1 { // its rounds tell more
			s = d.only(c.Relation)
		}
		fmt.Fprintf(&b, "%-14s %9s %4.0f %4.0f %4.0f\n", c.Relation, count, s.Min, s.Median, s.Max)
	}
	return b.String()
}

func (d *Document) only(r Relation) Spread {
	for _, l := range d.Pairs {
		if l.Relation == r {
			return l.OneWay
		}
	}
	return Spread{}
}

func (s Spread) String() string {
	return fmt.Sprintf("%.0f ns (%.0f-%.0f over the rounds)", s.Median, s.Min, s.Max)
}

func (c *Choice) advice() string {
	text := fmt.Sprintf("best pair for a producer and a consumer: --cpus %s, %s, a line in %s", c.CPUs, c.Relation, c.OneWay)
	if c.Relation == SameCore {
		text += "; they are two threads of one core, and two sides that spin slow each other there"
	}
	if c.Alike > 0 {
		text += fmt.Sprintf("; %s within its spread, and can't be told from it", map[bool]string{true: "another pair is", false: itoa(c.Alike) + " other pairs are"}[c.Alike == 1])
	}
	if s := c.Siblings; s != nil {
		text += fmt.Sprintf("; CPUs %d,%d pass a line in %.0f ns, but are two threads of one core, where two sides that spin slow each other", s.A, s.B, s.OneWay.Median)
	}
	return text
}
