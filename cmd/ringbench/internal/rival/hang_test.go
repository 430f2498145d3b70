package rival

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/testutil"
)

var fakeRival = &Rival{Name: "fake", kinds: answer, named: true}

// fake is a program that takes no signal, has a child that takes none, and makes
// what has names: the file pids in the directory that Run gave it, and one beside.
func fake(t *testing.T) (bin string) {
	t.Helper()
	bin = filepath.Join(t.TempDir(), "fake")
	text := `#!/bin/sh
trap '' TERM INT
while [ "$1" != --dir ]; do shift; done
touch "$2_beside"
sleep 100000 &
echo $$ $! >"$2/.pids" && mv "$2/.pids" "$2/pids"
wait
`
	testutil.Must(t, os.WriteFile(bin, []byte(text), 0o755))
	return bin
}

// pids waits for a fake and returns its processes and its directory.
func pids(t *testing.T) (all []int, dir string) {
	testutil.Eventually(t, "the program is running", func() bool {
		files, _ := filepath.Glob(filepath.Join(namesDir, namesPrefix+"*", "pids"))
		if len(files) == 0 {
			return false
		}
		dir = filepath.Dir(files[0])
		text, err := os.ReadFile(files[0])
		for f := range strings.FieldsSeq(string(text)) {
			n, convErr := strconv.Atoi(f)
			testutil.Must(t, convErr)
			all = append(all, n)
		}
		return err == nil && len(all) == 2
	})
	return all, dir
}

func gone(t *testing.T, pids []int) {
	t.Helper()
	testutil.Eventually(t, "all processes have ended", func() bool {
		for _, pid := range pids {
			if !dead(pid) {
				return false
			}
		}
		return true
	})
}

// dead tells whether a process has ended, reaped or not: a fake's child is init's to reap.
func dead(pid int) bool {
	text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
		return true
	}
	_, rest, _ := strings.Cut(string(text), ") ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}

func setGraces(t *testing.T, stop, hang time.Duration) {
	oldStop, oldHang := stopGrace, hangGrace
	stopGrace, hangGrace = stop, hang
	t.Cleanup(func() { stopGrace, hangGrace = oldStop, oldHang })
}

type ran struct{ err error }

// begin runs a fake in the background.
func begin(ctx context.Context, bin string) <-chan ran {
	done := make(chan ran, 1)
	go func() {
		_, err := Run(ctx, fakeRival, bin, &rig.Params{Kind: rig.RoundTrip, Size: 8, Duration: time.Millisecond}, nil)
		done <- ran{err}
	}()
	return done
}

func TestHangIsCutOff(t *testing.T) {
	setGraces(t, stopGrace, time.Second)
	bin := fake(t)
	// A machine may be too busy to start it in time: then with more of that.
	for ; ; hangGrace *= 2 {
		var seen []int
		done := begin(t.Context(), bin)
		var r ran
		for ended := false; !ended; {
			select {
			case r = <-done:
				ended = true
			case <-time.After(time.Millisecond):
				if len(seen) == 0 {
					seen = seenPids()
				}
			}
		}
		wants(t, r.err, "fake was cut off after "+(hangGrace+time.Millisecond).String())
		if len(seen) > 0 || t.Failed() {
			gone(t, seen)
			return
		}
	}
}

// seenPids are those of a fake that is running; nil as yet.
func seenPids() (all []int) {
	files, _ := filepath.Glob(filepath.Join(namesDir, namesPrefix+"*", "pids"))
	for _, file := range files {
		text, _ := os.ReadFile(file)
		for f := range strings.FieldsSeq(string(text)) {
			if n, err := strconv.Atoi(f); err == nil {
				all = append(all, n)
			}
		}
	}
	return all
}

func TestInterruptEndsWhatIgnoresIt(t *testing.T) {
	setGraces(t, 10*time.Millisecond, time.Hour)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	done := begin(ctx, fake(t))
	all, dir := pids(t)
	cancel()
	if r := <-done; !errors.Is(r.err, context.Canceled) {
		t.Errorf("found %v", r.err)
	}
	gone(t, all)
	for _, name := range []string{dir, dir + "_beside"} {
		if exists(name) {
			t.Errorf("%s is left", name)
		}
	}
}

// Killed, it takes its program along, and the next one removes what that had made.
func TestKilledIsSwept(t *testing.T) {
	p := testutil.Start(t, testutil.Child(t, "run", fake(t)))
	all, dir := pids(t)
	p.Kill()
	gone(t, all[:1])
	if !exists(dir) || !exists(dir+"_beside") {
		t.Error("nothing was left: the test tests nothing")
	}
	syscall.Kill(all[1], syscall.SIGKILL) // a child that is not tied to its parent
	c, err := newClaim(namesDir, namesPrefix)
	testutil.Must(t, err)
	if exists(dir) || exists(dir+"_beside") {
		t.Error("what a killed one had made is left")
	}
	testutil.Must(t, c.close())
}

func TestClaimsOfTheLivingStay(t *testing.T) {
	parent := t.TempDir()
	first, err := newClaim(parent, "x-")
	testutil.Must(t, err)
	testutil.Must(t, os.Mkdir(filepath.Join(parent, "x-dead"), 0o700))
	testutil.Must(t, os.WriteFile(filepath.Join(parent, "x-dead_file"), nil, 0o600))
	testutil.Must(t, os.Mkdir(filepath.Join(parent, "other"), 0o700))
	second, err := newClaim(parent, "x-")
	testutil.Must(t, err)
	if !exists(first.dir) || first.dir == second.dir || exists(filepath.Join(parent, "x-dead")) || exists(filepath.Join(parent, "x-dead_file")) || !exists(filepath.Join(parent, "other")) {
		out, _ := exec.Command("ls", "-l", parent).CombinedOutput()
		t.Errorf("%s", out)
	}
	testutil.Must(t, errors.Join(first.close(), second.close()))
	if exists(first.dir) || exists(second.dir) {
		t.Error("a closed one is left")
	}
}
