package testutil

import (
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"
)

var built struct {
	sync.Mutex
	dir      string
	programs map[string]string
}

// Build runs a command that writes a program to the path exe, once for each name in a
// run of the tests, and returns that path. RemoveBuilt, and so Main, removes it.
func Build(t testing.TB, name string, command func(exe string) *exec.Cmd) (exe string) {
	t.Helper()
	built.Lock()
	defer built.Unlock()
	if exe, ok := built.programs[name]; ok {
		return exe
	}
	if built.dir == "" {
		dir, err := os.MkdirTemp("", "annulus-test-")
		if err != nil {
			t.Fatal(err)
		}
		built.dir, built.programs = dir, map[string]string{}
	}
	exe = filepath.Join(built.dir, name)
	cmd := command(exe)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", cmd, err, out)
	}
	built.programs[name] = exe
	return exe
}

// BuildC is Build with gcc, to which it gives args.
func BuildC(t testing.TB, name string, args ...string) (exe string) {
	t.Helper()
	cc := Compiler(t, "gcc")
	return Build(t, name, func(exe string) *exec.Cmd {
		return exec.Command(cc, append([]string{"-o", exe}, args...)...)
	})
}

// RemoveBuilt removes what Build has made.
func RemoveBuilt() {
	built.Lock()
	defer built.Unlock()
	if built.dir != "" {
		os.RemoveAll(built.dir)
	}
}
