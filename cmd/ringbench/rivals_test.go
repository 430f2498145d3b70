package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"annulus/cmd/ringbench/internal/rival"
)

// rivalStates runs the command and returns the last column by the first.
func rivalStates(t *testing.T) map[string]string {
	t.Helper()
	status, out, errText := call("rivals")
	if status != 0 {
		t.Fatalf("exit status %d: %s", status, errText)
	}
	lines := strings.Split(strings.TrimSpace(out), "\n")
	at := strings.Index(lines[0], "state")
	states := map[string]string{}
	for _, line := range lines[1:] {
		name, _, _ := strings.Cut(line, " ")
		states[name] = line[at:]
	}
	if len(states) != len(rival.All)+1 {
		t.Errorf("expected %d rivals, found %q", len(rival.All)+1, out)
	}
	return states
}

func TestRivalsSaysWhatIsMissing(t *testing.T) {
	t.Setenv(rival.CacheEnv, t.TempDir())
	if s := rivalStates(t)["aeron"]; !strings.Contains(s, "ringbench rivals --build") {
		t.Errorf("aeron: %q", s)
	}
	t.Setenv("PATH", t.TempDir())
	states := rivalStates(t)
	for name, want := range map[string]string{"zmq": "apt-get install gcc", "boost": "apt-get install g++", "iceoryx2": "sh.rustup.rs"} {
		if s := states[name]; !strings.Contains(s, want) {
			t.Errorf("%s: %q", name, s)
		}
	}
	if status, _, errText := call("latency", "--transport", "aeron", "--duration", "10ms"); status != 1 || !strings.Contains(errText, "ringbench rivals --build") {
		t.Errorf("exit status %d, %q", status, errText)
	}
}

// Without compilers --build says what is missing, fetches nothing and succeeds.
func TestRivalsBuildWithoutTools(t *testing.T) {
	t.Setenv(rival.CacheEnv, t.TempDir())
	t.Setenv("PATH", t.TempDir())
	status, out, errText := call("rivals", "--build")
	if status != 0 || !strings.Contains(out, "apt-get install maven") && !strings.Contains(out, "apt-get install gcc") {
		t.Errorf("exit status %d: %s%s", status, out, errText)
	}
}

func TestRivalsJSON(t *testing.T) {
	t.Setenv(rival.CacheEnv, t.TempDir())
	t.Setenv("PATH", t.TempDir())
	status, out, errText := call("rivals", "--json")
	var doc rivalsDoc
	if err := json.Unmarshal([]byte(out), &doc); status != 0 || err != nil || doc.Schema != rivalsSchema || len(doc.Rivals) != len(rival.All)+1 {
		t.Fatalf("exit status %d, %v, %q, %s", status, err, errText, out)
	}
	for _, r := range doc.Rivals {
		if r.Name == "" || r.What == "" || r.State != "missing" || r.Why == "" || r.Do == "" {
			t.Errorf("%+v", r)
		}
	}
	if status, _, _ := call("rivals", "--json", "--clean"); status != 2 {
		t.Errorf("exit status %d", status)
	}
}

func TestRivalsClean(t *testing.T) {
	dir := t.TempDir()
	t.Setenv(rival.CacheEnv, dir)
	if err := os.MkdirAll(filepath.Join(dir, "rivals", "x"), 0o755); err != nil {
		t.Fatal(err)
	}
	if status, _, errText := call("rivals", "--clean"); status != 0 {
		t.Errorf("exit status %d: %s", status, errText)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	if status, _, _ := call("rivals", "--clean", "--build"); status != 2 {
		t.Errorf("exit status %d", status)
	}
}
