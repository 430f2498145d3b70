package peers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"annulus/internal/testutil"
)

// python finds the interpreter that a python3 of the path starts, or ends the test.
func python(t *testing.T) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the C peer is for Linux")
	}
	out, err := exec.Command("python3", "-c", "import sys, sysconfig, os; "+
		"print(sys.executable, os.path.exists(sysconfig.get_paths()['include'] + '/Python.h'))").Output()
	if err != nil {
		testutil.Absent(t, "no python3: %v", err)
	}
	name, has, _ := strings.Cut(strings.TrimSpace(string(out)), " ")
	if has != "True" {
		testutil.Absent(t, "no Python.h for %s", name)
	}
	return name
}

// packagePython is a directory that holds the package, built with gcc.
func packagePython(t *testing.T) string {
	t.Helper()
	name := python(t)
	compiler(t, "gcc")
	return testutil.Build(t, "python", func(dir string) *exec.Cmd {
		cmd := exec.Command(name, "-B", filepath.Join("python", "build.py"), dir)
		cmd.Env = append(os.Environ(), "CC=gcc", "CFLAGS=-Werror")
		return cmd
	})
}

func peerPython(t *testing.T) []string {
	dir := packagePython(t)
	return []string{"env", "PYTHONPATH=" + dir, python(t), "-S", "-m", "annulus.peer"}
}

// inPython runs the interpreter with the package.
func inPython(t *testing.T, args ...string) *exec.Cmd {
	t.Helper()
	dir := packagePython(t)
	cmd := exec.Command(python(t), args...)
	cmd.Env = append(os.Environ(), "PYTHONPATH="+dir)
	return cmd
}

// TestPythonUnittest runs what the package checks of itself.
func TestPythonUnittest(t *testing.T) {
	out, err := inPython(t, "-B", "-X", "dev", "-W", "error", "-m", "unittest", "discover", filepath.Join("python", "tests")).CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
}

// Without the extension module, importing says what to do.
func TestPythonWithoutExtension(t *testing.T) {
	cmd := exec.Command(python(t), "-B", "-c", "import annulus")
	cmd.Env = append(os.Environ(), "PYTHONPATH="+filepath.Join("python", "src"))
	out, err := cmd.CombinedOutput()
	if err == nil || !strings.Contains(string(out), "ImportError: annulus: its extension module is missing") {
		t.Fatalf("%v\n%s", err, out)
	}
}

var fencedPython = regexp.MustCompile("(?s)```python( fragment)?\n(.*?)```")

// What the README shows runs as it stands there.
func TestPythonReadme(t *testing.T) {
	packagePython(t)
	text, err := os.ReadFile(filepath.Join("python", "README.md"))
	must(t, err)
	name, work, cell := freeName(t), freeName(t), freeName(t)
	var outputs []string
	fragments := "import annulus\nwith annulus.create('" + name + "2') as ring, ring.producer() as out, ring.consumer() as into:\n" +
		"    annulus.remove('" + name + "2')\n"
	for _, m := range fencedPython.FindAllStringSubmatch(string(text), -1) {
		source := strings.ReplaceAll(strings.ReplaceAll(m[2], "greetings", name), `"work"`, `"`+work+`"`)
		source = strings.ReplaceAll(source, `"position"`, `"`+cell+`"`)
		if m[1] != "" {
			fragments += "    " + strings.ReplaceAll(strings.TrimSpace(source), "\n", "\n    ") + "\n"
			continue
		}
		outputs = append(outputs, start(t, inPython(t, "-c", source)).Done())
	}
	if want := []string{"", "hello from Python\nhello again"}; strings.Join(outputs, "|") != strings.Join(want, "|") {
		t.Errorf("got %q, want %q", outputs, want)
	}
	// The fragments on receiving take what those on sending have sent, and two more.
	fragments = strings.Replace(fragments, "view = into.peek()", "out.send(bytes(8)); view = into.peek()", 1)
	expect(t, start(t, inPython(t, "-c", fragments)).Done(), "the last one with the tag has sent 0\n16 bytes, version 1\nnothing new")
}

// A wheel is what pip makes of it, without a network; what is in it works.
func pythonWheel(t *testing.T) {
	python(t)
	compiler(t, "gcc")
	// Before setuptools 70 a package of its own knows wheels.
	const can = "import setuptools, os, pip, sysconfig; int(setuptools.__version__.split('.')[0]) >= 70 or __import__('wheel'); " +
		"os.stat(sysconfig.get_paths()['include'] + '/Python.h')"
	name := ""
	for _, candidate := range []string{"/usr/bin/python3", "python3"} {
		if exec.Command(candidate, "-c", can).Run() == nil {
			name = candidate
		}
	}
	if name == "" {
		testutil.Absent(t, "no python3 here can make wheels: want setuptools and wheel")
	}
	// A copy: setuptools leaves things behind where it builds.
	dir := t.TempDir()
	must(t, os.CopyFS(filepath.Join(dir, "python"), os.DirFS("python")))
	must(t, os.CopyFS(filepath.Join(dir, "c"), os.DirFS("c")))
	target := filepath.Join(dir, "installed")
	cmd := exec.Command(name, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-build-isolation", "--no-deps", "--no-index",
		"--target", target, filepath.Join(dir, "python"))
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, f := range []string{"py.typed", "_annulus.pyi", "peer/__main__.py"} {
		if _, err := os.Stat(filepath.Join(target, "annulus", f)); err != nil {
			t.Error(err)
		}
	}
	ring := freeName(t)
	peer := exec.Command(name, "-m", "annulus.peer", "create", ring)
	peer.Env = append(os.Environ(), "PYTHONPATH="+target)
	expect(t, start(t, peer).Done(), "created")
}
