package main

import (
	"encoding/json"
	"math"
	"strings"
	"testing"

	"annulus/cmd/ringbench/internal/topo"
	"annulus/internal/cpu"
)

// brokenDown runs latency --breakdown --json.
func brokenDown(t *testing.T, args ...string) breakdownDoc {
	t.Helper()
	status, out, errText := call(append([]string{"latency", "--breakdown", "--json"}, args...)...)
	if status != 0 {
		t.Fatalf("%v: exit status %d: %s", args, status, errText)
	}
	var doc breakdownDoc
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	if (doc.CPUs == nil) != (doc.CPUsMissing != "") {
		t.Errorf("the CPUs are %+v, and missing: %q", doc.CPUs, doc.CPUsMissing)
	}
	return doc
}

// The stages of every strategy sum up, and every message is counted once.
func TestBreakdown(t *testing.T) {
	const count = 320
	doc := brokenDown(t, "--count", "320", "--pairs", "2", "--rate", "20000", "--size", "8")
	if len(doc.Results) != len(breakdownWaits) || doc.Schema != breakdownSchema || doc.StampNS < 0 || doc.Clock == "" {
		t.Errorf("%+v", doc)
	}
	slots := brokenDown(t, "--transport", "slots", "--wait", "futex", "--count", "160", "--pairs", "4", "--rate", "20000")
	for _, r := range append(doc.Results, slots.Results...) {
		if r.Messages+r.Plain+r.Busy != 2*count || r.Woken > r.Messages || (r.Woken > 0) != (r.WakeCall != nil) {
			t.Errorf("%s, %s: %+v", r.Transport, r.Wait, r.Result)
		}
		mean, shares := 0.0, 0.0
		for _, s := range r.Stages {
			mean += s.Mean
			shares += s.Share
			if s.P50 > s.P99 {
				t.Errorf("%s: %+v", r.Wait, s)
			}
		}
		if len(r.Stages) != 7 || math.Abs(mean-r.SumMean) > 1 || r.Messages > 0 && (math.Abs(shares-1) > 0.01 || r.SumMean > r.Stamped.Mean) {
			t.Errorf("%s: %d stages of %v ns and %v in all, %+v", r.Wait, len(r.Stages), mean, shares, r.Result)
		}
		if (r.Wait == "spin") && (r.Woken > 0 || r.Slept > 0) || r.Transfers.Header != 1 || r.Transfers.Sum() < 1 {
			t.Errorf("%s: %d woken, %d slept, %+v", r.Wait, r.Woken, r.Slept, r.Transfers)
		}
	}
}

func TestBreakdownTable(t *testing.T) {
	status, out, errText := call("latency", "--breakdown", "--wait", "futex", "--count", "100", "--rate", "20000")
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, errText)
	}
	for _, want := range []string{"claim", "copy out", "unexplained", "two stamps", "cache lines a message: header 1.00", "stamps by the"} {
		if !strings.Contains(out, want) && !strings.Contains(out, "no message found the consumer waiting") {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
}

func TestTopo(t *testing.T) {
	status, out, errText := call("topo", "--duration", "50ms", "--json")
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, errText)
	}
	var doc topo.Document
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if doc.Schema != topo.Schema || len(doc.Pairs) < doc.AllPairs && doc.NotMeasured == "" {
		t.Errorf("%+v", doc)
	}
	cpus, err := chooseFrom(nil)
	must(t, err)
	one := cpu.FormatList(cpus[:1])
	if status, out, errText := call("topo", "--cpus", one); status != 0 || !strings.Contains(strings.Join(strings.Fields(out), " "), "not measured: only CPU "+one+" is allowed") {
		t.Errorf("exit status %d: %s\n%s", status, errText, out)
	}
}
