package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"annulus/cmd/ringbench/internal/stress"
	"annulus/internal/killpoint"
	"annulus/internal/testutil"
)

// stressReport runs ringbench stress and returns what it found.
func stressReport(t *testing.T, exe string, args ...string) stress.Report {
	t.Helper()
	var out, errs strings.Builder
	cmd := exec.Command(exe, append([]string{"stress", "--json"}, args...)...)
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var r stress.Report
	if jerr := json.Unmarshal([]byte(out.String()), &r); jerr != nil {
		t.Fatalf("%v: %v: %v\n%s", args, err, jerr, errs.String())
	}
	if err != nil || r.Violations() > 0 {
		t.Errorf("%v: %v\n%s", args, err, out.String())
	}
	t.Logf("%v: %d kills, %d with a claim in flight, %d stops, %d committed, longest stall %.0f ms",
		args, r.Kills, r.InFlight, r.Stops, r.Committed, r.Longest)
	return r
}

// TestStress kills endpoints at random: cases 1 to 3, 5, 6, 8 to 11, 15 to 19 of the
// fault list, some hundred times.
func TestStress(t *testing.T) {
	exe := buildTags(t, "")
	for _, args := range [][]string{
		{"--topology", "mpmc", "--kills", "100", "--all", "40"},
		{"--topology", "mpmc", "--redeliver", "--kills", "200", "--all", "60"},
		{"--topology", "mpmc", "--redeliver", "--kills", "30", "--capacity", "2", "--wait", "futex"},
		{"--topology", "mpsc", "--kills", "100", "--all", "40", "--stops", "20"},
		{"--topology", "mpsc-ordered", "--kills", "60", "--all", "40", "--stops", "10", "--aim", "60"},
		{"--topology", "spsc", "--kills", "150", "--all", "60", "--stops", "30"},
		{"--topology", "broadcast", "--kills", "100", "--all", "60", "--stops", "10"},
		{"--topology", "broadcast", "--overrun", "block", "--kills", "100", "--all", "60", "--stops", "10"},
		{"--topology", "broadcast", "--overrun", "drop", "--kills", "100", "--wait", "futex"},
	} {
		r := stressReport(t, exe, args...)
		// In a ring of two slots most processes wait most of the time; in a broadcast ring most
		// are consumers, who claim nothing.
		if line := strings.Join(args, " "); !strings.Contains(line, "--capacity 2") && !strings.Contains(line, "broadcast") && 20*r.InFlight < r.Kills {
			t.Errorf("%v: %d of %d kills hit a claim in flight, want a twentieth at least", args, r.InFlight, r.Kills)
		}
	}
}

// TestStressWithC kills endpoints in Go and in C, which succeed each other and settle
// what the others leave.
func TestStressWithC(t *testing.T) {
	testutil.Compiler(t, "gcc")
	exe := buildTags(t, "")
	for _, args := range [][]string{
		{"--topology", "mpmc", "--c-peers", "3", "--kills", "100", "--all", "60"},
		{"--topology", "mpmc", "--redeliver", "--c-peers", "3", "--kills", "100"},
		{"--topology", "spsc", "--c-peers", "1", "--kills", "60"},
		{"--topology", "mpsc", "--c-peers", "2", "--kills", "60"},
		{"--topology", "mpsc-ordered", "--c-peers", "2", "--kills", "60"},
		{"--topology", "broadcast", "--c-peers", "2", "--kills", "60"},
		{"--topology", "broadcast", "--overrun", "block", "--c-peers", "2", "--kills", "60"},
	} {
		if r := stressReport(t, exe, args...); 4*r.KillsC < r.Kills || 4*r.KillsC > 3*r.Kills {
			t.Errorf("%v: %d of %d kills struck a process in C, want about half", args, r.KillsC, r.Kills)
		}
	}
}

