package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"annulus/cmd/ringbench/internal/load"
	"annulus/cmd/ringbench/internal/report"
)

func profileFile(t *testing.T, text string) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "p.yaml")
	must(t, os.WriteFile(name, []byte(text), 0o600))
	return name
}

// What ringbench record has written is the load: sizes and times as they were. It goes
// through rings that have a name, and nothing of them is left.
func TestRecordedLoad(t *testing.T) {
	name, dir := ringName(t), t.TempDir()
	lines := strings.Repeat("a line of sixty bytes, which is what most of them have, just\n"+strings.Repeat("x", 300)+"\n", 50)
	passes(t, []byte(lines), "produce", name)
	file := filepath.Join(dir, "lines.capture")
	passes(t, nil, "record", name, file)
	at := ringName(t)
	profile := profileFile(t, fmt.Sprintf(`
duration: 200ms
warm-up: 0s
rings:
  one: {capacity: 64KiB, backing: shm, at: %s}
  two: {topology: mpsc, capacity: 64KiB, backing: file, at: %s}
producers:
  p: {ring: one, size: {capture: %[3]s}, pace: 20k/s}
  q: {ring: two, count: 2, size: {capture: %[3]s}, pace: {capture: %[3]s, speed: 0.5}}
consumers:
  c: {ring: one}
  d: {ring: two, churn: {every: 40ms, by: kill}}
`, at, filepath.Join(dir, "ring"), file))
	for _, r := range measured(t, "run", profile) {
		if r.Kind != "load" || r.Load == nil || len(r.Runs) != 1 || r.Load.Wrong() != 0 {
			t.Errorf("%+v", r)
		}
		// The mean of 60 and 300 bytes, but for where the window cuts.
		if r.Messages > 1000 && (r.Size < 175 || r.Size > 185) {
			t.Errorf("%s: messages of %d bytes on average", r.Name, r.Size)
		}
		if strings.HasSuffix(r.Name, "/one") && r.Messages == 0 {
			t.Errorf("nothing came: %+v", r)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "ring*")); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
	// A ring that is there already is not touched.
	passes(t, []byte("a\n"), "produce", at)
	if status, _, text := call("run", profile); status != 1 || !strings.Contains(text, "ring one: ") || !strings.Contains(text, "exists") {
		t.Errorf("exit status %d: %s", status, text)
	}
	if got := string(passes(t, nil, "consume", at)); got != "a\n" {
		t.Errorf("found %q in the ring that was there", got)
	}
}

func TestLoadTables(t *testing.T) {
	status, out, text := call("run", "work-queue", "--duration", "100ms", "--warm-up", "10ms", "--pairs", "2")
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, text)
	}
	for _, want := range []string{"profile work-queue: 100ms measured after 10ms", "mpmc", "frontends", "workers", "coordinated omission", "full (min, median, max)"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if !strings.Contains(text, "[2/2] load/work-queue") {
		t.Errorf("no progress in %q", text)
	}
	_, out, _ = call("run", "--list")
	for _, name := range load.Builtin() {
		if !strings.Contains(out, name+" ") {
			t.Errorf("%s is missing in\n%s", name, out)
		}
		if status, text, _ := call("run", "--print", name); status != 0 || !strings.HasPrefix(text, "name: "+name+"\n") {
			t.Errorf("exit status %d, %q", status, text)
		}
	}
	results := measured(t, "run", "--topology", "mpmc", "--producers", "2", "--consumers", "2", "--size", "64B-1KiB", "--rate", "5k/s", "--work", "1us", "--batch", "4", "--duration", "100ms", "--warm-up", "0s", "--pairs", "3")
	if len(results) != 3 || len(results[0].Runs) != 3 || results[0].Topology != "mpmc" || results[0].Load.Role != "ring" || len(results[2].Series) < 2 || len(results[2].Series[0].Runs) != 3 {
		t.Errorf("%+v", results)
	}
}

// An interrupt prints what there is, and nothing is left.
func TestLoadInterrupted(t *testing.T) {
	for _, group := range []bool{false, true} {
		profile := profileFile(t, "rings: {r: {topology: mpsc, backing: shm}}\nproducers: {p: {count: 2, pace: 10k/s}}\nconsumers: {c: {churn: {every: 50ms, by: kill}}}")
		r := start(t, "run", profile, "--duration", "1h", "--warm-up", "0s", "--json")
		pid := r.Process.Pid
		if group {
			pid = -pid
		}
		must(t, syscall.Kill(pid, syscall.SIGINT))
		rest, _ := io.ReadAll(r.stderr)
		if err := r.Wait(); err == nil || r.ProcessState.ExitCode() != 1 || !strings.Contains(string(rest), "ringbench run: interrupted after 0 of 1 runs\n") {
			t.Errorf("it ended with %v: %s", err, rest)
		}
		var doc report.Document
		must(t, json.Unmarshal(r.out.Bytes(), &doc))
		if len(doc.Results) != 3 || doc.Results[0].Messages == 0 || doc.Results[0].Seconds <= 0 {
			t.Errorf("%+v", doc.Results)
		}
		r.gone(t)
	}
}

// A worker whose parent is killed is gone too.
func TestLoadKilled(t *testing.T) {
	r := start(t, "run", "--topology", "mpmc", "--consumers", "2", "--rate", "1k/s", "--duration", "1h", "--warm-up", "0s", "--json")
	must(t, syscall.Kill(r.Process.Pid, syscall.SIGKILL))
	io.Copy(io.Discard, r.stderr)
	r.Wait()
	r.gone(t)
}

func TestDiffStatus(t *testing.T) {
	write := func(runs ...float64) string {
		var b bytes.Buffer
		must(t, report.WriteJSON(&b, report.Here(nil), []report.Result{{Name: "throughput/x", Kind: "throughput", Runs: runs}}))
		name := filepath.Join(t.TempDir(), "d.json")
		must(t, os.WriteFile(name, b.Bytes(), 0o600))
		return name
	}
	fast, slow, few := write(100, 101, 102, 103), write(90, 91, 92, 93), write(1)
	for _, c := range []struct {
		args   []string
		status int
		out    string
	}{
		{[]string{fast, fast}, 0, "~"},
		{[]string{slow, fast}, 0, "better"},
		{[]string{fast, slow}, worseStatus, "worse"},
		{[]string{fast, slow, "--threshold", "20%"}, 0, "-9.85%"},
		{[]string{fast, slow, "--alpha", "0.001"}, 0, "~"},
		{[]string{fast, slow, "--json"}, worseStatus, `"change": "worse"`},
		{[]string{fast + "," + fast, slow + "," + slow}, worseStatus, "n=8"},
		{[]string{fast, few}, 0, "need >= 6 samples"},
		{[]string{fast, slow, "--metric", "p99"}, 1, ""},
		{[]string{fast, "/nosuch.json"}, 1, ""},
	} {
		status, out, text := call(append([]string{"diff"}, c.args...)...)
		if status != c.status || !strings.Contains(out, c.out) || (status == 0) != (text == "") || strings.Count(text, "\n") > 1 {
			t.Errorf("%q: exit status %d, want %d\n%s%s", c.args, status, c.status, out, text)
		}
	}
}
