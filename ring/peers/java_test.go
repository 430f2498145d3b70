package peers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"annulus/internal/layout"
	"annulus/internal/testutil"
	"annulus/ring"
)

// javaFlags make a program start soon: half of the tests' programs do little.
var javaFlags = []string{"-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-XX:-UsePerfData", "-Xshare:auto"}

// classes compiles the Java peer and its library, which Java before 22 needs, into a directory.
func classes(t *testing.T) string {
	t.Helper()
	javac, err := exec.LookPath("javac")
	if err != nil {
		testutil.Absent(t, "no compiler: %v", err)
	}
	javac, err = filepath.EvalSymlinks(javac)
	must(t, err)
	include := filepath.Join(filepath.Dir(javac), "..", "include")
	return testutil.Build(t, "java", func(dir string) *exec.Cmd {
		const script = `javac -Xlint:all -Werror --release 17 -d "$1" java/src/main/java/annulus/*.java &&
			"$2" -Wall -Wextra -Werror -shared -fPIC -O2 -I"$3" -I"$3/linux" java/src/main/c/annulus.c -o "$1/libannulus.so"`
		return exec.Command("sh", "-c", script, "sh", dir, compiler(t, "gcc"), include)
	})
}

// buildJava is the Java peer with its JNI library.
func buildJava(t *testing.T) []string {
	dir := classes(t)
	java, err := exec.LookPath("java")
	if err != nil {
		testutil.Absent(t, "no Java: %v", err)
	}
	if javaVersion(java) >= 22 {
		testutil.Absent(t, "%s is of Java 22 or later, which does without the library", java)
	}
	return append(append([]string{java}, javaFlags...), "-cp", dir, "-Dannulus.library="+filepath.Join(dir, "libannulus.so"), "annulus.Peer")
}

// buildJavaForeign is the Java peer in a Java that needs no library.
func buildJavaForeign(t *testing.T) []string {
	dir := classes(t)
	list, err := filepath.Glob("/usr/lib/jvm/*/bin/java")
	must(t, err)
	if java, err := exec.LookPath("java"); err == nil {
		list = append(list, java)
	}
	for _, java := range append(list, filepath.Join(os.Getenv("JAVA_HOME"), "bin", "java")) {
		if javaVersion(java) >= 22 {
			return append(append([]string{java}, javaFlags...), "--enable-native-access=ALL-UNNAMED", "-cp", dir, "annulus.Peer")
		}
	}
	testutil.Absent(t, "no Java 22 or later")
	return nil
}

var javaRelease = regexp.MustCompile(`(?m)^JAVA_VERSION="(\d+)`)

// javaVersion is what the file release says, in the installation that has this java; 0 if it says nothing.
func javaVersion(java string) int {
	java, err := filepath.EvalSymlinks(java)
	if err != nil {
		return 0
	}
	b, err := os.ReadFile(filepath.Join(filepath.Dir(java), "..", "release"))
	if err != nil {
		return 0
	}
	m := javaRelease.FindSubmatch(b)
	if m == nil {
		return 0
	}
	n, _ := strconv.Atoi(string(m[1])) // of digits
	return n
}

// inEachJava runs a test with both ways to make system calls.
func inEachJava(t *testing.T, test func(t *testing.T, l program)) {
	for _, l := range programs {
		if strings.HasPrefix(l.name, "java") {
			t.Run(l.name, func(t *testing.T) { test(t, l) })
		}
	}
}

// run is another main class of the Java peer's, whose classes may need more.
func (l program) run(t *testing.T, class string, more ...string) *exec.Cmd {
	line := append([]string(nil), l.command(t)...)
	for i, word := range line {
		if word == "-cp" {
			line[i+1] = strings.Join(append(more, line[i+1]), ":")
		}
	}
	line[len(line)-1] = class
	return exec.Command(line[0], line[1:]...)
}

