package peers_test

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"annulus/internal/element"
	"annulus/internal/testutil"
	"annulus/ring"
)

var cppflags = []string{"-std=c++20", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-O2", "-I", "c", "-I", "cpp"}

// buildCPP builds a C++ program with g++, once for all tests.
func buildCPP(t *testing.T, name string, args ...string) string {
	t.Helper()
	gxx := compiler(t, "g++")
	return testutil.Build(t, name, func(exe string) *exec.Cmd {
		return exec.Command(gxx, append(append(cppflags[:len(cppflags):len(cppflags)], args...), "-o", exe, "-pthread")...)
	})
}

func peerCPP(t *testing.T) []string {
	return []string{buildCPP(t, "peer-cpp", filepath.Join("cpp", "peer.cpp"))}
}

func selftestSources() []string {
	files, _ := filepath.Glob("cpp/selftest*.cpp")
	return files
}

func selftestCPP(t *testing.T) string {
	return buildCPP(t, "selftest-cpp", selftestSources()...)
}

// cppSelftest runs what C++ checks of itself, with gcc's sanitizers too. clang++ before 16
// does not understand the ranges of libstdc++.
func cppSelftest(t *testing.T) {
	gxx := compiler(t, "g++")
	for _, c := range []struct {
		name, cxx string
		args      []string
	}{
		{"g++", gxx, nil},
		{"sanitizer", gxx, []string{"-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"}},
		// It knows no fences: what they order is not for it to find.
		{"threads", gxx, []string{"-O1", "-g", "-fsanitize=thread", "-Wno-tsan"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			exe := filepath.Join(dir, "selftest")
			if c.args == nil {
				exe = selftestCPP(t)
			} else {
				args := append(append(cppflags[:len(cppflags):len(cppflags)], c.args...), append(selftestSources(), "-o", exe, "-pthread")...)
				if out, err := exec.Command(c.cxx, args...).CombinedOutput(); err != nil {
					if strings.Contains(string(out), "cannot find") {
						testutil.Absent(t, "%s has no sanitizers here: %s", c.cxx, out)
					}
					t.Fatalf("%s: %v\n%s", c.cxx, err, out)
				}
			}
			out, err := exec.Command(exe, dir).CombinedOutput()
			if err != nil && strings.Contains(string(out), "not supported here") {
				testutil.Absent(t, "no unnamed files in %s", dir)
			}
			if err != nil || strings.TrimSpace(string(out)) != "ok" {
				t.Fatalf("%v\n%s", err, out)
			}
		})
	}
}

// These are the types of selftest.cpp.
type (
	cppPoint   struct{ X, Y float64 }
	cppReading struct {
		When   uint64
		Sensor int32
		Valid  bool
		Path   [3]cppPoint
		Z      complex64
		Raw    [5]uint8
	}
)

// A type has the same fingerprint in both languages.
func cppFingerprints(t *testing.T) {
	var want []string
	add := func(e element.Type, err error) {
		must(t, err)
		want = append(want, fmt.Sprintf("%#x", e.Fingerprint))
	}
	add(element.Of[int64]())
	add(element.Of[float32]())
	add(element.Of[[300]uint8]())
	add(element.Of[cppPoint]())
	add(element.Of[cppReading]())
	got := start(t, exec.Command(selftestCPP(t), "--fingerprints")).Done()
	expect(t, got, strings.Join(want, "\n"))
}

// exampleReading is the struct of cpp/example/reading.hpp.
type exampleReading struct {
	Number  uint64
	Celsius float64
	Place   [2]int32
}

// The example is a project of its own that finds what was installed, and its programs talk to Go.
func cppInstalled(t *testing.T) {
	compiler(t, "g++")
	cmake, err := exec.LookPath("cmake")
	if err != nil {
		testutil.Absent(t, "no cmake: %v", err)
	}
	dir := t.TempDir()
	prefix, built, example := filepath.Join(dir, "prefix"), filepath.Join(dir, "build"), filepath.Join(dir, "example")
	for _, args := range [][]string{
		{"-S", "cpp", "-B", built, "-DCMAKE_INSTALL_PREFIX=" + prefix},
		{"--install", built},
		{"-S", "cpp/example", "-B", example, "-DCMAKE_PREFIX_PATH=" + prefix, "-DCMAKE_CXX_FLAGS=-Wall -Wextra -Wpedantic -Werror"},
		{"--build", example},
	} {
		if out, err := exec.Command(cmake, args...).CombinedOutput(); err != nil {
			t.Fatalf("cmake %s: %v\n%s", args, err, out)
		}
	}

	name := freeName(t)
	r, err := ring.Create(name, ring.SlotsOf[exampleReading](1024))
	must(t, err)
	defer r.Close()
	p, err := ring.NewProducerOf[exampleReading](r)
	must(t, err)
	display := start(t, exec.Command(filepath.Join(example, "display"), name))
	must(t, p.Send(patient(t), exampleReading{7, 20.25, [2]int32{3, -4}}))
	must(t, p.Close())
	expect(t, display.Done(), "7: 20.25 degrees at 3,-4\nthe end")

	c, err := ring.NewConsumerOf[exampleReading](r)
	must(t, err)
	sensor := start(t, exec.Command(filepath.Join(example, "sensor"), name, "3"))
	for i := range uint64(3) {
		got, err := c.Recv(patient(t))
		must(t, err)
		if got.Number != i || got.Place != [2]int32{1, -1} {
			t.Errorf("%+v", got)
		}
	}
	expect(t, sensor.Done(), "")
	must(t, c.Close())

	other := freeName(t)
	r2, err := ring.Create(other, ring.SlotsOf[[3]uint64](1024))
	must(t, err)
	defer r2.Close()
	mentions(t, start(t, exec.Command(filepath.Join(example, "display"), other)).Fails(), `invalid argument: the ring's elements are "[3]uint64"`)

	// What C++ makes is of its type, for Go too.
	made := freeName(t)
	expect(t, start(t, exec.Command(filepath.Join(example, "sensor"), made, "3")).Done(), "")
	r3, err := ring.Open(made)
	must(t, err)
	defer r3.Close()
	if _, err := ring.NewConsumerOf[[3]uint64](r3); !errors.Is(err, ring.ErrMismatch) {
		t.Errorf("a consumer of another type: %v, want %v", err, ring.ErrMismatch)
	}
	c3, err := ring.NewConsumerOf[exampleReading](r3)
	must(t, err)
	if got, err := c3.TryRecv(); err != nil || got.Number != 0 {
		t.Errorf("%+v, %v", got, err)
	}
	must(t, c3.Close())
}

var fencedCPP = regexp.MustCompile("(?s)```cpp\n(.*?)```")

// What the README shows compiles as it stands there; its sender and receiver work.
func cppReadme(t *testing.T) {
	gxx := compiler(t, "g++")
	text, err := os.ReadFile(filepath.Join("cpp", "README.md"))
	must(t, err)
	name, dir := freeName(t), t.TempDir()
	fragments := `#include <annulus.hpp>
#include <array>
#include <cstdio>
#include <thread>
using namespace std::chrono_literals;
`
	var programs []string
	for i, m := range fencedCPP.FindAllStringSubmatch(string(text), -1) {
		source := m[1]
		switch {
		case strings.Contains(source, "greetings"):
			file := filepath.Join(dir, fmt.Sprintf("program-%d.cpp", i))
			must(t, os.WriteFile(file, []byte(strings.ReplaceAll(source, "greetings", name)), 0o600))
			programs = append(programs, buildCPP(t, filepath.Base(file), file))
		case strings.Contains(source, "int main()"):
			fragments += strings.Replace(source, "int main()", fmt.Sprintf("void program%d();\nvoid program%d()", i, i), 1)
		default:
			fragments += fmt.Sprintf("void fragment%d(annulus::producer &, annulus::consumer &);\n"+
				"void fragment%d([[maybe_unused]] annulus::producer &out, [[maybe_unused]] annulus::consumer &in) {\n%s}\n", i, i, source)
		}
	}
	file := filepath.Join(dir, "fragments.cpp")
	must(t, os.WriteFile(file, []byte(fragments), 0o600))
	if out, err := exec.Command(gxx, append(cppflags[:len(cppflags):len(cppflags)], "-fsyntax-only", file)...).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if len(programs) != 2 {
		t.Fatalf("%d programs in cpp/README.md, want a sender and a receiver", len(programs))
	}
	expect(t, start(t, exec.Command(programs[0])).Done(), "")
	expect(t, start(t, exec.Command(programs[1])).Done(), "hello from C++\nhello again")
}
