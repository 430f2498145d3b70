package peers_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"testing"

	"annulus/internal/testutil"
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
