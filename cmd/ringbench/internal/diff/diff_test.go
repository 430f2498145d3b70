package diff

import (
	"bytes"
	"encoding/json"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"annulus/cmd/ringbench/internal/report"
)

// document writes a document of these results.
func document(t *testing.T, env report.Environment, results ...report.Result) string {
	t.Helper()
	var b bytes.Buffer
	if err := report.WriteJSON(&b, env, results); err != nil {
		t.Fatal(err)
	}
	return file(t, b.String())
}

func file(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "x.json")
	if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

func trips(name string, runs ...float64) report.Result {
	return report.Result{Name: name, Kind: "round-trip", LatencyNS: &report.Latency{}, Runs: runs}
}

func rates(name string, runs ...float64) report.Result {
	return report.Result{Name: name, Kind: "throughput", Runs: runs}
}

func sides(t *testing.T, old, new []string) *Comparison {
	t.Helper()
	var s [2]*Side
	for i, paths := range [][]string{old, new} {
		var err error
		if s[i], err = Read(paths); err != nil {
			t.Fatal(err)
		}
	}
	return Compare(s[0], s[1], Options{Threshold: 0.05, Alpha: 0.05})
}

// The figures that benchstat (golang.org/x/perf, 2026-09-08) prints for the same values:
//
//	A         1.009µ ± 2%   1.103µ ± 2%  +9.27% (p=0.000 n=10)
//	B         507.5n ± 2%   509.5n ± 2%       ~ (p=0.732 n=6)
//	geomean   715.6n        749.5n       +4.74%
func TestAsBenchstat(t *testing.T) {
	var env report.Environment
	old := document(t, env, trips("A", 1021, 998, 1013, 1007, 1050, 989, 1002, 1011, 995, 1030), trips("B", 500, 510, 505, 515, 520, 498))
	// The repetitions of one side may stand in several documents.
	new1 := document(t, env, trips("A", 1103, 1089, 1120, 1098), trips("B", 505, 512, 501, 519, 508, 511))
	new2 := document(t, env, trips("A", 1110, 1095, 1131, 1102, 1087, 1115))
	c := sides(t, []string{old}, []string{new1, new2})
	a, b := c.Rows[0], c.Rows[1]
	if a.Old.Median != 1009 || a.Old.span != "2%" || a.New.Median != 1102.5 || a.New.span != "2%" || a.delta != "+9.27%" || a.test != "p=0.000 n=10" || a.Change != "worse" {
		t.Errorf("%+v", a)
	}
	if b.Old.Median != 507.5 || b.Old.span != "2%" || b.New.Median != 509.5 || b.New.span != "2%" || b.delta != "~" || b.test != "p=0.732 n=6" || b.Change != "none" {
		t.Errorf("%+v", b)
	}
	if m := c.Means[0]; math.Abs(m.Old-715.5889183043581) > 1e-6 || math.Abs(m.New-749.4823213392037) > 1e-6 || math.Abs(m.Ratio-1.0474) > 1e-4 || m.Rows != 2 {
		t.Errorf("%+v", m)
	}
	if c.Worse != 1 || c.Better != 0 {
		t.Errorf("%+v", c)
	}
}

// Of two samples of four that do not overlap, p is 2/70, and of three 2/20.
func TestKnownStatistics(t *testing.T) {
	for _, c := range []struct {
		what     string
		old, new report.Result
		p        float64
		change   string
	}{
		{"rate down", rates("x", 100, 101, 102, 103), rates("x", 50, 51, 52, 53), 2.0 / 70, "worse"},
		{"rate up", rates("x", 50, 51, 52, 53), rates("x", 100, 101, 102, 103), 2.0 / 70, "better"},
		{"delay up", trips("x", 50, 51, 52, 53), trips("x", 100, 101, 102, 103), 2.0 / 70, "worse"},
		{"delay down", trips("x", 100, 101, 102, 103), trips("x", 50, 51, 52, 53), 2.0 / 70, "better"},
		{"within the threshold", rates("x", 100, 101, 102, 103), rates("x", 96, 97, 98, 99), 2.0 / 70, "slight"},
		{"too few", rates("x", 100, 101, 102), rates("x", 50, 51, 52), 2.0 / 20, "none"},
		{"the same", rates("x", 100, 101, 102, 103), rates("x", 100, 101, 102, 103), 1, "none"},
		{"equal", rates("x", 7, 7, 7, 7), rates("x", 7, 7, 7, 7), 1, "none"},
	} {
		r := sides(t, []string{document(t, report.Environment{}, c.old)}, []string{document(t, report.Environment{}, c.new)}).Rows[0]
		if math.Abs(r.P-c.p) > 1e-9 || r.Change != c.change {
			t.Errorf("%s: p %v, %s; want %v, %s", c.what, r.P, r.Change, c.p, c.change)
		}
		notes := strings.Join(r.Notes, "; ")
		if c.what == "too few" && (!strings.Contains(notes, "need >= 4 samples to detect a difference") || !strings.Contains(notes, "need >= 6 samples for confidence interval") || r.Old.Lo != nil) {
			t.Errorf("%s: %q, %+v", c.what, notes, r.Old)
		}
	}
}

