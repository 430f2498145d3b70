package feed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"testing"
	"time"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// copyBytes is what is copied: lines of copyLine bytes, newline included.
const (
	copyBytes = 512 << 20
	copyLine  = 1024
)

func init() {
	roles["copy-in"] = func(args []string) error {
		defer profiled("in")()
		r, err := ring.OpenFile(args[0])
		if err != nil {
			return err
		}
		p, err := r.Producer()
		if err != nil {
			return err
		}
		s, err := feed.Stdin(feed.Lines())
		if len(args) > 1 {
			s, err = feed.ReadFile(args[1], feed.Lines())
		}
		if err != nil {
			return err
		}
		return errors.Join(feed.Into(p, s).Run(context.Background()), r.Close())
	}
	roles["copy-out"] = func(args []string) error {
		defer profiled("out")()
		r, err := ring.OpenFile(args[0])
		if err != nil {
			return err
		}
		k, err := r.Consumer()
		if err != nil {
			return err
		}
		s, err := feed.WriteFile(args[1], feed.Lines(), feed.File{})
		if len(args) > 2 {
			s, err = feed.Record(args[1], feed.Capture{File: feed.File{Existing: feed.Truncate}})
		}
		if err != nil {
			return err
		}
		return errors.Join(feed.OutOf(k, s).Run(context.Background()), r.Close())
	}
}

// profiled writes a profile of a process to $ANNULUS_COPY_PROFILE.name, if that is set.
func profiled(name string) func() {
	path := os.Getenv("ANNULUS_COPY_PROFILE")
	if path == "" {
		return func() {}
	}
	f, err := os.Create(path + "." + name)
	if err == nil {
		err = pprof.StartCPUProfile(f)
	}
	if err != nil {
		panic(err)
	}
	return func() { pprof.StopCPUProfile(); f.Close() }
}

// BenchmarkCopy copies lines of 1 KiB by two processes and a ring between them, in turn with
// `cat file | cat > copy`, and reports medians: bytes per second, of whole runs from
// the start of the processes to their end, and the ratio of the pairs. Use
// -benchtime 9x for nine pairs. ANNULUS_COPY_DIR is a directory of another
// file system than the default, /dev/shm.
func BenchmarkCopy(b *testing.B) {
	parent := "/dev/shm"
	if d := os.Getenv("ANNULUS_COPY_DIR"); d != "" {
		parent = d
	}
	dir, err := os.MkdirTemp(parent, "annulus-copy-")
	must(b, err)
	defer os.RemoveAll(dir)
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	writeLines(b, in)
	cat := func(b *testing.B) { runAll(b, exec.Command("sh", "-c", `cat "$1" | cat >"$2"`, "sh", in, out)) }
	for _, way := range []string{"file", "pipe", "record"} {
		b.Run(way, func(b *testing.B) {
			var cats, rings, ratios []float64
			for b.Loop() {
				c := timed(b, in, out, cat)
				r := timed(b, in, out, func(b *testing.B) { copyThrough(b, dir, way) })
				cats, rings, ratios = append(cats, c), append(rings, r), append(ratios, r/c)
			}
			b.ReportMetric(median(cats), "cat-MB/s")
			b.ReportMetric(median(rings), "ring-MB/s")
			b.ReportMetric(median(ratios), "ring/cat")
			b.ReportMetric(0, "ns/op")
		})
	}
}

func writeLines(b *testing.B, path string) {
	f, err := os.Create(path)
	must(b, err)
	line := append(bytes.Repeat([]byte("x"), copyLine-1), '\n')
	block := bytes.Repeat(line, 1024)
	for n := 0; n < copyBytes; n += len(block) {
		_, err := f.Write(block)
		must(b, err)
	}
	must(b, errors.Join(f.Sync(), f.Close()))
}

// timed returns the MB per second at which f makes a copy.
func timed(b *testing.B, in, out string, f func(b *testing.B)) float64 {
	if err := os.Remove(out); err != nil && !errors.Is(err, os.ErrNotExist) {
		b.Fatal(err)
	}
	began := time.Now()
	f(b)
	took := time.Since(began)
	info, err := os.Stat(out)
	must(b, err)
	if info.Size() < copyBytes {
		b.Fatalf("the copy has %d bytes of %d", info.Size(), copyBytes)
	}
	return copyBytes / took.Seconds() / 1e6
}

// copyThrough copies dir/in to dir/out by two processes.
func copyThrough(b *testing.B, dir, way string) {
	name := filepath.Join("/dev/shm", fmt.Sprint("annulus-copy-ring-", os.Getpid()))
	r, err := ring.CreateFile(name, ring.Config{Capacity: 1 << 20})
	must(b, err)
	defer os.Remove(name)
	defer r.Close()
	args := []string{name, filepath.Join(dir, "in")}
	reader := testutil.Child(b, "copy-in", args...)
	var first []*exec.Cmd
	if way == "pipe" {
		cat := exec.Command("cat", args[1])
		reader = testutil.Child(b, "copy-in", name)
		pr, pw, err := os.Pipe()
		must(b, err)
		defer pr.Close()
		defer pw.Close()
		cat.Stdout, reader.Stdin = pw, pr
		must(b, cat.Start())
		must(b, pw.Close())
		first = append(first, cat)
	}
	args = []string{name, filepath.Join(dir, "out")}
	if way == "record" {
		args = append(args, "capture")
	}
	runAll(b, reader, testutil.Child(b, "copy-out", args...))
	for _, c := range first {
		must(b, c.Wait())
	}
}

func runAll(b *testing.B, cmds ...*exec.Cmd) {
	for _, c := range cmds {
		c.Stderr = os.Stderr
		must(b, c.Start())
	}
	for _, c := range cmds {
		must(b, c.Wait())
	}
}

func median(v []float64) float64 {
	slices.Sort(v)
	return v[len(v)/2]
}
