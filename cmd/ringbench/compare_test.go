package main

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig"
)

func compared(t *testing.T, args ...string) report.Document {
	t.Helper()
	status, out, errText := call(append([]string{"compare", "--json"}, args...)...)
	if status != 0 {
		t.Fatalf("%v: exit status %d: %s", args, status, errText)
	}
	var doc report.Document
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("%v: %v\n%s", args, err, out)
	}
	return doc
}

// Every method of this build is measured both ways, or it is said why not.
func TestCompareEveryMethod(t *testing.T) {
	var words []string
	for _, m := range allMethods(nil) {
		if m.family != rivalFamily && m.name != "signal" { // which carries 8 bytes: TestCompareTable has it
			words = append(words, m.label)
		}
	}
	doc := compared(t, "--methods", strings.Join(words, ","), "--size", "64", "--pairs", "1", "--duration", "10ms")
	found := map[string]int{}
	for _, r := range doc.Results {
		if r.Messages == 0 || r.Seconds <= 0 || r.Family == "" || r.CPUSeconds < 0 || len(r.Runs) != 1 ||
			(r.Kind == "round-trip") != (r.LatencyNS != nil) || (r.LatencyNS != nil) != (len(r.Distribution) == len(report.Quantiles)) {
			t.Errorf("%+v", r)
		}
		label := r.Transport
		if r.Family == "ring" {
			label += "-" + r.Wait
		}
		found[label]++
	}
	for _, word := range words {
		if found[word] != 2 && !spinsAlone(doc, word) {
			t.Errorf("%s: %d results, want 2; missing: %+v", word, found[word], doc.Missing)
		}
	}
}

// spinsAlone tells whether a method is left out for want of a second CPU.
func spinsAlone(doc report.Document, label string) bool {
	return len(doc.Environment.CPUs) < 2 && strings.HasSuffix(label, "-spin")
}

func TestCompareTable(t *testing.T) {
	t.Setenv("COLUMNS", "200")
	file := filepath.Join(t.TempDir(), "report.html")
	args := []string{"compare", "--html", file, "--methods", "signal,ring-futex,pipe", "--size", "8,64", "--pairs", "2", "--duration", "10ms"}
	status, out, errText := call(args...)
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, errText)
	}
	for _, want := range []string{"8 B, beside ring-futex", "64 B, beside ring-futex", "signal (1)", "\n(1) signal, 64 B: expected messages of 8 bytes", "of ring", "x ring", "p99", "cache line"} {
		if !strings.Contains(out, want) {
			t.Errorf("%q is missing in\n%s", want, out)
		}
	}
	if !strings.Contains(errText, "[1/") {
		t.Errorf("no progress in %q", errText)
	}
	if b, err := os.ReadFile(file); err != nil || !bytes.Contains(b, []byte("signal")) {
		t.Errorf("the page has %d bytes, %v", len(b), err)
	}
	status, out, errText = call(append(args, "--csv")...)
	lines, err := csv.NewReader(strings.NewReader(out)).ReadAll()
	if status != 0 || err != nil || len(lines) != 1+10 || lines[0][0] != "kind" || lines[1][7] != "2" {
		t.Errorf("exit status %d, %v, %s:\n%s", status, err, errText, out)
	}
}

// What --html cannot write to is told before anything is measured.
func TestComparePageNowhere(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{dir, filepath.Join(dir, "none", "x.html")} {
		status, out, errText := call("compare", "--html", name)
		if status != 1 || out != "" || strings.Count(errText, "\n") != 1 || !strings.Contains(errText, "--html") || !strings.Contains(errText, name) {
			t.Errorf("%s: exit status %d, %q, %q", name, status, out, errText)
		}
	}
}

// A file whose name was made up is told by its directory, the same each time, and with what looks further.
func TestWhyNot(t *testing.T) {
	for _, n := range []string{"1", "22"} {
		why, do := whyNot("shm", fmt.Errorf("shm: %w", &fs.PathError{Op: "open", Path: "/dev/shm/ringbench-" + n, Err: syscall.EROFS}))
		if why != "open in /dev/shm: read-only file system" || do != "ringbench doctor" {
			t.Errorf("%q, %q", why, do)
		}
	}
}