func TestWhatDiffers(t *testing.T) {
	a, b := report.Environment{CPUModel: "one", CPUs: []int{0, 1}}, report.Environment{CPUModel: "two"}
	load := rates("load/x/r/c", 5, 6)
	load.Load, load.LatencyNS = &report.Load{}, &report.Latency{}
	load.Series = []report.Series{{Metric: "p99", Unit: "ns", Better: "lower", Runs: []float64{7, 8}}}
	c := sides(t, []string{document(t, a, rates("x", 1), rates("gone", 1), load)}, []string{document(t, b, rates("x", 1), rates("new", 1), load)})
	if strings.Join(c.OnlyOld, ",") != "gone rate" || strings.Join(c.OnlyNew, ",") != "new rate" || len(c.Rows) != 3 {
		t.Errorf("%+v", c)
	}
	if r := c.Rows[1]; r.Metric != "rate" || r.Lower || r.Old.Median != 5.5 {
		t.Errorf("%+v", r)
	}
	if r := c.Rows[2]; r.Metric != "p99" || !r.Lower || r.Unit != "ns" {
		t.Errorf("%+v", r)
	}
	var out bytes.Buffer
	if err := c.Write(&out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"the environments differ: CPU: one, then two", "the environments differ: pinning: CPUs [0 1], then not pinned", "only in old: gone rate", "only in new: new rate", "[1] need >= 6 samples", "± ∞"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, out.String())
		}
	}
	if _, err := json.Marshal(c); err != nil {
		t.Error(err)
	}
}

func TestCrowd(t *testing.T) {
	old := file(t, `[{"producers":2,"consumers":1,"contender":"ring","messages_per_second":2,"all":[1,2,3,4]}]`)
	new := file(t, `[{"producers":2,"consumers":1,"contender":"ring","messages_per_second":20,"all":[10,20,30,40]}]`)
	if c := sides(t, []string{old}, []string{new}); c.Rows[0].Name != "crowd/ring/2x1" || c.Rows[0].Change != "better" {
		t.Errorf("%+v", c.Rows)
	}
	schema := file(t, `{"schema":"ringbench/crowd/1","environment":{"cpu_model":"x"},"results":[{"producers":2,"consumers":1,"contender":"ring","messages_per_second":20,"all":[10,20,30,40]}]}`)
	if c := sides(t, []string{old}, []string{schema}); c.Rows[0].Name != "crowd/ring/2x1" || c.Rows[0].Change != "better" {
		t.Errorf("%+v", c.Rows)
	}
	none := file(t, `{"schema":"ringbench/crowd/1","results":[]}`)
	if _, err := Read([]string{none}); err == nil || !strings.Contains(err.Error(), "found one without results") {
		t.Error(err)
	}
}

func TestBadFiles(t *testing.T) {
	for _, c := range []struct{ text, want string }{
		{"", "found an empty file"},
		{"name: x", "found something else: invalid character"},
		{"{}", `expected a document of schema "ringbench/1" or "ringbench/crowd/1", found ""`},
		{`{"schema":"ringbench/2"}`, `found "ringbench/2"`},
		{`{"schema":"ringbench/1","results":[]}`, "found one without results"},
		{`{"schema":"ringbench/1","results":[{}]}`, "found a result without a name"},
		{`[{"contender":"a","all":[1]},{"contender":"b"}]`, "figures of crowd/b/0x0 rate, found none"},
		{`[{"contender":"a","all":[1e300]}]`, "figures of crowd/a/0x0 rate from 0 to 1e+100, found 1e+300"},
		{`{"schema":"ringbench/1","results":[{"name":"x","runs":[1,-1]}]}`, "figures of x rate from 0 to 1e+100, found -1"},
		{`{"schema":"ringbench/1","results":[{"name":"x","runs":[1e-300]}]}`, "found 1e-300"},
		{`{"schema":"ringbench/1","results":[{"name":"x\u001b[2J\ny","runs":[-1]}]}`, `figures of x\x1b[2J\ny rate`},
		{`{"schema":"ringbench/1","results":[{"name":"x","runs":[1e999]}]}`, "cannot unmarshal number 1e999"},
		{`{"schema":"ringbench/1","results":[{"name":"x","runs":[NaN]}]}`, "found something else: invalid character"},
		{`[]`, "found one without results"},
		{`[1]`, "found json: cannot unmarshal"},
	} {
		name := file(t, c.text)
		if _, err := Read([]string{name}); err == nil || !strings.HasPrefix(err.Error(), name+": expected ") || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", c.text, err, c.want)
		}
	}
	if _, err := Read([]string{"/nosuch"}); err == nil || !strings.Contains(err.Error(), "/nosuch") {
		t.Error(err)
	}
}

// A document may say anything: no result of it is a panic, no name moves the cursor.
func TestHostileDocuments(t *testing.T) {
	head := `{"schema":"ringbench/1","environment":{"cpu_model":"\u001b[31mred"},"results":[`
	old := file(t, head+`{"name":"a\u001b[2J\nb","kind":"round-trip","runs":[]},{"name":"z","runs":[0,0,0,0,0,0]},
		{"name":"l","load":{},"series":[{"metric":"p99","runs":[]},{"metric":"m\tn","unit":"\u0007","runs":[1e100]}]}]}`)
	new := file(t, `{"schema":"ringbench/1","results":[{"name":"a\u001b[2J\nb","kind":"round-trip","runs":[1e100,1e100,1e100]},{"name":"z","runs":[1,2,3,4,5,6]},
		{"name":"l","load":{},"series":[{"metric":"p99","runs":[1]},{"metric":"m\tn","unit":"\u0007","runs":[1e-100]}]}]}`)
	c := sides(t, []string{old}, []string{new})
	var out bytes.Buffer
	if err := c.Write(&out); err != nil {
		t.Fatal(err)
	}
	if strings.ContainsAny(out.String(), "\x1b\t\a") || !strings.Contains(out.String(), `a\x1b[2J\nb`) {
		t.Errorf("%q", out.String())
	}
	if err := report.Indented(&out, c); err != nil {
		t.Error(err)
	}
}
