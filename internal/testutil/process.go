package testutil

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Process is another process of a test, from its start on: the test binary in a role,
// or any program. What it prints is read line by line; what it complains about is
// shown when it does not do as expected. A method that waits ends the test after
// Patience. Only the goroutine of the test may call the methods, but PID, Kill and Exited.
type Process struct {
	t          testing.TB
	cmd        *exec.Cmd
	in         *os.File // nil where cmd had a standard input of its own
	out        *lines
	complaints *os.File

	wait   sync.Once
	exited chan struct{} // closed when it has ended, after err is written
	err    error
}

// Start starts cmd and reads its standard output and error. Those of its standard files
// that are set already stay what they are. When the test ends, so does the process.
func Start(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	p, err := TryStart(t, cmd)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TryStart is Start where the system may refuse what cmd asks for.
func TryStart(t testing.TB, cmd *exec.Cmd) (*Process, error) {
	t.Helper()
	p := &Process{t: t, cmd: cmd, out: newLines(), exited: make(chan struct{})}
	var theirs, ours []*os.File
	shut := func(files []*os.File) {
		for _, f := range files {
			f.Close()
		}
	}
	pipe := func() (r, w *os.File) {
		r, w, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		return r, w
	}
	if cmd.Stdin == nil {
		r, w := pipe()
		cmd.Stdin, p.in = r, w
		theirs, ours = append(theirs, r), append(ours, w)
	}
	var out *os.File
	if cmd.Stdout == nil {
		r, w := pipe()
		cmd.Stdout, out = w, r
		theirs, ours = append(theirs, w), append(ours, r)
	}
	if cmd.Stderr == nil { // a file, so that nobody need read it while the process runs
		f, err := os.CreateTemp("", "annulus-test-")
		if err != nil {
			t.Fatal(err)
		}
		os.Remove(f.Name())
		cmd.Stderr, p.complaints = f, f
		ours = append(ours, f)
	}
	if err := cmd.Start(); err != nil {
		shut(theirs)
		shut(ours)
		return nil, err
	}
	shut(theirs)
	if out != nil {
		go p.out.read(out)
	} else {
		p.out.end()
	}
	t.Cleanup(func() {
		p.Kill()
		shut(ours)
	})
	return p, nil
}

// PID is its process number.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Next waits for the next line that it prints; ok is false if there is none.
func (p *Process) Next() (line string, ok bool) {
	p.t.Helper()
	s, err := p.out.next()
	if err != nil && err != io.EOF {
		p.t.Fatalf("%s: %v\n%s", p.cmd, err, p.Complaints())
	}
	return s, err == nil
}

// Line is Next where a line must come.
func (p *Process) Line() string {
	p.t.Helper()
	s, ok := p.Next()
	if !ok {
		p.end()
		p.t.Fatalf("%s: ended without another word: %v\n%s", p.cmd, p.err, p.Complaints())
	}
	return s
}

// Expect waits for the next line, which must be want.
func (p *Process) Expect(want string) {
	p.t.Helper()
	if got := p.Line(); got != want {
		p.t.Fatalf("%s: says %q, want %q\n%s", p.cmd, got, want, p.Complaints())
	}
}

// Say writes a line to its standard input.
func (p *Process) Say(line string) {
	p.t.Helper()
	if _, err := fmt.Fprintln(p.in, line); err != nil {
		p.t.Fatal(err)
	}
}

// Hush ends its standard input.
func (p *Process) Hush() { p.in.Close() }

// Signal sends a signal. To a process that has ended it does nothing.
func (p *Process) Signal(s syscall.Signal) {
	p.t.Helper()
	if err := p.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		p.t.Fatal(err)
	}
}

// Kill sends SIGKILL, if the process still runs, and waits for its end.
func (p *Process) Kill() {
	p.cmd.Process.Kill()
	<-p.Exited()
}

// Exited is closed when it has ended. Before the first call of any method that waits for
// the end, a process that has ended stays a zombie.
func (p *Process) Exited() <-chan struct{} {
	p.wait.Do(func() {
		go func() {
			p.err = p.cmd.Wait()
			close(p.exited)
		}()
	})
	return p.exited
}

// end waits for the end of a process to which nothing more is said.
func (p *Process) end() {
	p.t.Helper()
	if p.in != nil {
		p.in.Close()
	}
	select {
	case <-p.Exited():
	case <-time.After(Patience):
		p.Kill()
		p.t.Fatalf("%s: hung\n%s", p.cmd, p.Complaints())
	}
}

// End waits for the end, however it comes, and returns what cmd.Wait does.
func (p *Process) End() error {
	p.t.Helper()
	p.end()
	return p.err
}

// Done waits for its success and returns the rest of what it printed.
func (p *Process) Done() string {
	p.t.Helper()
	if p.end(); p.err != nil {
		p.t.Fatalf("%s: %v\n%s", p.cmd, p.err, p.Complaints())
	}
	var rest []string
	for {
		s, ok := p.Next()
		if !ok {
			return strings.Join(rest, "\n")
		}
		rest = append(rest, s)
	}
}

// Fails waits for its failure and returns what it complained about.
func (p *Process) Fails() string {
	p.t.Helper()
	if p.end(); p.err == nil {
		p.t.Fatalf("%s: succeeded", p.cmd)
	}
	return strings.TrimSpace(p.Complaints())
}

// State waits for the end and returns how it came.
func (p *Process) State() *os.ProcessState {
	p.t.Helper()
	p.end()
	return p.cmd.ProcessState
}

// EndsBy waits until a signal has ended it, which must be s.
func (p *Process) EndsBy(s syscall.Signal) {
	p.t.Helper()
	if ws, ok := p.State().Sys().(syscall.WaitStatus); !ok || !ws.Signaled() || ws.Signal() != s {
		p.t.Fatalf("%s: %v, want an end by %v\n%s", p.cmd, p.cmd.ProcessState, s, p.Complaints())
	}
}

// Complaints is what it has written to its standard error so far.
func (p *Process) Complaints() string {
	if p.complaints == nil {
		return ""
	}
	b, err := io.ReadAll(io.NewSectionReader(p.complaints, 0, 1<<20))
	if err != nil {
		return err.Error()
	}
	return string(b)
}
