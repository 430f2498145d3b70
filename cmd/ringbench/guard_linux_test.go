package main

import (
	"os"
	"os/exec"
	"slices"
	"syscall"
	"testing"

	"annulus/cmd/ringbench/internal/guard"
	"annulus/internal/testutil"
)

// A parent that is killed before it has read what its guard has made leaves a pipe without a reader.
func TestGuardOfAParentKilledEarly(t *testing.T) {
	tmp, queues := t.TempDir(), sysvQueues(t)
	for kind := range guards() {
		g := exec.Command("/proc/self/exe", guard.Command, kind)
		g.Env = append(os.Environ(), "TMPDIR="+tmp)
		r, w, err := os.Pipe()
		must(t, err)
		must(t, r.Close())
		g.Stdout = w // its stdin is at its end
		if err := g.Run(); g.ProcessState == nil || g.ProcessState.ExitCode() != 1 {
			t.Errorf("%s: expected exit status 1, found %v", kind, err)
		}
		must(t, w.Close())
	}
	if left, err := os.ReadDir(tmp); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	testutil.Eventually(t, "no System V queue is left", func() bool {
		return !slices.ContainsFunc(sysvQueues(t), func(id string) bool { return !slices.Contains(queues, id) })
	})
}

// Where the guard itself is killed, its parent removes what it kept, and says so.
func TestGuardIsKilled(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	queues := sysvQueues(t)
	for kind := range guards() {
		g, err := guard.Start(kind, guards())
		must(t, err)
		if kind == guardDir {
			must(t, os.WriteFile(g.Name+"/x", nil, 0o600))
		} else if !slices.Contains(sysvQueues(t), g.Name) {
			t.Fatalf("there is no queue %s", g.Name)
		}
		must(t, syscall.Kill(g.PID(), syscall.SIGKILL))
		if err := g.Close(); err == nil {
			t.Errorf("%s: nothing is said of its death", kind)
		}
	}
	if left, err := os.ReadDir(os.Getenv("TMPDIR")); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	testutil.Eventually(t, "no System V queue is left", func() bool {
		return !slices.ContainsFunc(sysvQueues(t), func(id string) bool { return !slices.Contains(queues, id) })
	})
}
