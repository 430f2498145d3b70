package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"annulus/cmd/ringbench/internal/rig/rigtest"
	"annulus/cmd/ringbench/internal/top"
	"annulus/internal/testutil"
	"annulus/ring"
)

// asCrash makes top panic at its first drawing of rows.
const asCrash = "RINGBENCH_TEST_CRASH"

func init() {
	if os.Getenv(asCrash) != "" {
		n := 0
		top.Crash = func() {
			if n++; n == 3 {
				panic("as the test wants it")
			}
		}
	}
}

// watched are the rings of a test: one that flows, one whose producer was killed, one
// whose consumer takes nothing, one that is damaged, and a file that is none.
func watched(t *testing.T) (flows, dead, stalled, damaged string) {
	t.Helper()
	flows, dead, stalled, damaged = ringName(t), ringName(t), ringName(t), ringName(t)
	launch(t, trickle(t), nil, "produce", flows)
	launch(t, nil, io.Discard, "consume", flows)
	attached(t, flows, true, true)

	r, w, err := os.Pipe()
	must(t, err)
	t.Cleanup(func() { w.Close() })
	p := launch(t, r, nil, "produce", dead)
	must(t, r.Close())
	eventually(t, "the producer has said who it is", func() bool { d := look(t, dead); return d.Producer.Attached && d.Producer.Sessions == 1 })
	p.Kill()

	s, err := ring.Create(stalled, ring.Config{Capacity: 4096})
	must(t, err)
	t.Cleanup(func() { must(t, s.Close()) })
	_, err = s.Consumer()
	must(t, err)
	launch(t, endless(t), nil, "produce", stalled)
	eventually(t, "the ring is full", func() bool { return look(t, stalled).Producer.Asleep })

	must(t, os.WriteFile("/dev/shm/"+damaged, append([]byte("ANNULUS\x1a"), make([]byte, 8192)...), 0o600))
	foreign := ringName(t)
	must(t, os.WriteFile("/dev/shm/"+foreign, []byte("something else"), 0o600))
	return flows, dead, stalled, damaged
}

// trickle is a pipe into which a line is written now and then until nobody reads.
func trickle(t *testing.T) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer w.Close()
		for err := error(nil); err == nil; time.Sleep(2 * time.Millisecond) {
			_, err = w.WriteString("tick\n")
		}
	}()
	t.Cleanup(func() { r.Close(); <-done })
	return r
}

const topOurs = "./ringbench top --interval 100ms '%s*'; echo ended with $?"

// colors are what sets one, in what a terminal is sent.
var colors = regexp.MustCompile(`\x1b\[([0-9;]*;)?(3[0-8]|9[0-7])[;m]`)

func rowOf(screen, name string) string {
	for l := range strings.Lines(screen) {
		if strings.HasPrefix(l, name+" ") {
			return l
		}
	}
	return ""
}

func TestTopInATerminal(t *testing.T) {
	flows, dead, stalled, damaged := watched(t)
	p := newPane(t, 120, 30)
	p.run(fmt.Sprintf(topOurs, ringPrefix))
	p.until("all states", func(s string) bool {
		return strings.Contains(rowOf(s, flows), " flowing ") && strings.Contains(rowOf(s, dead), " prod dead ") &&
			strings.Contains(rowOf(s, stalled), " full ") && strings.Contains(rowOf(s, damaged), "error: ") &&
			strings.Contains(s, "1 no rings") && strings.Contains(s, "2 bad")
	})
	screen := p.until("a dead process by its number", func(s string) bool { return strings.Contains(rowOf(s, dead), " dead ") })
	if !strings.Contains(screen, "NAME^") || !strings.Contains(screen, "PRODUCER") {
		t.Errorf("no heads:\n%s", screen)
	}
	p.press("s") // by state: the worst first
	p.until("the worst first", func(s string) bool {
		lines := strings.Split(s, "\n")
		return len(lines) > 4 && strings.Contains(lines[1], "STATEv") && strings.Contains(lines[2]+lines[3], dead) && strings.Contains(lines[2]+lines[3], damaged)
	})
	p.typing("/full")
	p.until("what the filter leaves", func(s string) bool {
		return rowOf(s, stalled) != "" && rowOf(s, dead) == "" && rowOf(s, flows) == "" && strings.Contains(s, "/full_")
	})
	p.press("Enter", "Enter")
	p.shows(stalled, "full ", "sessions", "messages wait", "asleep")
	p.typing("p")
	p.shows("PAUSED")
	p.typing("p?")
	p.shows("sort by the next")
	p.press("Escape")
	p.until("the list", func(s string) bool { return rowOf(s, stalled) != "" })
	p.typing("q")
	p.restored("0")
}

