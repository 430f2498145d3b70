package main

import (
	"encoding/json"
	"fmt"
	"os/exec"
	"strings"
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
		{"--topology", "mpmc", "--kills", "200", "--all", "60"},
		{"--topology", "mpmc", "--redeliver", "--kills", "200", "--all", "60"},
		{"--topology", "mpmc", "--redeliver", "--kills", "100", "--capacity", "2", "--wait", "futex"},
		{"--topology", "mpsc", "--kills", "100", "--all", "40", "--stops", "20"},
		{"--topology", "mpsc-ordered", "--kills", "100", "--all", "40", "--stops", "10", "--aim", "100"},
		{"--topology", "spsc", "--kills", "150", "--all", "60", "--stops", "30"},
		{"--topology", "broadcast", "--kills", "100", "--all", "60", "--stops", "10"},
		{"--topology", "broadcast", "--overrun", "block", "--kills", "100", "--all", "60", "--stops", "10"},
		{"--topology", "broadcast", "--overrun", "drop", "--kills", "100", "--wait", "futex"},
	} {
		r := stressReport(t, exe, args...)
		// In a ring of two slots most processes wait most of the time; in a broadcast ring most
		// are consumers, who claim nothing.
		if line := strings.Join(args, " "); !strings.Contains(line, "--capacity 2") && !strings.Contains(line, "broadcast") && 10*r.InFlight < r.Kills {
			t.Errorf("%v: %d of %d kills hit a claim in flight, want a tenth at least", args, r.InFlight, r.Kills)
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
	} {
		if r := stressReport(t, exe, args...); 4*r.KillsC < r.Kills || 4*r.KillsC > 3*r.Kills {
			t.Errorf("%v: %d of %d kills struck a process in C, want about half", args, r.KillsC, r.Kills)
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

// TestStressPoints kills endpoints at each named point of the protocol.
func TestStressPoints(t *testing.T) {
	exe := buildTags(t, "killpoints")
	spsc := map[string]bool{"put": true, "swept": true, "sent": true, "released": true}
	ordered := map[string]bool{"padded": true, "aborting": true}
	cast := map[string]bool{"raised": true, "wrapped": true, "half": true, "latest": true, "copied": true}
	for _, point := range killpoint.Names {
		kills, topology := "40", "mpmc"
		if cast[point] {
			kills, topology = "20", "broadcast"
		}
		if spsc[point] {
			kills, topology = "20", "spsc"
		} else if ordered[point] {
			kills, topology = "20", "mpsc-ordered"
		}
		if point == "leaving" || point == "left" {
			continue // nobody leaves before the end: TestLastOneLeaves
		}
		r := stressReport(t, exe, "--topology", topology, fmt.Sprintf("--redeliver=%v", topology == "mpmc"),
			"--point", point, "--kills", kills, "--all", "0", "--burst", "1", "--aim", "50")
		if r.AtPoint == 0 {
			t.Errorf("nobody died at %q", point)
		}
	}
	// The points that this topology shares with MPMC rings, in code of its own.
	for _, point := range []string{"intent", "drawn", "filled", "committed", "repairing", "repaired"} {
		r := stressReport(t, exe, "--topology", "mpsc-ordered", "--point", point, "--kills", "20", "--all", "0", "--burst", "1", "--aim", "50")
		if r.AtPoint == 0 {
			t.Errorf("nobody died at %q in an ordered ring", point)
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
		{"--producers 0", "at least 1 producer"},
		{"--topology ring", "mpmc, mpsc, mpsc-ordered, spsc"},
		{"--point drawn", "-tags killpoints"},
		{"--kills -1", "at least 0"},
		{"--c-peers 7", "--c-peers from 0 to 6"},
		{"extra", "expected only flags"},
	} {
		out, err := exec.Command(exe, append([]string{"stress"}, strings.Fields(c.args)...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.want) || strings.Count(string(out), "\n") != 1 {
			t.Errorf("stress %s: %v %q, want one line with %q", c.args, err, out, c.want)
		}
	}
}

// buildTags builds ringbench with tags, once for each set of them.
func buildTags(t *testing.T, tags string) string {
	t.Helper()
	return testutil.Build(t, "ringbench"+tags, func(exe string) *exec.Cmd {
		return exec.Command("go", "build", "-tags", tags, "-o", exe, ".")
	})
}
