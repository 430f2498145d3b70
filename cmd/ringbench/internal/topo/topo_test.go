package topo

import (
	"fmt"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"
	"unicode/utf8"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/typeset"
)

// twoSockets is a machine of 64 CPUs: 2 sockets of 16 cores of 2 threads, 2 NUMA nodes
// in each socket, an L3 for 4 cores. CPU n and n+32 are the threads of a core.
func twoSockets() fs.FS {
	tree := fstest.MapFS{}
	put := func(name, text string, args ...any) {
		tree[name] = &fstest.MapFile{Data: fmt.Appendf(nil, text+"\n", args...)}
	}
	both := func(first, n int) string { return fmt.Sprintf("%d-%d,%d-%d", first, first+n-1, first+32, first+32+n-1) }
	for id := range 64 {
		core := id % 32
		dir := fmt.Sprintf("cpu/cpu%d/", id)
		put(dir+"topology/thread_siblings_list", "%d,%d", core, core+32)
		put(dir+"topology/package_cpus_list", "%s", both(core/16*16, 16))
		for i, c := range []struct{ level, kind, size, shared string }{
			{"1", "Data", "32K", fmt.Sprintf("%d,%d", core, core+32)},
			{"1", "Instruction", "32K", fmt.Sprintf("%d,%d", core, core+32)},
			{"2", "Unified", "512K", fmt.Sprintf("%d,%d", core, core+32)},
			{"3", "Unified", "16384K", both(core/4*4, 4)},
		} {
			at := fmt.Sprintf("%scache/index%d/", dir, i)
			put(at+"level", "%s", c.level)
			put(at+"type", "%s", c.kind)
			put(at+"size", "%s", c.size)
			put(at+"shared_cpu_list", "%s", c.shared)
		}
		put(dir+"cache/uevent", "")
	}
	for n := range 4 {
		put(fmt.Sprintf("node/node%d/cpulist", n), "%s", both(8*n, 8))
	}
	put("node/online", "0-3")
	return tree
}

func upTo(n int) (list []int) {
	for i := range n {
		list = append(list, i)
	}
	return list
}

// made measures nothing: each relation has a time of its own, with some noise.
func made(p Plan) (out []Sample) {
	random := rand.New(rand.NewPCG(3, 4))
	for _, pair := range p.Pairs {
		s := Sample{Pair: pair}
		base := []float64{15, 20, 45, 110, 130, 290, 50}[pair.Relation]
		for range p.Rounds {
			s.Rounds = append(s.Rounds, base+4*random.Float64())
		}
		out = append(out, s)
	}
	return out
}

func document(tree fs.FS, cpus []int, budget time.Duration) (*Document, Plan) {
	m := Read(tree, cpus)
	m.CPUID.Model, m.Line, m.Stride = "Made up", 64, 128
	p := NewPlan(m, budget)
	return Summarize(m, p, made(p), report.Environment{}), p
}

func TestTopologyOfTwoSockets(t *testing.T) {
	m := Read(twoSockets(), upTo(64))
	if m.Source != "sysfs" || len(m.CPUs) != 64 || len(m.Caches) != 4 {
		t.Fatalf("source %q, %d CPUs, caches %+v", m.Source, len(m.CPUs), m.Caches)
	}
	for _, c := range []struct {
		a, b int
		want Relation
	}{{0, 32, SameCore}, {0, 1, SameL3}, {33, 2, SameL3}, {0, 4, SameNode}, {0, 8, SamePackage}, {0, 16, OtherPackage}, {63, 0, OtherPackage}} {
		if got := Between(m.find(c.a), m.find(c.b)); got != c.want {
			t.Errorf("CPUs %d,%d: %v, want %v", c.a, c.b, got, c.want)
		}
	}
	var names []string
	for _, l := range levels(m) {
		names = append(names, fmt.Sprintf("%d %s", len(l.entities), l.name))
	}
	if got := strings.Join(names, ", "); got != "64 CPUs, 32 cores, 8 L3 caches, 4 NUMA nodes, 2 sockets" {
		t.Error(got)
	}
	if got := m.CPUs[:4]; got[0].ID != 0 || got[1].ID != 32 || got[2].ID != 1 || got[3].ID != 33 {
		t.Errorf("neighbours are not beside each other: %+v", got)
	}
}

func TestNoTopology(t *testing.T) {
	d, _ := document(fstest.MapFS{}, upTo(4), time.Second)
	if d.Machine.Source != "" || d.Relations[0].Relation != Unknown || d.Relations[0].All != 6 || d.Best == nil {
		t.Errorf("%+v", d)
	}
	if text := drawn(t, d, Look{Width: 80}); !strings.Contains(text, "does not say") {
		t.Error(text)
	}
}

