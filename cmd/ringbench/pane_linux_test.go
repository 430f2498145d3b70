package main

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"annulus/cmd/ringbench/internal/rig/rigtest"
)

// pane is a terminal with a shell in it, which knows this program as ./ringbench.
type pane struct {
	*terminal
	dir    string
	before string // what stty says before anything has run
}

func newPane(t testing.TB, width, height int, env ...string) *pane {
	t.Helper()
	dir, own := programDir(t)
	env = append(append(own, "ENV=", "NO_COLOR="), env...)
	p := &pane{terminal: newTerminal(t, width, height, env, "sh", "-c", "cd '"+dir+"' && exec sh -i"), dir: dir}
	p.until("a prompt", func(screen string) bool { return strings.TrimSpace(screen) != "" })
	p.before = p.modes()
	return p
}

// do runs a command of tmux and returns what it prints.
func (p *pane) do(args ...string) string {
	p.t.Helper()
	out, err := p.tmux(args...)
	if err != nil {
		p.t.Fatalf("tmux %q: %v: %s", args, err, out)
	}
	return out
}

func (p *pane) number(format string) int {
	p.t.Helper()
	n, err := strconv.Atoi(strings.TrimSpace(p.do("display-message", "-p", format)))
	must(p.t, err)
	return n
}

// run types a command line.
func (p *pane) run(line string) { p.t.Helper(); p.typing(line); p.press("Enter") }

// resize gives it another size.
func (p *pane) resize(width, height int) {
	p.t.Helper()
	p.do("resize-window", "-x", strconv.Itoa(width), "-y", strconv.Itoa(height))
}

// modes is all that a program may leave changed: the modes that tmux knows, and those of
// the kernel.
func (p *pane) modes() string {
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
	if now := p.modes(); now != p.before {
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

// Progress is one line that is written over, however narrow the terminal is.
func TestProgressInANarrowTerminal(t *testing.T) {
	p := newPane(t, 40, 12)
	p.run("clear; ./ringbench latency --transport channel,pipe --duration 300ms >/dev/null; echo ended with $?")
	screen := p.shows("ended with 0")
	if strings.Contains(screen, "[1/2]") || strings.Contains(screen, "[2/2]") {
		t.Errorf("progress has left lines:\n%s", screen)
	}
}

func TestVersionAsAFlag(t *testing.T) {
	_, want, _ := call("version")
	if status, out, errText := call("--version"); status != 0 || out != want || out == "" {
		t.Errorf("exit status %d, %q, %q, want %q", status, out, errText, want)
	}
}
