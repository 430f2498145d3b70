package page

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/typeset"
)

// fact is a line of the environment.
type fact struct{ Name, Value string }

func factsOf(e report.Environment) (facts []fact) {
	add := func(name string, parts ...string) {
		parts = slices.DeleteFunc(parts, func(s string) bool { return s == "" })
		if len(parts) > 0 {
			facts = append(facts, fact{name, strings.Join(parts, ", ")})
		}
	}
	cores, pinned, governor := "", "", ""
	if e.LogicalCores > 0 {
		cores = fmt.Sprintf("%d logical cores", e.LogicalCores)
	}
	if len(e.CPUs) > 0 {
		pinned = "pinned to CPUs " + strings.Trim(strings.ReplaceAll(fmt.Sprint(e.CPUs), " ", ", "), "[]")
	}
	if e.Governor != nil {
		governor = "governor " + *e.Governor
	}
	add("Processor", e.CPUModel, cores, pinned, governor)
	add("System", strings.TrimSpace(e.OS+" "+e.Kernel), e.Arch)
	if e.Commit != nil {
		add("Build", e.GoVersion, "commit "+*e.Commit)
	} else {
		add("Build", e.GoVersion)
	}
	add("Measured", date(e.Time))
	add("Command", e.Command)
	return facts
}

// date writes a time for people, or leaves it as it is.
func date(s string) string {
	t, err := time.Parse(time.RFC3339, s)
	if err != nil {
		return s
	}
	return t.UTC().Format("2 January 2006, 15:04 UTC")
}

// lead is the line below the title.
func lead(results []report.Result) string {
	sizes := map[int]bool{}
	for _, r := range results {
		sizes[r.Size] = true
	}
	return typeset.Plural(len(methodsOf(results).list), "method") + ", " + typeset.Plural(len(sizes), "message size") + ", " + typeset.Plural(len(results), "measurement")
}

// repeats says how often the measurements were made.
func repeats(results []report.Result) string {
	least, most := 0, 0
	for _, r := range results {
		n := max(1, len(r.Runs))
		if least == 0 || n < least {
			least = n
		}
		most = max(most, n)
	}
	switch {
	case most <= 1:
		return "one run"
	case least == most:
		return fmt.Sprintf("the median of %d runs", most)
	}
	return fmt.Sprintf("the median of %d to %d runs", least, most)
}

// table has the results of one kind.
type table struct {
	Caption string
	Heads   []head
	Rows    []row
}

type head struct {
	Name  string
	Words bool // ordered as text, at the left
}

type row struct {
	Family int
	Cells  []cell
}

// cell has what is read and what rows are sorted by, which is empty where there is no figure.
type cell struct {
	Text, Key string
	Words     bool // ordered as text, at the left
}

var captions = map[string]string{"throughput": "Throughput", "round-trip": "Round trips", "one-way": "One-way delays"}

func tablesOf(results []report.Result) (tables []table) {
	m := methodsOf(results)
	spreads := repeated(results)
	at := map[string]int{}
	for _, r := range results {
		i, ok := at[r.Kind]
		if !ok {
			i, at[r.Kind] = len(tables), len(tables)
			tables = append(tables, table{Caption: caption(r.Kind), Heads: headsOf(r.Kind, spreads)})
		}
		method := m.list[m.of(r)]
		cells := append([]cell{text(method.Label), {bytes(r.Size), strconv.Itoa(r.Size), false}}, figureCells(r)...)
		cells = append(cells, nanos(r.CPUNanosEach()))
		if spreads {
			cells = append(cells, spread(r))
		}
		cells = append(cells, text(families[method.Family]), text(r.Wait))
		tables[i].Rows = append(tables[i].Rows, row{method.Family, cells})
	}
	return tables
}

// repeated says whether there is more than one run of anything.
func repeated(results []report.Result) bool {
	return slices.ContainsFunc(results, func(r report.Result) bool { return len(r.Runs) > 1 })
}

// figureCells are those of the columns that differ from kind to kind.
func figureCells(r report.Result) (cells []cell) {
	if r.Kind == "throughput" {
		return []cell{si(r.MessagesPerSecond, "/s"), si(r.BytesPerSecond, "B/s")}
	}
	l := r.LatencyNS
	if l == nil {
		l = &report.Latency{}
	}
	for _, ns := range []int64{l.P50, l.P90, l.P99, l.P999, l.P9999, l.Max} {
		cells = append(cells, nanos(float64(ns)))
	}
	return cells
}

func headsOf(kind string, spreads bool) (heads []head) {
	heads = []head{{"Method", true}, {Name: "Size"}}
	names := []string{"p50", "p90", "p99", "p99.9", "p99.99", "Max", "CPU/message"}
	if kind == "throughput" {
		names = []string{"Messages", "Bytes", "CPU/message"}
	}
	if spreads {
		names = append(names, "Spread")
	}
	for _, name := range names {
		heads = append(heads, head{Name: name})
	}
	return append(heads, head{"Family", true}, head{"Wait", true})
}

func caption(kind string) string {
	if c, ok := captions[kind]; ok {
		return c
	}
	return kind
}

func text(s string) cell { return cell{s, s, true} }

func si(v float64, unit string) cell {
	if !positive(v) {
		return cell{Text: "–"}
	}
	return cell{Text: report.SI(v, unit), Key: key(v)}
}

func nanos(ns float64) cell {
	if !positive(ns) {
		return cell{Text: "–"}
	}
	if ns < 99.5 {
		return cell{Text: strconv.FormatFloat(ns, 'g', 3, 64) + " ns", Key: key(ns)}
	}
	return cell{Text: strings.Replace(report.Nanos(int64(ns+0.5)), " us", " µs", 1), Key: key(ns)}
}

// spread is how far the runs lie apart: the fastest over the slowest.
func spread(r report.Result) cell {
	if len(r.Runs) < 2 {
		return cell{Text: "–"}
	}
	low, high := span(r, r.Runs[0])
	if !positive(low) {
		return cell{Text: "–"}
	}
	return cell{Text: fmt.Sprintf("×%.2f", high/low), Key: key(high / low)}
}

func key(v float64) string { return strconv.FormatFloat(v, 'g', -1, 64) }

// bytes writes a size of messages: powers of two as KiB and MiB.
func bytes(n int) string {
	switch {
	case n >= 1<<20 && n%(1<<20) == 0:
		return fmt.Sprintf("%d MiB", n>>20)
	case n >= 1<<10 && n%(1<<10) == 0:
		return fmt.Sprintf("%d KiB", n>>10)
	}
	return fmt.Sprintf("%d B", n)
}
