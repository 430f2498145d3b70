package peers_test

import (
	"os/exec"
	"path/filepath"
	"runtime"
	"testing"

	"annulus/internal/testutil"
)

// cargo runs cargo in the Rust crate. What it builds is removed in the end.
func cargo(t *testing.T, name string, args ...string) (target string) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the Rust peer is for Linux")
	}
	exe, err := exec.LookPath("cargo")
	if err != nil {
		testutil.Absent(t, "no cargo: %v", err)
	}
	// Once for each name; two at a time share nothing, so none waits for the other's lock.
	return testutil.Build(t, "rust-"+name, func(target string) *exec.Cmd {
		cmd := exec.Command(exe, args...)
		cmd.Dir = "rust"
		cmd.Env = append(cmd.Environ(), "CARGO_TARGET_DIR="+target)
		return cmd
	})
}

func buildRust(t *testing.T) []string {
	target := cargo(t, "release", "build", "--quiet", "--release", "--locked", "--bin", "peer")
	return []string{filepath.Join(target, "release", "peer")}
}

// The crate's own tests pass, and it is in the form that its tools want.
func rustCrate(t *testing.T) {
	t.Run("fmt", func(t *testing.T) { cargo(t, "fmt", "fmt", "--check") })
	t.Run("clippy", func(t *testing.T) {
		cargo(t, "clippy", "clippy", "--quiet", "--locked", "--all-targets", "--", "-D", "warnings")
	})
	t.Run("test", func(t *testing.T) { cargo(t, "test", "test", "--quiet", "--locked") })
	t.Run("doc", func(t *testing.T) { cargo(t, "doc", "doc", "--quiet", "--locked", "--no-deps") })
}
