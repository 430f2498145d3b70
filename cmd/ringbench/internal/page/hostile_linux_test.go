package page

import (
	"math"
	"strings"
	"testing"

	"annulus/cmd/ringbench/internal/report"
)

// What a document says is shown, and is never markup or script.
func TestHostileNames(t *testing.T) {
	doc := document(t, "testdata/report.json")
	hostile := []string{
		`</script><script>window.broken = 1</script>`, `<!--<script>`, `"><img src=x onerror="window.broken = 1">`,
		"'};window.broken=1;//\u2028", `{{.Style}}`, strings.Repeat("a very long name ", 40),
	}
	for i := range doc.Results {
		r, evil := &doc.Results[i], hostile[i%len(hostile)]
		r.Transport, r.Name = evil+r.Transport, evil
		if i%3 == 0 {
			r.Wait, r.Family = evil, evil
		}
	}
	doc.Results[7].Kind = hostile[0]
	doc.Environment.CPUModel, doc.Environment.Kernel, doc.Environment.Command = hostile[0], hostile[1], hostile[2]
	doc.Environment.Time, doc.Environment.GoVersion = hostile[2], hostile[3]
	doc.Missing = []report.Missing{{Transport: hostile[0], Why: hostile[2], Do: hostile[1]}}
	p := show(t, doc, phone)
	if eval[bool](p, `"broken" in window`) {
		t.Error("a name in the document ran as script")
	}
	if n := eval[int](p, `document.querySelectorAll("img").length + document.scripts.length`); n != 2 {
		t.Errorf("%d scripts and images, want the page's two scripts", n)
	}
	for _, name := range []string{hostile[0], hostile[1], hostile[2]} {
		if !strings.Contains(eval[string](p, `document.querySelector("#results").textContent`), name) {
			t.Errorf("%q is not in the tables", name)
		}
	}
	checkFits(p)
}

// Documents with less in them than usual are pages too.
func TestSparse(t *testing.T) {
	latency := &report.Latency{P50: 200, P90: 300, P99: 400, P999: 500, P9999: 600, Max: 700}
	rate := report.Result{Kind: "throughput", Transport: "ring", Family: "ring", Size: 64, Messages: 9, MessagesPerSecond: 9, BytesPerSecond: 576, CPUSeconds: 1}
	trip := report.Result{Kind: "round-trip", Transport: "ring", Family: "ring", Size: 64, Messages: 9e4, LatencyNS: latency}
	oneWay := trip
	oneWay.Kind = "one-way"
	for name, c := range map[string]struct {
		doc    report.Document
		charts int // that are drawn
	}{
		"nothing":          {report.Document{}, 0},
		"missing only":     {report.Document{Missing: []report.Missing{{Transport: "mq", Why: "not here"}}}, 0},
		"a throughput":     {report.Document{Results: []report.Result{rate}}, 2},
		"a round trip":     {report.Document{Results: []report.Result{trip}}, 2},
		"one-way only":     {report.Document{Results: []report.Result{oneWay}}, 2},
		"both delays":      {report.Document{Results: []report.Result{oneWay, trip}}, 2},
		"no figures":       {report.Document{Results: []report.Result{{Kind: "throughput"}, {Kind: "round-trip"}, {}}}, 0},
		"no numbers":       {report.Document{Results: []report.Result{{Kind: "throughput", Size: 8, MessagesPerSecond: math.NaN(), Runs: []float64{math.Inf(1)}}}}, 0},
		"an unknown kind":  {report.Document{Results: []report.Result{{Kind: "telepathy", Transport: "x", Size: 1, LatencyNS: latency, Messages: 5}}}, 2},
		"one message only": {report.Document{Results: []report.Result{{Kind: "round-trip", Transport: "x", Size: 1, LatencyNS: &report.Latency{P50: 5, P90: 5, P99: 5, P999: 5, P9999: 5, Max: 5}, Messages: 1}}}, 2},
	} {
		t.Run(name, func(t *testing.T) {
			p := show(t, c.doc, phone)
			if got := eval[int](p, `document.querySelectorAll(".drawing svg").length`); got != c.charts {
				t.Errorf("%d charts, want %d", got, c.charts)
			}
			if got := eval[int](p, `document.querySelectorAll(".drawing .empty").length`); got != 4-c.charts {
				t.Errorf("%d charts say that they are empty, want %d", got, 4-c.charts)
			}
			if s := eval[string](p, `document.body.innerText`); strings.Contains(s, "could not be drawn") || strings.Contains(s, "NaN") || strings.Contains(s, "undefined") {
				t.Errorf("the page says\n%s", s)
			}
			checkFits(p)
		})
	}
}
