package testutil

import (
	"os"
	"os/exec"
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

// Must ends the test on an error.
func Must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