func TestTopInANarrowTerminal(t *testing.T) {
	flows, dead, stalled, damaged := watched(t)
	for _, color := range []bool{true, false} {
		env := "NO_COLOR="
		if !color {
			env = "NO_COLOR=1"
		}
		p := newPane(t, 40, 12, env)
		p.run(fmt.Sprintf(topOurs, ringPrefix))
		short := func(name string) string { return name[:11] }
		p.until("four rows, each in its line", func(s string) bool {
			return strings.Count(s, "\n"+short(flows)) == 4 && strings.Contains(s, "prod dead") && strings.Contains(s, "full ") && strings.Contains(s, "flowing") && strings.Contains(s, "error: ")
		})
		if colored := colors.MatchString(p.do("capture-pane", "-p", "-e")); colored != color {
			t.Errorf("%s: colours are %v:\n%q", env, colored, p.do("capture-pane", "-p", "-e"))
		}
		for _, size := range [][2]int{{20, 6}, {2, 2}, {1, 1}, {200, 50}, {60, 3}} {
			p.resize(size[0], size[1])
		}
		p.resize(160, 20)
		p.until("whole rows", func(s string) bool {
			return rowOf(s, flows) != "" && rowOf(s, dead) != "" && rowOf(s, stalled) != "" && rowOf(s, damaged) != "" && strings.Contains(s, "CAPACITY")
		})
		p.typing("q")
		p.restored("0")
	}
}

// However it ends, the terminal is as it was.
func TestTopLeavesTheTerminalAsItWas(t *testing.T) {
	name := ringName(t)
	passes(t, []byte("a\n"), "produce", name)
	p := newPane(t, 80, 20)
	start := func() int {
		p.run("clear; " + fmt.Sprintf(topOurs, ringPrefix))
		p.shows("NAME^", name)
		return p.child()
	}
	start()
	p.press("C-c")
	p.restored("0")
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP} {
		must(t, syscall.Kill(start(), s))
		p.restored("0")
	}
	p.run("clear; " + asCrash + "=1 ./ringbench top --interval 100ms 2>crash; echo ended with $?")
	p.restored("2")
	if b, err := os.ReadFile(filepath.Join(p.dir, "crash")); err != nil || !strings.Contains(string(b), "as the test wants it") {
		t.Errorf("%v: %s", err, b)
	}

	pid := start()
	for _, stop := range []func(){
		func() { p.press("C-z") },
		func() { must(t, syscall.Kill(pid, syscall.SIGTSTP)) },
	} {
		stop()
		p.shows("Stopped")
		if now := p.modes(); now != p.before {
			t.Errorf("stopped: the terminal was\n%s\nand is\n%s", p.before, now)
		}
		p.run("clear; fg; echo ended with $?")
		p.shows("NAME^", name)
	}
	must(t, syscall.Kill(pid, syscall.SIGSTOP)) // nothing can be restored then
	eventually(t, "it is stopped", func() bool {
		b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		must(t, err)
		return strings.Contains(string(b), ") T ")
	})
	p.typing("stty sane; fg; echo ended with $?")
	p.press("C-j") // the terminal is raw still
	p.shows("NAME^", name)
	p.typing("q")
	p.restored("0")
	if left := rigtest.Children(p.number("#{pane_pid}")); len(left) > 0 {
		t.Errorf("processes are left: %v", left)
	}
}

// Without a terminal that can be drawn on, one sample is printed.
func TestTopOnce(t *testing.T) {
	flows, dead, stalled, damaged := watched(t)
	for _, args := range [][]string{{"top", "--interval", "50ms", ringPrefix + "*"}, {"top", "--once", "--interval", "20ms", ringPrefix + "*"}} {
		status, out, errText := call(args...)
		if status != 0 || errText != "" || !strings.Contains(rowOf(out, flows), " flowing ") || !strings.Contains(rowOf(out, dead), " prod dead ") ||
			rowOf(out, stalled) == "" || !strings.Contains(out, damaged+": ") || strings.Contains(out, "\x1b") {
			t.Errorf("%v: %d, %q:\n%s", args, status, errText, out)
		}
	}
	status, out, errText := call("top", "--json", ringPrefix+"*")
	var doc top.Document
	if err := json.Unmarshal([]byte(out), &doc); err != nil || status != 0 || errText != "" {
		t.Fatal(err, status, errText)
	}
	if doc.Schema != "ringbench/top/1" || len(doc.Rings) != 3 || len(doc.Errors) != 1 || doc.Foreign != 1 {
		t.Fatalf("%+v", doc)
	}
	for _, r := range doc.Rings {
		switch r.Name {
		case flows:
			if r.State != "flowing" || r.Rates == nil || r.Rates.In <= 0 || r.Rates.OutBytes <= 0 || len(r.Producer.Running) != 1 {
				t.Errorf("%+v", r)
			}
		case dead:
			if r.State != "prod dead" || r.Level != "bad" || len(r.Producer.Dead) != 1 || r.Producer.State != "dead" {
				t.Errorf("%+v", r)
			}
		case stalled:
			if r.State != "full" || !r.Full || r.StalledSeconds < 1 || r.Occupancy < 0.9 || !r.Producer.Asleep {
				t.Errorf("%+v", r)
			}
		}
	}
	p := newPane(t, 100, 20, "TERM=dumb")
	p.run("TERM=dumb " + fmt.Sprintf(topOurs, flows))
	p.shows("flowing", "CAPACITY", "ended with 0")
}

