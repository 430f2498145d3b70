package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"annulus/cmd/ringbench/internal/report"
	"annulus/internal/ipc"
	"annulus/internal/testutil"
)

// forever is a comparison that would last for hours, of all that this build has itself.
type forever struct {
	*exec.Cmd
	token  string // in the environment of all its processes
	tmp    string
	out    bytes.Buffer
	stderr *bufio.Reader
	queues []string // of System V that were there before
}

func startForever(t *testing.T) *forever {
	t.Helper()
	e := &forever{Cmd: ringbench(t, "compare", "--methods", "ring-futex,memory,pipe,socket,queue,signal,file,channel",
		"--size", "8", "--pairs", "100000", "--duration", "2ms")}
	e.token = fmt.Sprintf("RINGBENCH_TEST_TOKEN=%d-%d", os.Getpid(), rand.Uint64())
	e.tmp = t.TempDir()
	e.Env = append(e.Env, e.token, "TMPDIR="+e.tmp)
	e.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	e.Stdout = &e.out
	e.queues = sysvQueues(t)
	stderr, err := e.StderrPipe()
	must(t, err)
	e.stderr = bufio.NewReader(stderr)
	must(t, e.Start())
	t.Cleanup(func() { syscall.Kill(-e.Process.Pid, syscall.SIGKILL) })
	return e
}

// after returns when the n-th measurement has begun.
func (e *forever) after(t *testing.T, n int) {
	t.Helper()
	for head := fmt.Sprintf("[%d/", n); ; {
		line, err := e.stderr.ReadString('\n')
		if err != nil {
			t.Fatalf("it ended before measurement %d: %v, %q", n, err, line)
		}
		if strings.HasPrefix(line, head) {
			return
		}
	}
}

// nothing fails unless no process, file, queue or shared memory of it is left.
func (e *forever) nothing(t *testing.T) {
	t.Helper()
	testutil.Eventually(t, "no process is left", func() bool { return len(having(e.token)) == 0 })
	left, err := os.ReadDir(e.tmp)
	if err != nil || len(left) > 0 {
		t.Errorf("temporary files are left: %v, %v", left, err)
	}
	if left := list(t, "/dev/shm"); len(left) > 0 {
		t.Errorf("shared memory is left: %v", left)
	}
	for _, way := range []string{"there", "back"} {
		if fd, err := openMQ(fmt.Sprintf("ringbench-%d-%s", e.Process.Pid, way)); err == nil {
			syscall.Close(fd)
			t.Errorf("the message queue %s is left", way)
		}
	}
	// Tests of other packages have queues too, but not for long.
	testutil.Eventually(t, "no System V queue is left", func() bool {
		return !slices.ContainsFunc(sysvQueues(t), func(id string) bool { return !slices.Contains(e.queues, id) })
	})
}

// having lists the processes that have an entry in their environment.
func having(entry string) (pids []string) {
	files, _ := filepath.Glob("/proc/[0-9]*/environ")
	for _, f := range files {
		b, err := os.ReadFile(f)
		if err == nil && bytes.Contains(b, []byte(entry)) {
			pids = append(pids, f)
		}
	}
	return pids
}

// sysvQueues lists the IDs of the System V queues without a key.
func sysvQueues(t *testing.T) (ids []string) {
	b, err := os.ReadFile("/proc/sysvipc/msg")
	must(t, err)
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) > 1 && f[0] == "0" {
			ids = append(ids, f[1])
		}
	}
	return ids
}

// An interrupt at any time prints what there is; a kill takes everything along. Of neither is anything left.
func TestCompareEndsAtAnyTime(t *testing.T) {
	for i := range 6 {
		sig := []syscall.Signal{syscall.SIGINT, syscall.SIGKILL, syscall.SIGTERM, syscall.SIGKILL}[i%4]
		e := startForever(t)
		e.after(t, 2+rand.IntN(40))                                     // one is finished
		time.Sleep(time.Duration(rand.IntN(20_000)) * time.Microsecond) // at any instant of a measurement
		pid := e.Process.Pid
		if i >= 2 { // as a terminal does it, or who kills a whole group
			pid = -pid
		}
		must(t, syscall.Kill(pid, sig))
		rest, err := io.ReadAll(e.stderr)
		must(t, err)
		err = e.Wait()
		if sig == syscall.SIGKILL {
			if e.ProcessState.Success() {
				t.Error("it outlived a kill")
			}
		} else if e.ProcessState.ExitCode() != 1 || strings.Count(string(rest), "interrupted after ") != 1 || !strings.Contains(e.out.String(), "8 B, ") {
			t.Errorf("%v: %v, stderr %q, stdout %q", sig, err, rest, e.out.String())
		}
		e.nothing(t)
	}
}

// openMQ opens a POSIX queue that is there.
func openMQ(name string) (int, error) { return ipc.MQOpen(name, os.O_RDONLY, 0, nil) }

// Where /dev/shm has no room, what lies there is named once, with what says more, and the others go on.
func TestCompareWithoutRoom(t *testing.T) {
	for options, want := range map[string]string{"size=64k": "write in /dev/shm: no space left on device", "ro": "in /dev/shm: read-only file system"} {
		before := "mount --make-rprivate / && mount -t tmpfs -o " + options + " tmpfs /dev/shm"
		cmd := shellOf(t, before, "compare --json --methods shm,pipe --size 64 --pairs 1 --duration 5ms", namespaced(t, before, "--mount")...)
		out, err := cmd.Output()
		must(t, err)
		var doc report.Document
		must(t, json.Unmarshal(out, &doc))
		if len(doc.Results) != 2 || len(doc.Missing) != 1 || !strings.Contains(doc.Missing[0].Why, want) || doc.Missing[0].Do != "ringbench doctor" {
			t.Errorf("%s: %+v", options, doc)
		}
	}
}
