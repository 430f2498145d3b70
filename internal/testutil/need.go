package testutil

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// Absent skips the test for want of something that this system lacks. In CI, where
// everything has to be there, the test fails.
func Absent(t testing.TB, format string, args ...any) {
	t.Helper()
	if os.Getenv("CI") != "" {
		t.Fatalf(format, args...)
	}
	t.Skipf(format, args...)
}

// Compiler finds a C or C++ compiler. Without it the test is skipped; in CI it fails.
func Compiler(t testing.TB, name string) string {
	t.Helper()
	cc, err := exec.LookPath(name)
	if err != nil {
		Absent(t, "no compiler: %v", err)
	}
	return cc
}

// BuildC compiles with gcc to a program in dir.
func BuildC(t testing.TB, dir string, args ...string) (exe string) {
	t.Helper()
	cc := Compiler(t, "gcc")
	exe = filepath.Join(dir, "program")
	if out, err := exec.Command(cc, append([]string{"-o", exe}, args...)...).CombinedOutput(); err != nil {
		t.Fatalf("gcc %v: %v\n%s", args, err, out)
	}
	return exe
}

// Must ends the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
