package testutil

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"
	"testing"
)

var roles = Roles{
	"echo": func(args []string) error { fmt.Println(args); return nil },
	"fail": func([]string) error { return errors.New("on purpose") },
}

func TestMain(m *testing.M) { Main(m, roles, nil) }

func TestRoles(t *testing.T) {
	for _, c := range []struct {
		role   string
		status int
		out    string
	}{{"echo", 0, "[a b]"}, {"fail", 1, "fail: on purpose"}, {"none", 2, "no such role: none"}} {
		out, err := Child(t, c.role, "a", "b").CombinedOutput()
		status := 0
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			status = exit.ExitCode()
		}
		if status != c.status || strings.TrimSpace(string(out)) != c.out {
			t.Errorf("%s: status %d and %q, want %d and %q", c.role, status, out, c.status, c.out)
		}
	}
}

func TestUntil(t *testing.T) {
	n := 0
	Eventually(t, "the tenth look", func() bool { n++; return n == 10 })
	if n != 10 {
		t.Errorf("%d looks, want 10", n)
	}
}