// The plan stays within the budget, and its sample has pairs of every relation.
func TestPlan(t *testing.T) {
	m := Read(twoSockets(), upTo(64))
	for _, budget := range []time.Duration{10 * time.Millisecond, 100 * time.Millisecond, time.Second, 5 * time.Second, time.Minute} {
		p := NewPlan(m, budget)
		n := time.Duration(len(p.Pairs) * p.Rounds)
		if takes := n * (p.Slice + moving); p.All != 2016 || takes > budget*11/10+5*time.Millisecond {
			t.Errorf("%v: %d of %d pairs, %d rounds of %v: %v", budget, len(p.Pairs), p.All, p.Rounds, p.Slice, takes)
		}
		if all := len(p.Pairs) == p.All; all != (budget >= 5*time.Second) {
			t.Errorf("%v: %d pairs", budget, len(p.Pairs))
		}
		seen := map[Relation]int{}
		unique := map[Pair]bool{}
		for _, pair := range p.Pairs {
			seen[pair.Relation]++
			unique[pair] = true
		}
		if len(seen) != 5 || len(unique) != len(p.Pairs) {
			t.Errorf("%v: relations %v, %d unique of %d", budget, seen, len(unique), len(p.Pairs))
		}
	}
	// One second is enough for each two L3 caches to have a pair.
	d, _ := document(twoSockets(), upTo(64), time.Second)
	for _, l := range levels(d.Machine) {
		if l.name == "L3 caches" && slices.ContainsFunc(d.cells(l), func(row []float64) bool { return slices.Contains(row, 0) }) {
			t.Errorf("between some groups nothing was measured: %v", d.cells(l))
		}
	}
	if p := NewPlan(Read(twoSockets(), []int{3}), time.Second); p.All != 0 || len(p.Pairs) != 0 {
		t.Errorf("one CPU: %+v", p)
	}
}

func TestChoice(t *testing.T) {
	d, p := document(twoSockets(), upTo(64), time.Minute)
	c := d.Best
	if c.Relation != SameL3 || c.Siblings == nil || c.Siblings.Relation != SameCore || c.Alike == 0 {
		t.Errorf("%+v", c)
	}
	if len(d.Pairs) != 2016 || d.Rounds != p.Rounds || d.NotMeasured != "" || d.Find(16, 0).Relation != OtherPackage || d.Find(0, 99) != nil {
		t.Errorf("%d pairs, not measured: %q", len(d.Pairs), d.NotMeasured)
	}
	for i := 1; i < len(d.Relations); i++ {
		if a, b := d.Relations[i-1].OneWay, d.Relations[i].OneWay; a.Median >= b.Median {
			t.Errorf("%+v before %+v", a, b)
		}
	}
	threads, _ := document(twoSockets(), []int{5, 37}, time.Second)
	if c := threads.Best; c.Relation != SameCore || c.CPUs != "5,37" || c.Siblings != nil {
		t.Errorf("%+v", c)
	}
	one, _ := document(twoSockets(), []int{5}, time.Second)
	if one.Best != nil || !strings.Contains(one.NotMeasured, "only CPU 5 is allowed") {
		t.Errorf("%+v", one)
	}
	// A pair whose CPUs were too busy is said to be missing.
	m := Read(twoSockets(), upTo(3))
	p = NewPlan(m, time.Second)
	samples := made(p)
	samples[1].Rounds = nil
	busy := Summarize(m, p, samples, report.Environment{})
	if len(busy.Pairs) != 2 || !strings.Contains(busy.NotMeasured, "1 of 3 pairs") || !strings.Contains(drawn(t, busy, Look{Width: 80}), "?") {
		t.Errorf("%+v", busy)
	}
}

func drawn(t *testing.T, d *Document, look Look) string {
	t.Helper()
	var b strings.Builder
	if err := Draw(&b, d, look); err != nil {
		t.Fatal(err)
	}
	text := b.String()
	for line := range strings.Lines(text) {
		if n := utf8.RuneCountInString(typeset.Bare(strings.TrimSuffix(line, "\n"))); n > look.Width {
			t.Errorf("%d columns of %d: %s", n, look.Width, line)
		}
	}
	if look.Colour != strings.Contains(text, "\x1b[") {
		t.Errorf("colour is %v:\n%s", look.Colour, text)
	}
	return text
}

// Without colours the characters tell; with them the text is the same.
func TestDrawing(t *testing.T) {
	d, _ := document(twoSockets(), upTo(64), 5*time.Second)
	for _, c := range []struct {
		width int
		want  []string
	}{
		{40, []string{"by cores", "by NUMA nodes", "0: 0-7,32-39"}},
		{80, []string{"by L3 caches", "0: 0-3,32-35"}},
		{200, []string{"by L3 caches"}},
	} {
		text := drawn(t, d, Look{Width: c.width})
		for _, want := range append(c.want, "█", "░", "one core (SMT)", "two sockets", "--cpus "+d.Best.CPUs) {
			if !strings.Contains(strings.ReplaceAll(text, "\n", " "), want) {
				t.Errorf("%d columns: no %q in\n%s", c.width, want, text)
			}
		}
		if got := typeset.Bare(drawn(t, d, Look{Width: c.width, Colour: true})); got != text {
			t.Errorf("with colours:\n%s\nwithout:\n%s", got, text)
		}
		ascii := drawn(t, d, Look{Width: c.width, ASCII: true})
		if i := strings.IndexFunc(ascii, func(r rune) bool { return r >= utf8.RuneSelf }); i >= 0 {
			t.Errorf("not ASCII: %q", ascii[i:min(i+8, len(ascii))])
		}
		if testing.Verbose() {
			t.Log("\n" + text)
		}
	}
}

// A small machine has the times in its cells, and they are where they belong.
func TestSmallDrawing(t *testing.T) {
	m := Read(twoSockets(), []int{0, 1, 16})
	m.CPUID.Model = "Made up"
	p := NewPlan(m, time.Second)
	var samples []Sample
	for _, pair := range p.Pairs {
		samples = append(samples, Sample{pair, []float64{float64(100*pair.A + pair.B), float64(100*pair.A + pair.B), 2000}})
	}
	text := drawn(t, Summarize(m, p, samples, report.Environment{}), Look{Width: 40})
	for _, want := range []string{"     0     1    16\n", " 0       ·   1 ▒  16\n", " 1 ·   1       █ 116\n", "16 ▒  16 █ 116\n", "one L3                 1    1    1 2000\n"} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
}
