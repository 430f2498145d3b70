package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/cmd/ringbench/internal/rig/rigtest"
	"annulus/internal/testutil"
)

// running is a measurement that would last an hour, with a process group of
// its own, past its first report of progress.
type running struct {
	*exec.Cmd
	out     bytes.Buffer
	stderr  io.ReadCloser
	lines   []string
	shmFree []string
	tmp     string
	below   []int // its processes, once it measures
}

func start(t *testing.T, args ...string) *running {
	t.Helper()
	r := &running{Cmd: ringbench(t, args...), shmFree: list(t, "/dev/shm")}
	r.tmp = strings.TrimPrefix(r.Env[len(r.Env)-1], "TMPDIR=")
	r.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	r.Stdout = &r.out
	var err error
	if r.stderr, err = r.StderrPipe(); err != nil {
		t.Fatal(err)
	}
	if err := r.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { syscall.Kill(-r.Process.Pid, syscall.SIGKILL) })
	silent := slices.Contains(args, "cflag")
	lines := bufio.NewScanner(r.stderr)
	for lines.Scan() {
		r.lines = append(r.lines, lines.Text())
		// Where nothing has passed yet there is a line without a count; and that of a rival in C is known at its end.
		if strings.Contains(lines.Text(), " of 1h") && (silent || strings.Contains(lines.Text(), " messages, ")) {
			r.below = rigtest.Below(r.Process.Pid)
			return r
		}
	}
	t.Fatalf("it ended without progress: %q", r.lines)
	return nil
}

// left lists what still runs of its group, and of the groups that it has started, as rivals have their own.
func (r *running) left() []int {
	left := rigtest.Group(r.Process.Pid)
	for _, pid := range r.below {
		left = append(left, rigtest.Group(pid)...)
	}
	return left
}

// gone waits until no process runs and fails when files are left.
func (r *running) gone(t *testing.T) {
	t.Helper()
	deadline := time.Now().Add(10 * time.Second)
	for left := r.left(); len(left) > 0; left = r.left() {
		if time.Now().After(deadline) {
			t.Fatalf("processes are left: %v", left)
		}
		time.Sleep(time.Millisecond)
	}
	if now := list(t, "/dev/shm"); !slices.Equal(now, r.shmFree) {
		t.Errorf("/dev/shm held %v and holds %v", r.shmFree, now)
	}
}

func list(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		other := strings.HasPrefix(e.Name(), "ringbench-test-") && !strings.HasPrefix(e.Name(), ringPrefix) // another test binary's
		other = other || strings.HasPrefix(e.Name(), "ringbench-rival-")                                    // package rival tests who removes those
		if strings.Contains(e.Name(), "ringbench") && !other {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestInterrupt(t *testing.T) {
	for _, c := range []struct {
		name    string
		args    []string
		sig     syscall.Signal
		group   bool // as a terminal does it
		workers int
	}{
		{"throughput", []string{"throughput", "--transport", "pipe"}, syscall.SIGINT, false, 2},
		{"group", []string{"throughput", "--transport", "unix"}, syscall.SIGINT, true, 2},
		{"latency", []string{"latency", "--transport", "unix"}, syscall.SIGTERM, false, 2},
		{"pace", []string{"latency", "--transport", "pipe", "--rate", "1000"}, syscall.SIGTERM, true, 2},
		{"channel", []string{"throughput", "--transport", "channel"}, syscall.SIGINT, false, 1},
		{"rival", []string{"latency", "--transport", "cflag"}, syscall.SIGINT, true, 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.name == "rival" {
				testutil.Compiler(t, "gcc")
			}
			r := start(t, append(c.args, "--duration", "1h", "--size", "64", "--json")...)
			if n := len(r.below); n != c.workers {
				t.Errorf("%d workers run, want %d", n, c.workers)
			}
			pid := r.Process.Pid
			if c.group {
				pid = -pid
			}
			if err := syscall.Kill(pid, c.sig); err != nil {
				t.Fatal(err)
			}
			rest, _ := io.ReadAll(r.stderr)
			if err := r.Wait(); err == nil || r.ProcessState.ExitCode() != 1 {
				t.Errorf("it ended with %v, want exit status 1: %s", err, rest)
			}
			if lines := strings.Count(string(rest), "interrupted after 0 of 1"); lines != 1 {
				t.Errorf("stderr does not say once that it was interrupted: %q", rest)
			}
			var doc report.Document
			if err := json.Unmarshal(r.out.Bytes(), &doc); err != nil {
				t.Fatalf("%v in %q", err, r.out.String())
			}
			if len(doc.Results) != 1 || doc.Results[0].Messages == 0 || doc.Results[0].Seconds <= 0 {
				t.Errorf("what it had counted is missing: %+v", doc.Results)
			}
			r.gone(t)
			if left, err := os.ReadDir(r.tmp); err != nil || len(left) > 0 {
				t.Errorf("temporary files are left: %v, %v", left, err)
			}
		})
	}
}

// An interrupted crowd prints the medians it has.
func TestCrowdInterrupted(t *testing.T) {
	c := ringbench(t, "crowd", "--topology", "1x1", "--contender", "channel,ring", "--pairs", "1000", "--duration", "200ms", "--warm-up", "1ms", "--json")
	c.Env = append(c.Env, "GOMAXPROCS=2")
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	var out bytes.Buffer
	c.Stdout = &out
	stderr, err := c.StderrPipe()
	must(t, err)
	must(t, c.Start())
	t.Cleanup(func() { syscall.Kill(-c.Process.Pid, syscall.SIGKILL) })
	lines := bufio.NewReader(stderr)
	for line := ""; !strings.HasPrefix(line, "[4/2000] crowd/ring/1x1"); {
		line, err = lines.ReadString('\n')
		must(t, err)
	}
	must(t, syscall.Kill(-c.Process.Pid, syscall.SIGINT))
	rest, err := io.ReadAll(lines)
	must(t, err)
	if err := c.Wait(); c.ProcessState.ExitCode() != 1 || !strings.Contains(string(rest), "ringbench crowd: interrupted after ") || strings.Contains(string(rest), "worker") {
		t.Errorf("it ended with %v, %q", err, rest)
	}
	var doc crowdDoc
	err = json.Unmarshal(out.Bytes(), &doc)
	if results := doc.Results; err != nil || doc.Schema != report.CrowdSchema || len(results) != 2 || len(results[0].All) < 2 || len(results[1].All) < 1 || results[1].PerSecond <= 0 {
		t.Errorf("%v, %s", err, out.String())
	}
}

func TestWorkersDieWithAKilledParent(t *testing.T) {
	for _, transport := range []string{"pipe", "channel", "cflag"} {
		t.Run(transport, func(t *testing.T) {
			command := "latency"
			if transport == "cflag" {
				testutil.Compiler(t, "gcc")
			}
			r := start(t, command, "--transport", transport, "--duration", "1h")
			if err := r.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			io.Copy(io.Discard, r.stderr)
			r.Wait()
			r.gone(t)
		})
	}
}
