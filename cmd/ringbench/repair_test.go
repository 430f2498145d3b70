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
	repair(0, "producer "+pid+" is stopped; continue it, or end it with --kill-paused "+pid, name)
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

// In rings of every kind repair names who is stopped, with or without a claim.
func TestRepairNamesTheStopped(t *testing.T) {
	for topology, want := range map[string]string{
		"spsc": "nothing to settle", "mpsc": "a lane for each producer", "broadcast": "a broadcast ring", "mpsc-ordered": "0 claims skipped",
	} {
		name, out := ringName(t), newReading(t)
		c := launch(t, nil, out.w, "consume", "--topology", topology, name)
		eventually(t, "it is at work", func() bool { return look(t, name).Consumer.Asleep })
		c.Signal(syscall.SIGSTOP)
		pid := fmt.Sprint(c.PID())
		eventually(t, "it is stopped", func() bool {
			d := look(t, name)
			return d.Consumer.State == "stopped" || len(d.Members) == 1 && d.Members[0].State == "stopped"
		})
		_, text, _ := call("repair", name)
		if !strings.Contains(text, want) || !strings.Contains(text, "consumer "+pid+" is stopped; continue it, or end it with --kill-paused "+pid) {
			t.Errorf("%s: %q", topology, text)
		}
		if status, text, errText := call("repair", "--kill-paused", pid, name); status != 0 || !strings.Contains(text, "killed "+pid) {
			t.Errorf("%s: exit status %d, %q, %q", topology, status, text, errText)
		}
		c.EndsBy(syscall.SIGKILL)
	}
}
