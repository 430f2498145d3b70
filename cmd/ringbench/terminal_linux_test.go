package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"annulus/internal/testutil"
)

// terminal is a real one: a pane of a tmux that nobody looks at.
type terminal struct {
	t       testing.TB
	program string
	socket  string
	env     []string
}

// newTerminal runs a program in a terminal of so many columns and lines.
func newTerminal(t testing.TB, width, height int, env []string, program ...string) *terminal {
	t.Helper()
	tmux, err := exec.LookPath("tmux")
	if err != nil {
		testutil.Absent(t, "no terminal: %v", err)
	}
	dir, err := os.MkdirTemp("", "rb") // its path must be short: it is a socket's
	must(t, err)
	t.Cleanup(func() { os.RemoveAll(dir) })
	x := &terminal{t: t, program: tmux, socket: filepath.Join(dir, "s"), env: append(os.Environ(), env...)}
	args := []string{"-u", "-f", "/dev/null", "new-session", "-d", "-x", fmt.Sprint(width), "-y", fmt.Sprint(height)}
	t.Cleanup(x.end)
	if out, err := x.tmux(append(append(args, "--"), program...)...); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	return x
}

// end ends it, and waits for the program in it to have gone.
func (x *terminal) end() {
	pid, err := x.tmux("display-message", "-p", "#{pane_pid}")
	x.tmux("kill-server")
	if err != nil {
		return // it never began
	}
	if err := testutil.Until("the terminal's program ends", func() bool {
		_, err := os.Stat("/proc/" + strings.TrimSpace(pid))
		return err != nil
	}); err != nil {
		x.t.Error(err)
	}
}

// tmux runs a command of tmux and returns what it prints.
func (x *terminal) tmux(args ...string) (string, error) {
	cmd := exec.Command(x.program, append([]string{"-S", x.socket}, args...)...)
	cmd.Env = x.env
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// screen is what there is to be seen, without blanks at the ends of lines; with colours as they
// were sent, if they are asked for. Lines that the terminal has broken are two.
func (x *terminal) screen(options ...string) string {
	x.t.Helper()
	out, err := x.tmux(append([]string{"capture-pane", "-p"}, options...)...)
	if err != nil {
		x.t.Fatalf("%v: %s", err, out)
	}
	return out
}

// until waits for a screen that is as it should, and returns it.
func (x *terminal) until(what string, ok func(screen string) bool) string {
	x.t.Helper()
	for end := time.Now().Add(testutil.Patience); ; time.Sleep(20 * time.Millisecond) {
		screen := x.screen()
		if ok(screen) {
			return screen
		}
		if time.Now().After(end) {
			x.t.Fatalf("the screen never shows %s:\n%s", what, screen)
		}
	}
}

// shows waits for a screen that has all of want, and returns it.
func (x *terminal) shows(want ...string) string {
	x.t.Helper()
	return x.until(strings.Join(want, ", "), func(screen string) bool {
		for _, w := range want {
			if !strings.Contains(screen, w) {
				return false
			}
		}
		return true
	})
}

// typing sends keys as they are.
func (x *terminal) typing(keys string) {
	x.t.Helper()
	if out, err := x.tmux("send-keys", "-l", "--", keys); err != nil {
		x.t.Fatalf("%v: %s", err, out)
	}
}

// press sends keys by their names.
func (x *terminal) press(keys ...string) {
	x.t.Helper()
	if out, err := x.tmux(append([]string{"send-keys"}, keys...)...); err != nil {
		x.t.Fatalf("%v: %s", err, out)
	}
}

// programDir is a directory in which the test binary is named ringbench, and behaves as it.
func programDir(t testing.TB) (dir string, env []string) {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	dir = t.TempDir()
	must(t, os.Symlink(self, filepath.Join(dir, "ringbench")))
	return dir, []string{asMain + "=1", "PATH=" + dir + ":" + os.Getenv("PATH"), "HOME=" + dir, "HISTFILE=/dev/null", "TMPDIR=" + dir}
}
