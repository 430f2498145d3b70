package seqlock_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"annulus/internal/race"
	"annulus/seqlock"
)

// A reader written in C from the specification alone gets whole values, beside
// a writer that never rests.
func TestReaderInC(t *testing.T) {
	cc, err := exec.LookPath("gcc")
	if err != nil {
		if os.Getenv("CI") != "" {
			t.Fatalf("no C compiler: %v", err)
		}
		t.Skipf("no C compiler, so no reader in C: %v", err)
	}
	if race.Enabled {
		t.Skip("the race detector cannot see mapped memory")
	}
	dir := t.TempDir()
	exe := filepath.Join(dir, "reader")
	out, err := exec.Command(cc, "-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror", "-I", filepath.Join("..", "ring", "peers", "c"),
		"-o", exe, filepath.Join("testdata", "reader.c")).CombinedOutput()
	if err != nil {
		t.Fatalf("gcc: %v\n%s", err, out)
	}
	path := filepath.Join(dir, "cell")
	c, err := seqlock.CreateFile[sample](path)
	must(t, err)
	closing(t, c)
	w := writerOf(t, c)
	must(t, w.Write(sampleOf(1)))
	const last = 300_000
	p := run(t, exec.Command(exe, path, "300000"))
	p.expect("begun")
	for n := uint64(2); n <= last; n++ {
		must(t, w.Write(sampleOf(n)))
	}
	p.expect("ok")
	p.ends()
}