// javac compiles sources against the Java peer into a directory.
func javac(t *testing.T, dir string, sources ...string) {
	t.Helper()
	args := append([]string{"-Xlint:all", "-Werror", "--release", "17", "-cp", classes(t), "-d", dir}, sources...)
	if out, err := exec.Command("javac", args...).CombinedOutput(); err != nil {
		t.Fatalf("%s: %v\n%s", sources, err, out)
	}
}

// What Java checks of itself, words that no correct peer writes among it.
func javaSelftest(t *testing.T) {
	inEachJava(t, func(t *testing.T, l program) {
		dir, src := t.TempDir(), filepath.Join("java", "src", "test", "java", "annulus")
		sources, err := filepath.Glob(filepath.Join(src, "*.java"))
		must(t, err)
		javac(t, dir, slices.DeleteFunc(sources, func(s string) bool { return strings.HasSuffix(s, "RingTest.java") })...) // which needs JUnit
		expect(t, start(t, l.run(t, "annulus.SelfTest", dir)).Done(), "ok")
	})
}

// The example of the README compiles as it stands there, and works.
func TestJavaReadmeExample(t *testing.T) {
	inEachJava(t, func(t *testing.T, l program) {
		text, err := os.ReadFile(filepath.Join("java", "README.md"))
		must(t, err)
		dir, name := t.TempDir(), freeName(t)
		for _, m := range regexp.MustCompile("(?s)```java\n(.*?public class (\\w+).*?)```").FindAllStringSubmatch(string(text), -1) {
			source := filepath.Join(dir, m[2]+".java")
			must(t, os.WriteFile(source, []byte(strings.ReplaceAll(m[1], "greetings", name)), 0o600))
			javac(t, dir, source)
		}
		expect(t, start(t, l.run(t, "Sender", dir)).Done(), "")
		expect(t, start(t, l.run(t, "Receiver", dir)).Done(), "hello from Java\nhello again")
	})
}

// A file that is cut while a peer sleeps is one line, no crash of the JVM.
func TestJavaNoticesACut(t *testing.T) {
	inEachJava(t, func(t *testing.T, l program) {
		for _, wait := range []string{"futex", "semaphore"} {
			r, name := create(t, smallRing)
			c := start(t, l.peer(t, "recv", name, "--wait", wait))
			file, err := os.OpenFile(filepath.Join("/dev/shm", name), os.O_RDWR, 0)
			must(t, err)
			defer file.Close()
			eventually(t, "the consumer sleeps", func() bool { // and stores nothing more before it does
				var waiters [4]byte
				_, err := file.ReadAt(waiters[:], int64(semaphoreOf(t, r))+4)
				must(t, err)
				return stats(t, r).Consumer.Asleep && (wait == "futex" || waiters != [4]byte{})
			})
			must(t, file.Truncate(0))
			mentions(t, c.Fails(), "memory lost")
		}
	})
}

// semaphoreOf is where the semaphore for data is.
func semaphoreOf(t *testing.T, r *ring.Ring) uint64 {
	c := r.Config()
	g, err := layout.Compute(layout.Shape{Kind: layout.KindBytes, Topology: layout.TopologySPSC, Capacity: uint64(c.Capacity), Stride: 128})
	must(t, err)
	return g.SharedArea
}

// Without a way to make system calls no role is taken, and looking works.
func TestJavaWithoutLibrary(t *testing.T) {
	line := buildJava(t)
	for i, word := range line {
		if strings.HasPrefix(word, "-Dannulus.library=") {
			line[i] = "-Dannulus.library=/nonexistent/libannulus.so"
		}
	}
	run := func(args ...string) *testutil.Process {
		return start(t, exec.Command(line[0], append(line[1:len(line):len(line)], args...)...))
	}
	r, name := create(t, ring.Config{Topology: ring.Broadcast, Capacity: 4096})
	mentions(t, run("check", name).Fails(), "not supported here: expected a way to make system calls")
	p := producer(t, r)
	must(t, p.TrySend([]byte("to be looked at")))
	must(t, p.Close())
	mentions(t, run("dump", name).Done(), "number=0 length=15")
	expect(t, run("recv", name, "--readonly", "--backlog", "--count", "0").Done(), "received 0 ok")
}
