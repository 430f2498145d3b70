package main

import (
	"io"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/testutil"
)

func needBoost(t *testing.T) {
	t.Helper()
	testutil.Compiler(t, "g++")
	cmd := exec.Command("g++", "-x", "c++", "-fsyntax-only", "-include", "boost/lockfree/spsc_queue.hpp", os.DevNull)
	if out, err := cmd.CombinedOutput(); err != nil {
		if !strings.Contains(string(out), "No such file") {
			t.Fatalf("boost's header does not compile: %s", out)
		}
		testutil.Absent(t, "libboost-dev is not installed")
	}
}

func TestRivalsInC(t *testing.T) {
	testutil.Compiler(t, "gcc")
	results := measured(t, "latency", "--transport", "cflag,cfutex,cpipe", "--size", "8,64", "--duration", "200ms")
	if len(results) != 4 { // two of them pass a word whatever the size
		t.Errorf("%d results: %+v", len(results), results)
	}
	for _, r := range results {
		l := r.LatencyNS
		if r.Messages == 0 || l == nil || l.P50 <= 0 || l.P50 > l.P99 || l.P9999 > l.Max || r.CPUSeconds <= 0 || r.Seconds <= 0 {
			t.Errorf("%+v, %+v", r, l)
		}
	}
}

func TestBoost(t *testing.T) {
	needBoost(t)
	b := newBuilder() // one, so that it compiles once
	defer b.Close()
	list, err := contenders([]string{"boost"}, b)
	if err != nil {
		t.Fatal(err)
	}
	o := &options{topology: "spsc", duration: 200 * time.Millisecond, capacity: defaultCapacity}
	cpus, _, err := o.chooseCPUs()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		kind  rig.Kind
		batch int
	}{{rig.Throughput, 1}, {rig.Throughput, 32}, {rig.RoundTrip, 1}} {
		o.batch = c.batch
		steps, err := plan(list, o.params(c.kind, cpus), []int{64}, nil)
		if err != nil {
			t.Fatal(err)
		}
		results, err := measureAll(t.Context(), steps, 2, newProgress(io.Discard), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			if r.Messages == 0 || r.MessagesPerSecond <= 0 || r.Processes != 2 || r.Wait != "spin" || (r.LatencyNS != nil) != (c.kind == rig.RoundTrip) {
				t.Errorf("%+v", r)
			}
		}
	}
}

func TestMissingCompilerSaysWhatToInstall(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	status, _, errText := call("latency", "--transport", "cflag", "--duration", "10ms")
	if status != 1 || !strings.Contains(errText, "apt-get install gcc") {
		t.Errorf("exit status %d, %q", status, errText)
	}
}
