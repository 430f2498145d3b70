package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"annulus/internal/testutil"
	"annulus/ring"
)

// ringPrefix begins the names of all rings of these tests.
var ringPrefix = fmt.Sprintf("ringbench-test-%d-", os.Getpid())

var ringNumber atomic.Int32

// ringName returns a free name; a ring of that name is removed at the end.
func ringName(t testing.TB) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("POSIX shared memory: Linux only")
	}
	name := fmt.Sprint(ringPrefix, ringNumber.Add(1))
	t.Cleanup(func() {
		if err := ring.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			t.Error(err)
		}
	})
	return name
}

// process is a ringbench that runs.
type process struct {
	*testutil.Process
	t   testing.TB
	cmd *exec.Cmd
}

// launch starts ringbench; a nil stdin is empty, a nil stdout goes nowhere.
func launch(t *testing.T, stdin io.Reader, stdout io.Writer, args ...string) *process {
	t.Helper()
	return launchCmd(t, stdin, stdout, ringbench(t, args...))
}

func launchCmd(t *testing.T, stdin io.Reader, stdout io.Writer, cmd *exec.Cmd) *process {
	t.Helper()
	if cmd.Stdin = stdin; stdin == nil {
		cmd.Stdin = strings.NewReader("")
	}
	if cmd.Stdout = stdout; stdout == nil {
		cmd.Stdout = io.Discard
	}
	cmd.WaitDelay = 10 * time.Second
	return &process{testutil.Start(t, cmd), t, cmd}
}

// ends waits for the end and checks the exit status and that stderr has what
// it should, in one line, or nothing.
func (p *process) ends(status int, want string) {
	p.t.Helper()
	state, text := p.State(), p.Complaints()
	if state.ExitCode() != status {
		p.t.Fatalf("%q ended with %v, want exit status %d: %s", p.cmd.Args[1:], state, status, text)
	}
	if want == "" && text != "" || !strings.Contains(text, want) || strings.Count(text, "\n") > 1 {
		p.t.Fatalf("%q says %q, want %q", p.cmd.Args[1:], text, want)
	}
}

var (
	must       = testutil.Must
	eventually = testutil.Eventually
)

// look inspects a ring; a zero inspection if there is none yet.
func look(t testing.TB, name string) *inspection {
	t.Helper()
	d, err := inspect(&named{name: name, path: filepath.IsAbs(name)})
	if errors.Is(err, fs.ErrNotExist) {
		return &inspection{}
	}
	must(t, err)
	return d
}

// attached waits until both sides are as said.
func attached(t testing.TB, name string, producer, consumer bool) {
	t.Helper()
	eventually(t, fmt.Sprintf("producer attached: %v, consumer attached: %v", producer, consumer), func() bool {
		d := look(t, name)
		return d.Producer.Attached == producer && d.Consumer.Attached == consumer
	})
}

// callWith runs a command line in this process, with a stdin of its own.
func callWith(t testing.TB, stdin []byte, args ...string) (status int, stdout []byte, stderr string) {
	t.Helper()
	name := filepath.Join(t.TempDir(), "stdin")
	must(t, os.WriteFile(name, stdin, 0o600))
	in, err := os.Open(name)
	must(t, err)
	defer in.Close()
	var out, errText bytes.Buffer
	status = run(args, in, &out, &errText)
	return status, out.Bytes(), errText.String()
}

// passes runs a command line that has to succeed in silence.
func passes(t testing.TB, stdin []byte, args ...string) []byte {
	t.Helper()
	status, out, errText := callWith(t, stdin, args...)
	if status != 0 || errText != "" {
		t.Fatalf("%v: exit status %d: %s", args, status, errText)
	}
	return out
}

// endless is a pipe into which numbered lines are written until nobody reads.
func endless(t testing.TB) *os.File {
	t.Helper()
	r, w, err := os.Pipe()
	must(t, err)
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer w.Close()
		for from := 0; ; from += 1000 {
			if _, err := w.WriteString(numbered(from, 1000)); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { r.Close(); <-done })
	return r
}

// numbered returns n lines with numbers from a first one on.
func numbered(from, n int) string {
	var b strings.Builder
	for i := from; i < from+n; i++ {
		fmt.Fprintln(&b, i)
	}
	return b.String()
}

// count checks that text is numbered lines from 0 on, all whole, and returns
// how many.
func count(t testing.TB, text string) int {
	t.Helper()
	n := strings.Count(text, "\n")
	if want := numbered(0, n); text != want {
		t.Fatalf("%d bytes, %d lines: not the numbers from 0 on", len(text), n)
	}
	return n
}

var asNobody = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
