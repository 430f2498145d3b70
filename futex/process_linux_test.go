package futex

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"annulus/internal/testutil"
)

// child is this binary in a role.
func child(t *testing.T, role string, args ...string) *exec.Cmd {
	t.Helper()
	return testutil.Child(t, role, args...)
}

// process is a running child or C peer, whose output is kept.
type process struct {
	t      *testing.T
	cmd    *exec.Cmd
	out    *strings.Builder
	exited chan struct{} // closed when it has ended, after err and out are written
	err    error
}

func start(t *testing.T, cmd *exec.Cmd) *process {
	t.Helper()
	p := &process{t: t, cmd: cmd, out: new(strings.Builder), exited: make(chan struct{})}
	cmd.Stdout, cmd.Stderr = p.out, p.out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		p.err = cmd.Wait()
		close(p.exited)
	}()
	t.Cleanup(p.kill)
	return p
}

// kill kills the process, if it still runs, and waits for its end.
func (p *process) kill() {
	p.cmd.Process.Kill()
	<-p.exited
}

// done waits for the process, which must succeed, and returns what it printed.
func (p *process) done() string {
	p.t.Helper()
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.kill()
	}
	if p.err != nil {
		p.t.Fatalf("%s: %v\n%s", p.cmd, p.err, p.out)
	}
	return strings.TrimSpace(p.out.String())
}