// What it looks at cannot tell that it does: no word is written, no lock taken, no file
// opened for writing. Another user's rings are seen by who may read them.
func TestTopAsAnotherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		testutil.Absent(t, "needs root, to run as another user")
	}
	open, closed := ringName(t), ringName(t)
	for name, mode := range map[string]os.FileMode{open: 0o604, closed: 0o600} {
		passes(t, []byte("a\n"), "produce", name)
		must(t, os.Chmod("/dev/shm/"+name, mode))
	}
	before, err := os.ReadFile("/dev/shm/" + open)
	must(t, err)
	cmd := ringbench(t, "top", "--interval", "20ms", ringPrefix+"*")
	cmd.SysProcAttr = asNobody
	out, err := cmd.Output()
	must(t, err)
	if got := string(out); rowOf(got, open) == "" || rowOf(got, closed) != "" || !strings.Contains(got, "1 other files may not be read") {
		t.Errorf("%s", got)
	}
	if after, err := os.ReadFile("/dev/shm/" + open); err != nil || string(after) != string(before) {
		t.Errorf("the ring has changed: %v", err)
	}
}

// fetched waits for the line that says where metrics are and gets them.
func fetched(t *testing.T, p *process) string {
	t.Helper()
	var url string
	eventually(t, "it says where metrics are", func() bool {
		for l := range strings.Lines(p.Complaints()) {
			if rest, ok := strings.CutPrefix(l, "metrics at "); ok && strings.HasSuffix(l, "\n") {
				url = strings.TrimSpace(rest)
			}
		}
		return url != ""
	})
	if !strings.HasPrefix(url, "http://127.0.0.1:") {
		t.Errorf("it listens at %s", url)
	}
	resp, err := http.Get(url)
	must(t, err)
	defer resp.Body.Close()
	defer http.DefaultClient.CloseIdleConnections()
	b, err := io.ReadAll(resp.Body)
	must(t, err)
	return string(b)
}

func TestMetricsOfCommands(t *testing.T) {
	name, capture := ringName(t), t.TempDir()+"/capture"
	says := func(text string) string { return fmt.Sprintf("%s{ring=%q", text, name) }
	for _, args := range [][]string{
		{"produce", name}, {"consume", name}, {"feed", "stdin:", name}, {"drain", name, "stdout:"}, {"record", name, capture}, {"top", ringPrefix + "*"},
	} {
		t.Run(args[0], func(t *testing.T) {
			r, w, err := os.Pipe()
			must(t, err)
			p := launch(t, r, nil, append(args, "--metrics", ":0")...)
			must(t, r.Close())
			if args[0] != "top" {
				eventually(t, "it is attached", func() bool { d := look(t, name); return d.Producer.Attached || d.Consumer.Attached })
			}
			eventually(t, "the ring is told of", func() bool { return strings.Contains(fetched(t, p), says("annulus_ring_messages_total")) })
			p.Signal(syscall.SIGTERM)
			if state := p.State(); state.ExitCode() != 0 {
				t.Errorf("it ended with %v: %s", state, p.Complaints())
			}
			w.Close()
		})
	}
	held := launch(t, nil, nil, "top", "--metrics", ":0")
	fetched(t, held)
	_, addr, _ := strings.Cut(strings.TrimSpace(held.Complaints()), "http://")
	addr = strings.TrimSuffix(addr, "/metrics")
	free := ringName(t)
	status, out, errText := call("replay", "--metrics", addr, capture, free)
	if status != 1 || out != "" || strings.Count(errText, "\n") != 1 || !strings.Contains(errText, "another process listens there") {
		t.Errorf("a port that is taken: %d, %q, %q", status, out, errText)
	}
	if _, err := exec.Command("test", "-e", "/dev/shm/"+free).Output(); err == nil {
		t.Error("it has left a ring behind")
	}
	held.Signal(syscall.SIGINT)
	held.State()
}