// A terminal's interrupt ends stress in order: what lies in the ring is received before it
// is judged, and no worker takes the signal for its own.
func TestStressInterrupted(t *testing.T) {
	for _, topology := range []string{"mpmc", "mpsc-ordered"} {
		cmd := exec.Command(buildTags(t, ""), "stress", "--json", "--topology", topology, "--kills", "1000000", "--burst", "4")
		cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
		var out strings.Builder
		cmd.Stdout = &out
		stderr, err := cmd.StderrPipe()
		must(t, err)
		must(t, cmd.Start())
		t.Cleanup(func() { syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
		lines := bufio.NewReader(stderr)
		_, err = lines.ReadString('\n') // it is under way
		must(t, err)
		must(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGINT))
		last, err := io.ReadAll(lines)
		must(t, err)
		must(t, onlyExit(cmd.Wait()))
		var r stress.Report
		must(t, json.Unmarshal([]byte(out.String()), &r))
		if r.Violations() > 0 || !r.Interrupted || r.Kills == 0 || r.Received == 0 {
			t.Errorf("%s", out.String())
		}
		want := fmt.Sprintf("ringbench stress: interrupted after %d of 1000000 kills: 0 violations\n", r.Kills)
		if status := cmd.ProcessState.ExitCode(); status != 1 || !strings.HasSuffix(string(last), want) {
			t.Errorf("exit status %d, %q, want %q", status, last, want)
		}
	}
}

// onlyExit drops an error that is an exit status.
func onlyExit(err error) error {
	if errors.As(err, new(*exec.ExitError)) {
		return nil
	}
	return err
}

// A limit that comes while somebody has been killed and not succeeded yet does not hang.
func TestStressLimit(t *testing.T) {
	for range 4 {
		r := stressReport(t, buildTags(t, ""), "--kills", "1000000", "--burst", "6", "--aim", "0", "--limit", "100ms")
		if len(r.Notes) != 1 || !strings.Contains(r.Notes[0], "ended after 100ms") {
			t.Errorf("%+v", r)
		}
	}
}

func TestStressWithCNeedsCompiler(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	status, _, errText := call("stress", "--c-peers", "1", "--kills", "1")
	if status != 1 || !strings.Contains(errText, "apt-get install gcc") {
		t.Errorf("exit status %d, %q", status, errText)
	}
}

// points are the named places that endpoints of a topology come to, each with another
// state that a death there leaves.
var points = map[string]string{
	"mpmc --redeliver":          "intent drawn filled committed published received settling settled repairing repaired handing handed joined announced taken completing completed aborting",
	"spsc":                      "put swept sent padded staged published released taken",
	"mpsc":                      "put swept sent padded staged published turned partly released joined taken announced",
	"mpsc-ordered":              "intent drawn padded filled committed published aborting repairing repaired passed released joined taken announced completing completed",
	"broadcast":                 "raised wrapped half filled latest committed copied released joined placed announced taken",
	"broadcast --overrun block": "burying buried placed",
}

// TestStressPoints kills endpoints at each named point of the protocol.
func TestStressPoints(t *testing.T) {
	exe := buildTags(t, "killpoints")
	left := map[string]bool{}
	for _, point := range killpoint.Names {
		left[point] = point != "leaving" && point != "left" // nobody leaves before the end: TestLastOneLeaves
	}
	for kind, list := range points {
		for _, point := range strings.Fields(list) {
			left[point] = false
			t.Run(kind+"/"+point, func(t *testing.T) {
				t.Parallel() // most of the time is waiting
				args := append(strings.Fields("--topology "+kind), "--point", point, "--kills", "10", "--all", "0", "--burst", "1", "--aim", "50")
				if r := stressReport(t, exe, args...); r.AtPoint == 0 {
					t.Errorf("nobody died at %q, %s", point, kind)
				}
			})
		}
	}
	for point, is := range left {
		if is {
			t.Errorf("no topology is killed at %q", point)
		}
	}
}

// TestKillPointNames holds the list of kill points against the calls.
func TestKillPointNames(t *testing.T) {
	out, err := exec.Command("grep", "-rhoE", `killpoint\.Here\("[a-z]+"\)`, "../../ring").Output()
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{}
	for line := range strings.Lines(string(out)) {
		called[strings.Split(line, `"`)[1]] = true
	}
	for _, name := range killpoint.Names {
		if !called[name] {
			t.Errorf("no code comes to %q", name)
		}
		delete(called, name)
	}
	for name := range called {
		t.Errorf("%q is not in killpoint.Names", name)
	}
}

func TestStressUsage(t *testing.T) {
	exe := buildTags(t, "")
	for _, c := range []struct{ args, want string }{
		{"--producers 0", "from 1 to 119"},
		{"--producers 60 --consumers 61", "found 121"},
		{"--topology spsc --producers 2", "at most 1 producer in a ring of topology spsc, found 2"},
		{"--topology mpsc-ordered --consumers 2", "at most 1 consumer"},
		{"--topology ring", "mpmc, mpsc, mpsc-ordered, spsc"},
		{"--overrun drop", "only with --topology broadcast, found --topology mpmc"},
		{"--topology spsc --redeliver", "only with --topology mpmc, found --topology spsc"},
		{"--wait eventfd", "adaptive"},
		{"--topology mpsc --wait semaphore", "found semaphore"},
		{"--capacity 3", "the next is 4"},
		{"--limit -1s", "at least 1ms"},
		{"--point drawn", "-tags killpoints"},
		{"--kills -1", "at least 0"},
		{"--c-peers 7", "--c-peers from 0 to 6"},
		{"--hostile --kills 5", "with --hostile, found --kills"},
		{"--flips 5", "only with --hostile"},
		{"--hostile --flips many", `"many"`},
		{"extra", "expected only flags"},
	} {
		out, err := exec.Command(exe, append([]string{"stress"}, strings.Fields(c.args)...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("stress %s: %v %q, want one line with %q", c.args, err, out, c.want)
		}
	}
}

// TestStressHostile has a process write nonsense over all that it can write of the rings
// that another uses: cases 44 to 46 of the fault list, where the peer is a stranger.
func TestStressHostile(t *testing.T) {
	var out, errs strings.Builder
	cmd := exec.Command(buildTags(t, ""), "stress", "--hostile", "--flips", "10000000", "--json")
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := cmd.Run()
	var r stress.HostileReport
	if jerr := json.Unmarshal([]byte(out.String()), &r); jerr != nil {
		t.Fatalf("%v: %v\n%s", err, jerr, errs.String())
	}
	if err != nil || r.Violations() > 0 || r.Flips < 10000000 || r.Poisoned == 0 || r.Messages == 0 {
		t.Errorf("%v: %s%s", err, out.String(), errs.String())
	}
	t.Logf("%d flips, %d rings, %d spoilt, %d calls, %d messages", r.Flips, r.Rings, r.Poisoned, r.Calls, r.Messages)
}

// buildTags builds ringbench with tags, once for each set of them.
func buildTags(t *testing.T, tags string) string {
	t.Helper()
	return testutil.Build(t, "ringbench"+tags, func(exe string) *exec.Cmd {
		return exec.Command("go", "build", "-tags", tags, "-o", exe, ".")
	})
}
