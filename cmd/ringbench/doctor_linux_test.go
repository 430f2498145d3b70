package main

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode/utf8"

	"annulus/internal/cpu"
	"annulus/internal/testutil"
	"annulus/ring"
)

// found is what doctor prints as JSON.
type found struct {
	Schema   string
	Breaks   int
	Findings []finding
}

type finding struct{ Check, Verdict, Found, Why, Do string }

// examined runs doctor and checks that its exit status is that of its verdicts.
func examined(t *testing.T, cmd *exec.Cmd) *found {
	t.Helper()
	var errText strings.Builder
	cmd.Stderr = &errText
	out, err := cmd.Output()
	doc := &found{}
	if jerr := json.Unmarshal(out, doc); jerr != nil {
		t.Fatalf("%v: %v, %v\n%s%s", cmd, err, jerr, out, errText.String())
	}
	if status := cmd.ProcessState.ExitCode(); status != min(doc.Breaks, 1) || (status == 0) != (errText.Len() == 0) {
		t.Errorf("%v: exit status %d, %d will break: %s", cmd, status, doc.Breaks, errText.String())
	}
	return doc
}

// says checks one verdict and what was found.
func (f *found) says(t *testing.T, check, verdict, text string) {
	t.Helper()
	for _, one := range f.Findings {
		if one.Check == check {
			if all := one.Found + "\n" + one.Do; one.Verdict != verdict || !strings.Contains(all, text) {
				t.Errorf("%s: %s, want %s with %q: %s", check, one.Verdict, verdict, text, all)
			}
			return
		}
	}
	t.Errorf("no check %s", check)
}

// within runs doctor --json in a shell that does something before. Its standard error is empty if
// that could be done.
func within(t *testing.T, before string, wrap ...string) *exec.Cmd {
	t.Helper()
	return shellOf(t, before, "doctor --json", wrap...)
}

// shellOf is a shell that does something before it becomes a command of ringbench.
func shellOf(t *testing.T, before, command string, wrap ...string) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	must(t, err)
	args := append(wrap, "sh", "-c", before+` && exec "$0" `+command, self)
	cmd := exec.CommandContext(t.Context(), args[0], args[1:]...)
	cmd.Env = append(os.Environ(), asMain+"=1")
	return cmd
}

// unshared is within new namespaces, as root of them.
func unshared(t *testing.T, before string, namespaces ...string) *exec.Cmd {
	t.Helper()
	return within(t, before, namespaced(t, before, namespaces...)...)
}

// namespaced are the words of a command that runs another in new namespaces, as root of them, where before
// can be done.
func namespaced(t *testing.T, before string, namespaces ...string) []string {
	t.Helper()
	args := append([]string{"unshare"}, namespaces...)
	if os.Geteuid() != 0 {
		args = append(args, "--user", "--map-root-user")
	}
	if out, err := exec.Command(args[0], append(args[1:], "sh", "-c", before)...).CombinedOutput(); err != nil {
		testutil.Absent(t, "no namespaces: %v: %s", err, out)
	}
	return args
}

func TestDoctorHere(t *testing.T) {
	doc := examined(t, ringbench(t, "doctor", "--json"))
	if doc.Schema != "ringbench/doctor/1" || len(doc.Findings) < 40 {
		t.Errorf("%+v", doc)
	}
	for _, check := range []string{"shm-space", "futex", "ofd-locks", "memfd", "mapping", "cpus"} {
		i := slices.IndexFunc(doc.Findings, func(f finding) bool { return f.Check == check })
		if i < 0 || doc.Findings[i].Verdict == "unknown" {
			t.Errorf("%s is not to be seen", check)
		}
	}
}

func TestDoctorShm(t *testing.T) {
	mount := "mount --make-rprivate / && mount -t tmpfs -o size=%s,nr_inodes=%d,mode=%s tmpfs /dev/shm"
	doc := examined(t, unshared(t, fmt.Sprintf(mount, "512k", 2, "0777")+" && touch /dev/shm/a", "--mount"))
	doc.says(t, "shm-space", "breaks", "512.0 KiB free of 512.0 KiB")
	doc.says(t, "shm-files", "breaks", "no other")
	doc.says(t, "shm-access", "costs", "sticky")
	doc.says(t, "mapping", "breaks", "no space left")
	doc = examined(t, unshared(t, fmt.Sprintf(mount, "32m", 50, "1777")+" && mount -o remount,ro /dev/shm", "--mount"))
	doc.says(t, "shm-space", "costs", "32.0 MiB")
	doc.says(t, "shm-files", "costs", "49 files more")
	doc.says(t, "shm-mount", "breaks", "read-only")
	doc.says(t, "shm-access", "breaks", "read-only file system")
}

func TestDoctorLimits(t *testing.T) {
	doc := examined(t, within(t, "ulimit -f 64 && ulimit -n 40", "prlimit", "--msgqueue=8192"))
	doc.says(t, "file-size", "breaks", "files may have")
	doc.says(t, "open-files", "breaks", "40 files")
	doc.says(t, "message-queues", "costs", "8.0 KiB")
	allowed, err := cpu.Allowed()
	must(t, err)
	doc = examined(t, within(t, "true", "taskset", "-c", fmt.Sprint(allowed[len(allowed)-1])))
	doc.says(t, "cpus", "costs", fmt.Sprintf("one CPU is allowed (%d)", allowed[len(allowed)-1]))
	off := within(t, "true")
	off.Env = append(off.Env, "ANNULUS_MEMBARRIER=off")
	examined(t, off).says(t, "membarrier", "costs", "ANNULUS_MEMBARRIER=off")
}

