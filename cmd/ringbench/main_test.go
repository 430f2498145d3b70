package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig/rigtest"
	"annulus/cmd/ringbench/internal/rival"
	"annulus/internal/testutil"
)

// asMain makes the test binary behave as ringbench; workers are started by
// their first argument.
const asMain = "RINGBENCH_TEST_AS_MAIN"

// asGrace sets intoGrace and outOfGrace.
const asGrace = "RINGBENCH_TEST_GRACE"

// asLonely sets lonelyAfter.
const asLonely = "RINGBENCH_TEST_LONELY"

func TestMain(m *testing.M) {
	// No busy machine makes a test's consumer say that it is alone.
	lonelyAfter = time.Hour
	matrixBudget = 10 * time.Millisecond
	if d, err := time.ParseDuration(os.Getenv(asLonely)); err == nil {
		lonelyAfter = d
	}
	if d, err := time.ParseDuration(os.Getenv(asGrace)); err == nil {
		intoGrace, outOfGrace = d, d
	}
	if os.Getenv(asMain) != "" || len(os.Args) > 1 && hidden[os.Args[1]] != nil {
		main()
		return
	}
	dropCache := testCache()
	code := rigtest.Main(m)
	testutil.RemoveBuilt()
	dropCache()
	if left, _ := filepath.Glob(fmt.Sprintf("/dev/shm/%s*", ringPrefix)); len(left) > 0 {
		fmt.Fprintln(os.Stderr, "left behind:", left)
		code = 1
	}
	os.Exit(code)
}

// testCache has the rivals built outside the user's cache, also those that processes of
// the tests build, until the returned function is called.
func testCache() (drop func()) {
	if os.Getenv(rival.CacheEnv) != "" {
		return func() {}
	}
	dir, err := os.MkdirTemp("", "annulus-cache-")
	if err != nil {
		panic(err)
	}
	os.Setenv(rival.CacheEnv, dir)
	return func() { os.RemoveAll(dir) }
}

// ringbench is the command as a process of its own.
func ringbench(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	if runtime.GOOS == "linux" {
		self = "/proc/self/exe" // also for a user who may not look where it lies
	}
	cmd := exec.CommandContext(t.Context(), self, args...)
	cmd.Env = append(os.Environ(), asMain+"=1", "TMPDIR="+t.TempDir())
	return cmd
}

// call runs a command line in this process.
func call(args ...string) (status int, stdout, stderr string) {
	var out, err bytes.Buffer
	status = run(args, os.Stdin, &out, &err)
	return status, out.String(), err.String()
}

// measured runs a measuring command with --json and returns its results.
func measured(t *testing.T, args ...string) []report.Result {
	t.Helper()
	status, out, errText := call(append(args, "--json")...)
	if status != 0 {
		t.Fatalf("%v: exit status %d: %s", args, status, errText)
	}
	var doc report.Document
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	if doc.Schema != report.Schema || doc.Environment.GoVersion == "" || doc.Environment.Kernel == "" {
		t.Errorf("%v: schema %q, environment %+v", args, doc.Schema, doc.Environment)
	}
	return doc.Results
}

func TestThroughputOfEveryTransport(t *testing.T) {
	for _, batch := range []string{"1", "7"} {
		results := measured(t, "throughput", "--size", "8,1000", "--batch", batch, "--count", "20000")
		if want := 2 * len(transports()); len(results) != want {
			t.Fatalf("%d results, want %d", len(results), want)
		}
		for _, r := range results {
			if r.Messages == 0 || r.Seconds <= 0 || r.MessagesPerSecond <= 0 || r.BytesPerSecond <= r.MessagesPerSecond || r.CPUSeconds <= 0 {
				t.Errorf("%+v", r)
			}
			if r.LatencyNS != nil || r.Processes < 1 || r.Topology != "spsc" {
				t.Errorf("%+v", r)
			}
		}
	}
}

func TestRoundTripsOfEveryTransport(t *testing.T) {
	for _, r := range measured(t, "latency", "--size", "8,100", "--count", "500") {
		l := r.LatencyNS
		if r.Messages == 0 || l == nil || l.P50 <= 0 || l.P50 > l.P90 || l.P90 > l.P99 || l.P99 > l.P999 || l.P999 > l.P9999 || l.P9999 > l.Max {
			t.Errorf("%+v, %+v", r, l)
		}
	}
}

func TestSteadyPaceOfEveryTransport(t *testing.T) {
	for _, r := range measured(t, "latency", "--rate", "2000", "--size", "8,64", "--count", "100") {
		if r.Messages == 0 || r.LatencyNS == nil || r.LatencyNS.P50 <= 0 || !strings.HasSuffix(r.Name, "/rate2000") {
			t.Errorf("%+v, %+v", r, r.LatencyNS)
		}
	}
	_, out, _ := call("latency", "--rate", "1000", "--count", "10", "--transport", "pipe")
	if !strings.Contains(out, "coordinated omission") {
		t.Errorf("the table does not say what was corrected:\n%s", out)
	}
}

func TestCountAndPairs(t *testing.T) {
	for _, args := range [][]string{{"throughput", "--batch", "32"}, {"latency"}, {"latency", "--rate", "100000"}} {
		for _, r := range measured(t, append(args, "--count", "1001", "--pairs", "2", "--size", "64")...) {
			if r.Messages != 1001 {
				t.Errorf("%s: %d messages, want 1001", r.Name, r.Messages)
			}
		}
	}
}

func TestMessageLargerThanEveryBuffer(t *testing.T) {
	for _, r := range measured(t, "throughput", "--transport", "pipe,unix,channel", "--size", "300000", "--capacity", "64K", "--count", "50") {
		if r.Messages != 50 {
			t.Errorf("%+v", r)
		}
	}
}

func TestTour(t *testing.T) {
	status, out, errText := call("tour", "--budget", "1500ms")
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, errText)
	}
	for _, want := range append(transportNames(), "Throughput", "Round trips", "1024 B", "p99.99", "cache line") {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if !strings.Contains(errText, "[1/") {
		t.Errorf("no progress in %q", errText)
	}
	results := measured(t, "tour", "--budget", "1500ms")
	trips := slices.DeleteFunc(slices.Clone(results), func(r report.Result) bool { return r.LatencyNS == nil })
	if len(trips) == 0 || len(trips) == len(results) {
		t.Errorf("%d results, %d of them round trips", len(results), len(trips))
	}
}

func TestFullDiskIsAFailure(t *testing.T) {
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		testutil.Absent(t, "no /dev/full here: %v", err)
	}
	defer full.Close()
	for _, args := range [][]string{{"help"}, {"throughput", "--transport", "channel", "--count", "100"}, {"throughput", "--transport", "channel", "--count", "100", "--json"}} {
		var stderr bytes.Buffer
		if status := run(args, os.Stdin, full, &stderr); status != 1 || !strings.Contains(stderr.String(), "no space left") {
			t.Errorf("%v: exit status %d, %q", args, status, stderr.String())
		}
	}
}
