package peers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"annulus/internal/testutil"
)

// TestCSelftest builds what C checks of itself with every compiler that is
// there, gcc's sanitizers among them, and runs it.
func TestCSelftest(t *testing.T) {
	gcc := compiler(t, "gcc")
	for name, c := range map[string]struct {
		cc   string
		args []string
	}{
		"gcc":       {gcc, cflags},
		"sanitizer": {gcc, append([]string{"-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"}, cflags...)},
		// It knows no fences: what they order is not for it to find.
		"threads": {gcc, append([]string{"-g", "-fsanitize=thread", "-Wno-tsan"}, cflags...)},
		"clang":   {"clang", cflags},
		"c++":     {"g++", []string{"-x", "c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", "-O2"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if _, err := exec.LookPath(c.cc); err != nil {
				testutil.Absent(t, "no %s here", c.cc)
			}
			dir := t.TempDir()
			exe := filepath.Join(dir, "selftest")
			args := append(c.args[:len(c.args):len(c.args)], "-o", exe, filepath.Join("c", "selftest.c"), "-pthread")
			if out, err := exec.Command(c.cc, args...).CombinedOutput(); err != nil {
				if (name == "sanitizer" || name == "threads") && strings.Contains(string(out), "cannot find") && os.Getenv("CI") == "" {
					t.Skip("gcc has no sanitizers here")
				}
				t.Fatalf("%s: %v\n%s", c.cc, err, out)
			}
			p := exec.Command(exe, dir)
			out, err := p.CombinedOutput()
			if err != nil && strings.Contains(string(out), "not supported here") {
				testutil.Absent(t, "no unnamed files in %s", dir)
			}
			if err != nil || strings.TrimSpace(string(out)) != "ok" {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

// The example of the README compiles as it stands there, and works.
func TestReadmeExample(t *testing.T) {
	compiler(t, "gcc")
	programs := readmePrograms(t)
	if len(programs) != 2 {
		t.Fatalf("%d programs in c/README.md, want a sender and a receiver", len(programs))
	}
	dir, ringName := t.TempDir(), freeName(t)
	var exe [2]string
	for i, name := range []string{"sender", "receiver"} {
		src := filepath.Join(dir, name+".c")
		text := strings.ReplaceAll(programs[i], "greetings", ringName)
		must(t, os.WriteFile(src, []byte(text), 0o600))
		exe[i] = testutil.BuildC(t, name, append(cflags[:len(cflags):len(cflags)], "-I", "c", src, "-pthread")...)
	}
	s := start(t, exec.Command(exe[0]))
	expect(t, s.Done(), "")
	r := start(t, exec.Command(exe[1]))
	expect(t, r.Done(), "hello from C\nhello again")
}

var fenced = regexp.MustCompile("(?s)```c\n(.*?)```")

// readmePrograms are the C programs in c/README.md.
func readmePrograms(t *testing.T) []string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("c", "README.md"))
	must(t, err)
	var programs []string
	for _, m := range fenced.FindAllStringSubmatch(string(text), -1) {
		programs = append(programs, m[1])
	}
	return programs
}
