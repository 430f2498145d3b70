package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"annulus/cmd/ringbench/internal/rig/rigtest"
	"annulus/internal/testutil"
)

// pane is a terminal: a pane of a tmux of its own, in which a shell runs. The shell knows
// this program as ./ringbench.
type pane struct {
	t      testing.TB
	dir    string
	before string // what stty says before anything has run
}

func newPane(t testing.TB, width, height int, env ...string) *pane {
	t.Helper()
	if _, err := exec.LookPath("tmux"); err != nil {
		testutil.Absent(t, "no terminal: %v", err)
	}
	self, err := os.Executable()
	must(t, err)
	dir, err := os.MkdirTemp("", "pane-") // short: a socket's path is
	must(t, err)
	t.Cleanup(func() { must(t, os.RemoveAll(dir)) })
	must(t, os.Symlink(self, filepath.Join(dir, "ringbench")))
	p := &pane{t: t, dir: dir}
	start := p.tmux("new-session", "-d", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height), "sh -i")
	start.Dir = dir
	start.Env = append(append(os.Environ(), asMain+"=1", "ENV=", "NO_COLOR="), env...)
	out, err := start.CombinedOutput()
	if err != nil {
		t.Fatalf("tmux: %v: %s", err, out)
	}
	server := p.number("#{pid}")
	t.Cleanup(func() {
		p.do("kill-server")
		eventually(t, "tmux has ended", func() bool {
			_, err := os.Stat("/proc/" + strconv.Itoa(server))
			return os.IsNotExist(err)
		})
	})
	p.until("a prompt", func(screen string) bool { return strings.TrimSpace(screen) != "" })
	p.before = p.terminal()
	return p
}

func (p *pane) tmux(args ...string) *exec.Cmd {
	return exec.Command("tmux", append([]string{"-S", filepath.Join(p.dir, "socket"), "-f", "/dev/null"}, args...)...)
}

// do runs a command of tmux and returns what it prints.
func (p *pane) do(args ...string) string {
	p.t.Helper()
	out, err := p.tmux(args...).CombinedOutput()
	if err != nil {
		p.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return string(out)
}

func (p *pane) number(format string) int {
	p.t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(p.do("display-message", "-p", format)))
	must(p.t, err)
	return n
}

// keys presses keys that have names; write types text.
func (p *pane) keys(names ...string) { p.t.Helper(); p.do(append([]string{"send-keys"}, names...)...) }
func (p *pane) write(text string)    { p.t.Helper(); p.do("send-keys", "-l", text) }

// run types a command line.
func (p *pane) run(line string) { p.t.Helper(); p.write(line); p.keys("Enter") }

// resize gives it another size.
func (p *pane) resize(width, height int) {
	p.t.Helper()
	p.do("resize-window", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height))
}

// until waits for a screen that is as it should, and returns it.
func (p *pane) until(what string, ok func(screen string) bool) string {
	p.t.Helper()
	for end := time.Now().Add(testutil.Patience); ; time.Sleep(20 * time.Millisecond) {
		screen := p.do("capture-pane", "-p")
		if ok(screen) {
			return screen
		}
		if time.Now().After(end) {
			p.t.Fatalf("the screen never shows %s:\n%s", what, screen)
		}
	}
}

// shows waits for a screen that has all of want, and returns it.
func (p *pane) shows(want ...string) string {
	p.t.Helper()
	return p.until(strings.Join(want, ", "), func(screen string) bool {
		for _, w := range want {
			if !strings.Contains(screen, w) {
				return false
			}
		}
		return true
	})
}

// terminal is all that a program may leave changed: the modes that tmux knows, and those of
// the kernel.
func (p *pane) terminal() string {
	p.t.Helper()
	file := filepath.Join(p.dir, "stty")
	p.run("stty -g > " + file + ".new && mv " + file + ".new " + file)
	var modes []byte
	eventually(p.t, "stty has answered", func() (ok bool) {
		var err error
		modes, err = os.ReadFile(file)
		return err == nil
	})
	must(p.t, os.Remove(file))
	return string(modes) + p.do("display-message", "-p", "alternate #{alternate_on} cursor #{cursor_flag} keypad #{keypad_flag},#{keypad_cursor_flag} mouse #{mouse_any_flag} wrap #{wrap_flag}")
}

// restored waits for the shell, which says with which status the program ended, and
// compares the terminal with what it was.
func (p *pane) restored(status string) {
	p.t.Helper()
	p.shows("ended with " + status)
	if now := p.terminal(); now != p.before {
		p.t.Errorf("the terminal was\n%s\nand is\n%s", p.before, now)
	}
}

// child is the process that the shell runs.
func (p *pane) child() (pid int) {
	p.t.Helper()
	shell := p.number("#{pane_pid}")
	eventually(p.t, "the shell has started it", func() bool {
		all := rigtest.Children(shell)
		if len(all) == 1 {
			pid = all[0]
		}
		return len(all) == 1
	})
	return pid
}