// A method that fails is named with the reason, what it had measured before is dropped, and the others go on.
func TestCompareGoesOn(t *testing.T) {
	calls := 0
	bad := &contender{name: "bad", family: rivalFamily, check: func(*rig.Params) error { return nil }}
	bad.measure = func(context.Context, rig.Params, rig.Watch) (rig.Outcome, error) {
		if calls++; calls == 1 {
			return rig.Outcome{Messages: 1, Seconds: 1}, nil
		}
		return rig.Outcome{}, errors.New("bad: lost a message")
	}
	needy := &contender{name: "needy", check: func(*rig.Params) error { return nil }}
	needy.measure = func(context.Context, rig.Params, rig.Watch) (rig.Outcome, error) {
		return rig.Outcome{}, &rig.Unable{Why: "not installed", Do: "apt-get install needy"}
	}
	o := &comparison{budget: time.Second}
	o.topology, o.batch, o.capacity, o.backing, o.sizes, o.pairs = "spsc", 1, defaultCapacity, "memfd", []int{8}, 3
	o.duration = 5 * time.Millisecond
	cpus, _, err := o.chooseCPUs()
	must(t, err)
	methods := []method{{contender: bad, label: "bad"}, {contender: needy, label: "needy"}, {contender: ofTransport(findTransport("pipe")), label: "pipe"}}
	p := newComparing(o, methods, cpus)
	results, err := measureAll(t.Context(), p.steps, o.pairs, newProgress(io.Discard), p.lost)
	must(t, err)
	if len(results) != 2 {
		t.Errorf("%d results, want the two of the pipe", len(results))
	}
	for _, r := range results {
		if r.Transport != "pipe" || len(r.Runs) != 3 {
			t.Errorf("%+v", r)
		}
	}
	want := []report.Missing{{Transport: "needy", Why: "not installed", Do: "apt-get install needy"}, {Transport: "bad", Why: "lost a message"}}
	got := p.missing()
	slices.SortFunc(got, func(a, b report.Missing) int { return -strings.Compare(a.Transport, b.Transport) })
	if !slices.Equal(got, want) {
		t.Errorf("%+v, want %+v", got, want)
	}
}

// Without a compiler the programs are named with what to install, and that is no failure.
func TestCompareWithoutCompiler(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	doc := compared(t, "--methods", "ring-futex,boost,cpipe", "--size", "8", "--pairs", "1", "--duration", "5ms")
	if len(doc.Results) != 2 || len(doc.Missing) != 2 {
		t.Fatalf("%+v", doc)
	}
	for _, m := range doc.Missing {
		if !strings.Contains(m.Why+m.Do, "apt-get install g") {
			t.Errorf("%+v", m)
		}
	}
}

func TestChooseMethods(t *testing.T) {
	for words, want := range map[string]string{
		"ring":       "ring-spin ring-futex ring-semaphore ring-eventfd ring-adaptive",
		"ring-yield": "ring-yield",
		"memory":     "mmap shm",
		"pipe,tcp":   "pipe tcp",
		"signal,mq":  "mq signal",
	} {
		list, err := chooseMethods(strings.Split(words, ","), nil)
		must(t, err)
		var got []string
		for _, m := range list {
			got = append(got, m.label)
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s: %v, want %s", words, got, want)
		}
	}
}

// Where there is one processor nothing only spins, and that is said.
func TestCompareOnOneCPU(t *testing.T) {
	o := &comparison{}
	o.sizes, o.pairs = []int{8}, 1
	methods, err := chooseMethods([]string{"ring-spin", "ring-futex", "cflag", "mmap"}, nil)
	must(t, err)
	p := newComparing(o, methods, nil)
	for _, s := range p.steps {
		if s.p.Wait == "spin" || s.c.name == "cflag" || !s.p.OneCPU {
			t.Errorf("%s is planned", resultName(s.c, &s.p))
		}
	}
	if m := p.missing(); len(m) != 2 || !strings.Contains(m[0].Why, "two CPUs") {
		t.Errorf("%+v", m)
	}
}
