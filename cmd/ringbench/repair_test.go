//go:build linux

package main

import (
	"fmt"
	"strings"
	"syscall"
	"testing"

	"annulus/ring"
)

// repair settles nothing where nobody died, refuses to kill what is not paused or not
// attached, and kills what is.
func TestRepair(t *testing.T) {
	name := ringName(t)
	r, err := ring.Create(name, ring.Config{Topology: ring.MPMC, Capacity: 4, SlotSize: 64})
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	in := newReading(t)
	p := launch(t, in.r, nil, "produce", name)
	in.w.WriteString("one\n")
	await(t, func(s ring.Stats) bool { return s.Producer.Messages == 1 }, r)
	pid := fmt.Sprint(p.PID())

	repair := func(status int, want string, args ...string) {
		t.Helper()
		cmd := ringbench(t, append([]string{"repair"}, args...)...)
		out, _ := cmd.CombinedOutput()
		if code := cmd.ProcessState.ExitCode(); code != status || !strings.Contains(string(out), want) {
			t.Errorf("repair %q: %d %q, want %d and %q", args, code, out, status, want)
		}
	}
	repair(0, "0 claims skipped, 0 messages dropped", name)
	repair(1, "is not stopped: it is left alone", "--kill-paused", pid, name)
	repair(1, "expected the pid of an attached process ("+pid+")", "--kill-paused", "1", name)
	repair(1, "expected the pid of an attached process", "--kill-paused", "99999999", name)
	repair(2, "expected the NAME of a ring")
	p.Signal(syscall.SIGSTOP)
	await(t, func(s ring.Stats) bool { return len(s.Members) == 1 && s.Members[0].Stopped }, r)
	repair(0, "producer "+pid+" is stopped and holds 0", name)
	if out, err := ringbench(t, "inspect", name).CombinedOutput(); err != nil || !strings.Contains(string(out), "stopped") || !strings.Contains(string(out), "mpmc") {
		t.Errorf("inspect: %v %s", err, out)
	}
	repair(0, "killed "+pid, "--kill-paused", pid, name)
	p.EndsBy(syscall.SIGKILL)
	in.w.Close()
}

// await waits until the ring is as f says.
func await(t *testing.T, f func(ring.Stats) bool, r *ring.Ring) {
	t.Helper()
	eventually(t, "the ring is as it should", func() bool {
		s, err := r.Stats()
		must(t, err)
		return f(s)
	})
}
