package shm

import (
	"bufio"
	"os"
	"os/exec"
	"strings"
	"testing"

	"annulus/internal/testutil"
)

// children are the programs of the tests' other processes; test files add theirs in init.
var children = testutil.Roles{}

func init() { testutil.MustGo("/dev/shm/" + tempPrefix + "*") }

func TestMain(m *testing.M) { testutil.Main(m, children, nil) }

// shmName returns a POSIX name of this test run's own; the object is removed at
// the end.
func shmName(t *testing.T) string {
	t.Helper()
	name := testutil.ShmName()
	t.Cleanup(func() { os.Remove("/dev/shm/" + name) })
	return name
}

// command is this binary in a role, not started yet.
func command(t *testing.T, name string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := testutil.Child(t, name, args...)
	cmd.Env = append(cmd.Env, "GOTRACEBACK=single")
	cmd.Dir = "/" // a child with fewer privileges may not be where we are
	return cmd
}

func start(t *testing.T, name string, args ...string) *testutil.Process {
	t.Helper()
	return testutil.Start(t, command(t, name, args...))
}

// hear returns the next line that the parent says to this child.
var childIn = bufio.NewReader(os.Stdin)

func hear() string {
	s, _ := childIn.ReadString('\n')
	return strings.TrimSuffix(s, "\n")
}

// must stops a test that cannot go on.
func must[T any](v T, err error) func(t *testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func closed(t *testing.T, r *Region) {
	t.Helper()
	t.Cleanup(func() { r.Close() })
}
