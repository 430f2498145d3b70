package report

import (
	"bytes"
	"encoding/csv"
	"strings"
	"testing"
)

func comparedDocument() Document {
	l := func(p50 int64) *Latency {
		return &Latency{P50: p50, P90: p50, P99: 2 * p50, P999: p50, P9999: p50, Max: 3 * p50}
	}
	return Document{
		Results: []Result{
			{Kind: "throughput", Family: "ring", Transport: "ring", Wait: "spin", Size: 8, Messages: 1e6, Seconds: 1, MessagesPerSecond: 1e6, BytesPerSecond: 8e6, CPUSeconds: 2},
			{Kind: "throughput", Family: "pipe", Transport: "pipe", Wait: "netpoller", Size: 8, Messages: 1e4, Seconds: 1, MessagesPerSecond: 1e4, BytesPerSecond: 8e4, CPUSeconds: 1},
			{Kind: "round-trip", Family: "ring", Transport: "ring", Wait: "spin", Size: 8, LatencyNS: l(200)},
			{Kind: "round-trip", Family: "rival", Transport: "cflag", Wait: "spin", Size: 8, LatencyNS: l(100)},
			{Kind: "throughput", Family: "pipe", Transport: "pipe", Wait: "netpoller", Size: 64, Messages: 5, MessagesPerSecond: 5},
		},
		Missing: []Missing{
			{Transport: "zmq", Why: "needs zmq.h, which is not installed", Do: "apt-get install libzmq3-dev"},
			{Transport: "mq", Size: 64, Why: "too long"},
		},
	}
}

func TestComparison(t *testing.T) {
	var b bytes.Buffer
	if err := Comparison(&b, comparedDocument(), 0); err != nil {
		t.Fatal(err)
	}
	want := `
8 B, beside ring-spin
method         rate  of ring      bytes      cpu     p50  x ring     p99
ring-spin  1.00 M/s      1.0  8.00 MB/s  2.00 us  200 ns     1.0  400 ns
pipe       10.0 k/s    0.010  80.0 kB/s   100 us       -       -       -
cflag             -        -          -        -  100 ns    0.50  200 ns

64 B, no ring to compare with
method     rate  of ring     bytes   cpu  p50  x ring  p99
pipe    5.00 /s        -  0.00 B/s  0 ns    -       -    -
mq (2)        -        -         -     -    -       -    -

not measured:
(1) zmq: needs zmq.h, which is not installed
    apt-get install libzmq3-dev
(2) mq, 64 B: too long
`
	if b.String() != want {
		t.Errorf("%s\nwant\n%s", b.String(), want)
	}
}

// A table for a narrow terminal keeps to its width, as long as methods, rates and round trips have room.
func TestNarrowComparison(t *testing.T) {
	for width, lost := range map[int]string{72: "", 70: "bytes", 60: "p99", 50: "cpu", 1: "x ring"} {
		var b bytes.Buffer
		if err := Comparison(&b, comparedDocument(), width); err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(b.String()) {
			if n := len(strings.TrimSpace(line)); strings.Contains(line, "ring-spin ") && n > max(width, 40) {
				t.Errorf("%d columns: %q has %d", width, line, n)
			}
		}
		first, _, _ := strings.Cut(b.String(), "64 B")
		for _, column := range []string{"method", "rate", "p50", lost} {
			if column != "" && strings.Contains(first, column) == (column == lost) {
				t.Errorf("%d columns: %q is there: %v\n%s", width, column, column == lost, first)
			}
		}
	}
}

func TestRatio(t *testing.T) {
	for v, want := range map[float64]string{0: "0.0000", 1e-5: "<0.0001", 1e-4: "0.0001", 0.005: "0.0050", 0.05: "0.050", 0.5: "0.50", 1: "1.0", 12.3: "12"} {
		if got := ratio(v); got != want {
			t.Errorf("%v: %s, want %s", v, got, want)
		}
	}
}

func TestCSV(t *testing.T) {
	var b bytes.Buffer
	if err := CSV(&b, comparedDocument().Results); err != nil {
		t.Fatal(err)
	}
	lines, err := csv.NewReader(&b).ReadAll()
	if err != nil || len(lines) != 6 {
		t.Fatalf("%v, %q", err, lines)
	}
	if got := strings.Join(lines[1], ","); got != "throughput,ring,ring,spin,8,0,0,0,1000000,1,1000000,8000000,2000,,,,,," {
		t.Error(got)
	}
	if got := strings.Join(lines[4][13:], ","); got != "100,100,200,100,100,300" {
		t.Error(got)
	}
}