func TestDoctorNamespaces(t *testing.T) {
	doc := examined(t, unshared(t, "true", "--pid", "--fork", "--mount-proc"))
	doc.says(t, "pid-namespace", "costs", "locks hold across namespaces")
	doc.says(t, "proc", "ok", "this process")
	// The /proc of another namespace shows somebody else, or nobody.
	doc = examined(t, unshared(t, "true", "--pid", "--fork"))
	doc.says(t, "proc", "breaks", "PID namespace")
}

func TestDoctorFilter(t *testing.T) {
	for how, want := range map[string]string{"refuse": "function not implemented", "kill": "bad system call"} {
		cmd := ringbench(t, "doctor", "--json")
		cmd.Env = append(cmd.Env, asFiltered+"="+how)
		doc := examined(t, cmd)
		doc.says(t, "membarrier", "costs", want)
		doc.says(t, "membarrier", "costs", "seccomp=")
		doc.says(t, "seccomp", "costs", "refused: membarrier, see there")
		doc.says(t, "futex_waitv", "ok", "works") // is tried after
	}
}

func TestDoctorCgroup(t *testing.T) {
	top, limit := "/sys/fs/cgroup/memory", "memory.limit_in_bytes"
	if _, err := os.Stat(top); err != nil {
		top, limit = "/sys/fs/cgroup", "memory.max"
	}
	dir := filepath.Join(top, fmt.Sprint("annulus-test-", os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		testutil.Absent(t, "no control group: %v", err)
	}
	defer func() { must(t, os.Remove(dir)) }()
	if err := os.WriteFile(filepath.Join(dir, limit), []byte("268435456"), 0o644); err != nil {
		testutil.Absent(t, "no control group that limits memory: %v", err)
	}
	doc := examined(t, within(t, "echo $$ > "+dir+"/cgroup.procs"))
	doc.says(t, "cgroup-memory", "costs", "of 256.0 MiB")
}

// Nobody can run it too.
func TestDoctorAsNobody(t *testing.T) {
	cmd := ringbench(t, "doctor", "--json")
	if os.Geteuid() == 0 {
		cmd.SysProcAttr = asNobody
	}
	doc := examined(t, cmd)
	doc.says(t, "futex", "ok", "works")
	doc.says(t, "shm-access", "ok", "")
}

// A ring whose peer was killed is named, with what removes it.
func TestDoctorLeftRings(t *testing.T) {
	name := testutil.ShmName()
	p := testutil.Start(t, ringbench(t, "produce", name))
	p.Say("a message")
	testutil.Eventually(t, "it is sent", func() bool {
		r, err := ring.Open(name)
		if err != nil {
			return false
		}
		defer r.Close()
		s, err := r.Stats()
		return err == nil && s.Producer.Messages == 1
	})
	defer ring.Remove(name)
	p.Signal(syscall.SIGKILL)
	p.EndsBy(syscall.SIGKILL)
	examined(t, ringbench(t, "doctor", "--json")).says(t, "left-rings", "costs", name+" is dead, with 1 messages")
	out, _ := ringbench(t, "doctor", "--fix-commands").Output() // its status is the machine's
	if !strings.Contains(string(out), "\nringbench remove "+name+"\n") {
		t.Errorf("no command that removes it in\n%s", out)
	}
}

// shownBy is what doctor shows in a terminal of such a width.
func shownBy(t *testing.T, width int, prefix string, options ...string) string {
	t.Helper()
	_, env := programDir(t)
	x := newTerminal(t, width, 900, env, "sh", "-c", prefix+"ringbench doctor --verbose; echo ended $?; exec sleep 1000")
	x.shows("\nended ")
	return x.screen(options...)
}

// At a terminal it has colours, unless told otherwise.
func TestDoctorColors(t *testing.T) {
	for prefix, colored := range map[string]bool{"": true, "NO_COLOR=1 ": false, "NO_COLOR= ": true, "TERM=dumb ": false} {
		t.Run(prefix, func(t *testing.T) {
			t.Parallel()
			if out := shownBy(t, 100, prefix, "-e"); strings.Contains(out, "\x1b[") != colored {
				t.Errorf("colours %v:\n%s", !colored, out)
			}
		})
	}
	out, _ := ringbench(t, "doctor").Output() // its status is the machine's
	if strings.Contains(string(out), "\x1b") || !strings.Contains(string(out), "\nfine (") {
		t.Errorf("into a pipe: %q", out)
	}
}

// Words are whole, however narrow the terminal is.
func TestDoctorNarrow(t *testing.T) {
	out := shownBy(t, 40, "", "-J") // with what the terminal has broken put together again
	for line := range strings.Lines(out) {
		line = strings.TrimSpace(line)
		if utf8.RuneCountInString(line) > 40 && !strings.HasPrefix(line, "$ ") && strings.ContainsRune(line, ' ') {
			t.Errorf("%q was left to the terminal to break", line)
		}
	}
	for _, want := range []string{"\nfine (", "\n  futex: sleeping and waking (futex):\n    works\n"} {
		if !strings.Contains(out, want) {
			t.Errorf("no %q in\n%s", want, out)
		}
	}
	if !strings.Contains(strings.Join(strings.Fields(out), " "), "nothing was changed ended ") {
		t.Errorf("the end is missing:\n%s", out)
	}
}
