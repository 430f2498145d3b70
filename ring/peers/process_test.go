package peers_test

import (
	"runtime"
	"testing"

	"annulus/internal/testutil"
)

const patience = testutil.Patience

var cflags = []string{"-std=c11", "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-O2"}

// compiler finds a compiler or ends the test.
func compiler(t *testing.T, name string) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the C peer is for Linux")
	}
	return testutil.Compiler(t, name)
}
