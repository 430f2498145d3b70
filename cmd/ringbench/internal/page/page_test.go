package page

import (
	stdbytes "bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"html"
	"math"
	"os"
	"regexp"
	"strings"
	"testing"

	"annulus/cmd/ringbench/internal/report"
	"annulus/internal/testutil"
)

// document reads a document that ringbench has written.
func document(t testing.TB, path string) (doc report.Document) {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(b, &doc); err != nil {
		t.Fatal(err)
	}
	return doc
}

// The embedded library is, byte for byte, what library/fetch got from the registry, in the releases that it names.
func TestLibrary(t *testing.T) {
	sums := map[string]string{}
	for line := range strings.Lines(must(library, "library/SHA256SUMS")) {
		sum, name, _ := strings.Cut(strings.TrimSpace(line), "  ")
		sums[name] = sum
	}
	entries, err := library.ReadDir("library")
	testutil.Must(t, err)
	for _, e := range entries {
		if e.Name() == "SHA256SUMS" {
			continue
		}
		if got := fmt.Sprintf("%x", sha256.Sum256([]byte(must(library, "library/"+e.Name())))); got != sums[e.Name()] {
			t.Errorf("library/%s has the checksum %s, want %q: run library/fetch", e.Name(), got, sums[e.Name()])
		}
		delete(sums, e.Name())
	}
	if len(sums) > 0 {
		t.Errorf("not embedded: %v", sums)
	}
	for file, banner := range map[string]string{"d3.min.js": "d3js.org v7.9.2 ", "plot.umd.min.js": "@observablehq/plot v0.6.17 "} {
		if first, _, _ := strings.Cut(must(library, "library/"+file), "\n"); !strings.Contains(first, banner) {
			t.Errorf("library/%s begins with %q, want %q", file, first, banner)
		}
	}
}

// A page refers to nothing outside of it, bears the licences of what it carries, and closes its script once.
func TestSelfContained(t *testing.T) {
	var b strings.Builder
	testutil.Must(t, Write(&b, document(t, "testdata/report.json")))
	s := html.UnescapeString(b.String())
	if m := regexp.MustCompile(`(?i)<(script|link|img|iframe)[^>]*(src|href)="?(https?:|//)[^>]*>`).FindString(s); m != "" {
		t.Errorf("the page loads %s", m)
	}
	if n := strings.Count(s, "</script>"); n != 2 {
		t.Errorf("%d ends of scripts, want 2", n)
	}
	for _, want := range []string{"Mike Bostock", "Observable, Inc.", "Mapbox", "Mikola Lysenko", "default-src 'none'"} {
		if !strings.Contains(s, want) {
			t.Errorf("the page does not have %q", want)
		}
	}
}

// An error of the writer is returned.
func TestWriteError(t *testing.T) {
	if err := Write(failing{}, report.Document{}); err == nil {
		t.Error("no error")
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, fmt.Errorf("full") }

// What the same document is written as does not change.
func TestRepeatable(t *testing.T) {
	var a, b stdbytes.Buffer
	doc := document(t, "testdata/report.json")
	testutil.Must(t, Write(&a, doc))
	testutil.Must(t, Write(&b, doc))
	if !stdbytes.Equal(a.Bytes(), b.Bytes()) {
		t.Error("two pages of one document differ")
	}
}

func TestMethods(t *testing.T) {
	results := []report.Result{
		{Family: "pipe", Transport: "pipe", Wait: "netpoller", Batch: 1, Processes: 2},
		{Family: "ring", Transport: "ring", Wait: "spin", Batch: 1, Processes: 2},
		{Family: "ring", Transport: "ring", Wait: "futex", Batch: 1, Processes: 2},
		{Family: "ring", Transport: "slots", Wait: "spin", Batch: 1, Processes: 2},
		{Family: "ring", Transport: "slots", Wait: "spin", Batch: 32, Processes: 2},
		{Family: "news", Transport: "odd", Processes: 2},
	}
	m := methodsOf(results)
	var got []string
	for _, x := range m.list {
		got = append(got, fmt.Sprint(families[x.Family], " ", x.Nth, " ", x.Label))
	}
	want := "[ring 0 ring, spin|ring 1 ring, futex|ring 2 slots, batch 1|ring 3 slots, batch 32|pipe 0 pipe|other 0 odd]"
	if s := "[" + strings.Join(got, "|") + "]"; s != want {
		t.Errorf("got %s, want %s", s, want)
	}
	if m.of(results[0]) != 4 || m.of(results[5]) != 5 {
		t.Error("a result is of another method")
	}
}

// A curve ends where the messages do: at the slowest one.
func TestCurve(t *testing.T) {
	r := report.Result{Messages: 150, LatencyNS: &report.Latency{P50: 10, P90: 20, P99: 30, P999: 40, P9999: 40, Max: 40}}
	if got, want := fmt.Sprint(curve(r)), "[[2 10] [10 20] [100 30] [150 40]]"; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	r.Messages = 1e6
	r.Distribution = []int64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13}
	if got := curve(r); len(got) != 13 || got[0] != [2]float64{1, 1} || got[12] != [2]float64{1e6, 13} {
		t.Errorf("got %v", got)
	}
}

// What is no figure is not drawn.
func TestFiguresLeftOut(t *testing.T) {
	bad := []report.Result{
		{Kind: "throughput", Size: 8, MessagesPerSecond: math.NaN(), Messages: 5, CPUSeconds: math.Inf(1)},
		{Kind: "throughput", Size: 8, MessagesPerSecond: math.MaxFloat64},
		{Kind: "throughput", Size: 0, MessagesPerSecond: 5},
		{Kind: "round-trip", Size: 8, LatencyNS: &report.Latency{}},
		{Kind: "round-trip", Size: 8},
	}
	if f := figuresOf(bad); len(f.Rates)+len(f.Delays)+len(f.CPU) != 0 {
		t.Errorf("drawn: %+v", f)
	}
	good := report.Result{Kind: "throughput", Size: 8, MessagesPerSecond: 100, Messages: 200, CPUSeconds: 1, Runs: []float64{90, math.NaN(), 130, 0}}
	f := figuresOf([]report.Result{good})
	if len(f.Rates) != 1 || f.Rates[0] != (rate{0, 8, 100, 800, 90, 130}) {
		t.Errorf("rates: %+v", f.Rates)
	}
	if len(f.CPU) != 1 || f.CPU[0].NS != 5e6 {
		t.Errorf("CPU: %+v", f.CPU)
	}
}
