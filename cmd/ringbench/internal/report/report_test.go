package report

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
)

func TestUnits(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{SI(12345678, "/s"), "12.3 M/s"},
		{SI(987e6, "B/s"), "987 MB/s"},
		{SI(999.6, "/s"), "1.00 k/s"},
		{SI(0, "/s"), "0.00 /s"},
		{SI(2.5e12, "B/s"), "2.50 TB/s"},
		{Nanos(0), "0 ns"},
		{Nanos(150), "150 ns"},
		{Nanos(14200), "14.2 us"},
		{Nanos(999_600), "1.00 ms"},
		{Nanos(3e9), "3.00 s"},
	} {
		if c.got != c.want {
			t.Errorf("got %q, want %q", c.got, c.want)
		}
	}
}

func TestMedian(t *testing.T) {
	wakes := func(n uint64) *uint64 { return &n }
	runs := []Result{
		{Name: "x", MessagesPerSecond: 3, Messages: 10, LatencyNS: &Latency{P50: 9, Max: 1}, Wakes: wakes(5)},
		{Name: "x", MessagesPerSecond: 1, Messages: 30, LatencyNS: &Latency{P50: 7, Max: 3}, Wakes: wakes(1)},
		{Name: "x", MessagesPerSecond: 2, Messages: 20, LatencyNS: &Latency{P50: 8, Max: 2}, Wakes: wakes(9)},
	}
	m := Median(runs)
	if m.Name != "x" || m.MessagesPerSecond != 2 || m.Messages != 20 || m.LatencyNS.P50 != 8 || m.LatencyNS.Max != 2 || *m.Wakes != 5 {
		t.Errorf("got %+v, %+v", m, m.LatencyNS)
	}
	if runs[0].LatencyNS.P50 != 9 {
		t.Error("Median changed its argument")
	}
	runs[1].LatencyNS, runs[1].Wakes = nil, nil
	if m := Median(runs); m.LatencyNS != nil || m.Wakes != nil {
		t.Errorf("a figure that one run lacks has no median: %+v", m)
	}
}

func TestJSONHasEveryKey(t *testing.T) {
	var buf bytes.Buffer
	if err := WriteJSON(&buf, Here([]int{0, 1}), []Result{{LatencyNS: &Latency{}}, {}}); err != nil {
		t.Fatal(err)
	}
	var doc struct {
		Schema      string
		Environment map[string]any
		Results     []map[string]any
	}
	if err := json.Unmarshal(buf.Bytes(), &doc); err != nil {
		t.Fatal(err)
	}
	if doc.Schema != "ringbench/1" {
		t.Errorf("schema %q", doc.Schema)
	}
	wantKeys(t, doc.Environment, "cpu_model cache_line logical_cores kernel os arch go_version governor cpus time commit")
	const result = "name kind wait transport topology size batch processes messages seconds messages_per_second bytes_per_second latency_ns cpu_seconds wakes"
	wantKeys(t, doc.Results[0], result)
	wantKeys(t, doc.Results[0]["latency_ns"].(map[string]any), "p50 p90 p99 p99_9 p99_99 max")
	wantKeys(t, doc.Results[1], result)
	if doc.Results[1]["latency_ns"] != nil || doc.Results[1]["wakes"] != nil {
		t.Error("what was not measured is not null")
	}

	buf.Reset()
	if err := WriteJSON(&buf, Here(nil), nil); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(buf.String(), `"results": []`) || !strings.Contains(buf.String(), `"cpus": []`) {
		t.Errorf("empty lists are not []: %s", buf.String())
	}
}

func wantKeys(t *testing.T, m map[string]any, keys string) {
	t.Helper()
	want := strings.Fields(keys)
	for _, k := range want {
		if _, ok := m[k]; !ok {
			t.Errorf("key %q is missing", k)
		}
	}
	if len(m) != len(want) {
		t.Errorf("%d keys, want %d: %v", len(m), len(want), m)
	}
}

func TestTablesAlign(t *testing.T) {
	n := uint64(1234567)
	results := []Result{
		{Transport: "ring", Topology: "spsc", Wait: "spin", Size: 8, Batch: 1, Processes: 2, Messages: 3e8, Seconds: 1, MessagesPerSecond: 3e8, BytesPerSecond: 24e8, CPUSeconds: 2, Wakes: &n},
		{Transport: "channel", Topology: "spsc", Wait: "scheduler", Size: 1024, Batch: 32, Processes: 1, Messages: 5, LatencyNS: &Latency{150, 160, 170, 14200, 1e6, 2e6}},
	}
	var a, b bytes.Buffer
	if err := Throughput(&a, results); err != nil {
		t.Fatal(err)
	}
	if err := Latencies(&b, results); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{a.String(), b.String()} {
		lines := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
		if len(lines) != 3 {
			t.Fatalf("%d lines:\n%s", len(lines), text)
		}
		// The last column is right-aligned: all lines end together.
		if len(lines[0]) != len(lines[1]) || len(lines[1]) != len(lines[2]) {
			t.Errorf("lines do not end together:\n%s", text)
		}
	}
	for _, want := range []string{"300 M/s", "2.40 GB/s", "200%", "1.23 M", "spsc, in process"} {
		if !strings.Contains(a.String(), want) {
			t.Errorf("%q is missing in\n%s", want, a.String())
		}
	}
}
