package peers_test

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"annulus/internal/testutil"
)

const patience = testutil.Patience

var cflags = []string{"-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2"}

var built struct {
	sync.Mutex
	dir, exe string
}

// compiler finds a compiler or ends the test.
func compiler(t *testing.T, name string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the C peer is for Linux")
	}
	cc, err := exec.LookPath(name)
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no C compiler: %v", err)
		}
		t.Skipf("no C compiler, so no C peer to talk to: %v", err)
	}
	return cc
}

// peerProgram compiles c/peer.c once.
func peerProgram(t *testing.T) string {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if built.exe != "" {
		return built.exe
	}
	cc := compiler(t, "gcc")
	dir, err := os.MkdirTemp("", "annulus-peers-")
	if err != nil {
		t.Fatal(err)
	}
	built.dir = dir
	exe := filepath.Join(dir, "peer")
	compile(t, cc, append(cflags, "-o", exe, filepath.Join("c", "peer.c"), "-pthread")...)
	built.exe = exe
	return exe
}

func compile(t *testing.T, cc string, args ...string) {
	t.Helper()
	if out, err := exec.Command(cc, args...).CombinedOutput(); err != nil {
		t.Fatalf("%s %s: %v\n%s", cc, strings.Join(args, " "), err, out)
	}
}

func removePeer() {
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
}

// peer is the C program, not started yet.
func peer(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	return exec.Command(peerProgram(t), args...)
}

// child is this test binary in a role.
func child(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	return testutil.Child(t, role, args...)
}

// process is a running child. Its output can be read line by line.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	lines  chan string // standard output; closed at its end
	stdin  io.Closer
	stderr *strings.Builder
	exited chan struct{} // closed when it has ended, after err is written
	err    error
}

func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, stderr: new(strings.Builder), exited: make(chan struct{}), lines: make(chan string, 1000)}
	cmd.Stderr = p.stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	p.stdin = in
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			p.lines <- s.Text()
		}
		close(p.lines)
		p.err = cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill sends SIGKILL, if the process still runs, and waits for its end.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// ended waits for the end of the process.
func (p *process) ended() {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.kill()
		p.t.Fatalf("%s: hung\n%s", p.cmd, p.stderr)
	}
}

// line returns the next line of its output.
func (p *process) line() string {
	p.t.Helper()
	select {
	case s, ok := <-p.lines:
		if !ok {
			p.ended()
			p.t.Fatalf("%s: ended without a word: %v\n%s", p.cmd, p.err, p.stderr)
		}
		return s
	case <-time.After(patience):
		p.t.Fatalf("%s: hung", p.cmd)
	}
	return ""
}

// done waits for its success and returns the rest of its output.
func (p *process) done() string {
	p.t.Helper()
	p.ended()
	if p.err != nil {
		p.t.Fatalf("%s: %v\n%s", p.cmd, p.err, p.stderr)
	}
	var lines []string
	for s := range p.lines {
		lines = append(lines, s)
	}
	return strings.Join(lines, "\n")
}

// fails waits for its failure and returns what it complained about.
func (p *process) fails() string {
	p.t.Helper()
	p.ended()
	if p.err == nil {
		p.t.Fatalf("%s: succeeded", p.cmd)
	}
	return strings.TrimSpace(p.stderr.String())
}

// killed waits until the process has killed itself.
func (p *process) killed() {
	p.t.Helper()
	p.ended()
	if p.cmd.ProcessState.Exited() {
		p.t.Fatalf("%s: not killed: %v\n%s", p.cmd, p.err, p.stderr)
	}
}
