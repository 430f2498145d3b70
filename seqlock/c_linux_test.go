package seqlock_test

import (
	"os/exec"
	"path/filepath"
	"testing"

	"annulus/internal/race"
	"annulus/internal/testutil"
	"annulus/seqlock"
)

// A reader written in C from the specification alone gets whole values, beside
// a writer that never rests.
func TestReaderInC(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector cannot see mapped memory")
	}
	exe := testutil.BuildC(t, "reader", "-std=c11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-Werror",
		"-I", filepath.Join("..", "ring", "peers", "c"), filepath.Join("testdata", "reader.c"))
	path := filepath.Join(t.TempDir(), "cell")
	c, err := seqlock.CreateFile[sample](path)
	must(t, err)
	closing(t, c)
	w := writerOf(t, c)
	must(t, w.Write(sampleOf(1)))
	const last = 300_000
	p := testutil.Start(t, exec.Command(exe, path, "300000"))
	p.Expect("begun")
	for n := uint64(2); n <= last; n++ {
		must(t, w.Write(sampleOf(n)))
	}
	p.Expect("ok")
	p.Done()
}
