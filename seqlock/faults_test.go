package seqlock_test

import (
	"encoding/binary"
	"errors"
	"io/fs"
	"math/bits"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/ring"
	"annulus/seqlock"
	"annulus/shm"
)

// header makes a cell file, lets change spoil its first bytes and returns the
// path. With seal the checksum is made right again, so that what is checked
// behind it shows.
func header(t testing.TB, seal bool, change func(b []byte)) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "cell")
	c, err := seqlock.CreateFile[sample](path)
	must(t, err)
	must(t, c.Close())
	b, err := os.ReadFile(path)
	must(t, err)
	change(b)
	if seal {
		binary.LittleEndian.PutUint64(b[layout.HeaderSize-8:], layout.CellChecksum(b))
	}
	must(t, os.WriteFile(path, b, 0o600))
	return path
}

func put32(off int, v uint32) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint32(b[off:], v) }
}

func put64(off int, v uint64) func([]byte) {
	return func(b []byte) { binary.LittleEndian.PutUint64(b[off:], v) }
}

func TestBadHeader(t *testing.T) {
	for name, c := range map[string]struct {
		change func([]byte)
		seal   bool
		want   error
	}{
		"magic":            {put64(0, 0xABAD1DEA), true, seqlock.ErrNotCell},
		"a ring":           {put64(0, layout.Magic), true, seqlock.ErrNotCell},
		"swapped magic":    {put64(0, bits.ReverseBytes64(layout.CellMagic)), true, seqlock.ErrEndian},
		"creator at work":  {put64(0, 0), true, seqlock.ErrNotReady},
		"newer major":      {put32(8, layout.CellMajor+1), true, seqlock.ErrVersion},
		"older major":      {put32(8, layout.CellMajor-1), true, seqlock.ErrVersion},
		"unknown feature":  {put64(32, 1<<40), true, seqlock.ErrFeature},
		"checksum":         {put64(128, 1), false, seqlock.ErrChecksum},
		"checksum itself":  {put64(248, 1), false, seqlock.ErrChecksum},
		"header size":      {put32(16, 8), true, seqlock.ErrGeometry},
		"kind":             {put32(20, 9), true, seqlock.ErrGeometry},
		"stride 0":         {put32(24, 0), true, seqlock.ErrGeometry},
		"stride 96":        {put32(24, 96), true, seqlock.ErrGeometry},
		"stride 2048":      {put32(24, 2048), true, seqlock.ErrGeometry},
		"total size":       {put64(48, 4096), true, seqlock.ErrGeometry},
		"size 0":           {put64(56, 0), true, seqlock.ErrGeometry},
		"size 2^31":        {put64(56, 1<<31), true, seqlock.ErrGeometry},
		"size 2^64-1":      {put64(56, ^uint64(0)), true, seqlock.ErrGeometry},
		"copy stride":      {put64(64, 8), true, seqlock.ErrGeometry},
		"reader area":      {put64(80, 0), true, seqlock.ErrGeometry},
		"writer area":      {put64(88, ^uint64(0)), true, seqlock.ErrGeometry},
		"data area":        {put64(96, 7), true, seqlock.ErrGeometry},
		"lock base":        {put64(104, 0), true, seqlock.ErrGeometry},
		"a block":          {put32(20, layout.CellKindBlock), true, seqlock.ErrMismatch},
		"another type":     {put64(72, 12345), true, seqlock.ErrMismatch},
		"arm word":         {put64(layout.PageSize+int(2*stride()), 0), false, seqlock.ErrCorrupt},
		"untyped":          {put64(72, 0), true, nil},
		"newer minor":      {put32(12, 9), true, nil},
		"optional feature": {put64(40, 1<<50), true, nil},
	} {
		t.Run(name, func(t *testing.T) {
			path := header(t, c.seal, c.change)
			cell, err := seqlock.OpenFile[sample](path)
			if err == nil {
				must(t, cell.Close())
			}
			if !errors.Is(err, c.want) {
				t.Fatalf("%v, want %v", err, c.want)
			}
			if err != nil {
				t.Log(err)
			}
		})
	}
}

func stride() uint64 {
	c, err := seqlock.New[uint64]()
	if err != nil {
		panic(err)
	}
	defer c.Close()
	g, _, err := layout.DecodeCell(c.Region().Bytes(), uint64(c.Region().Size()))
	if err != nil {
		panic(err)
	}
	return g.Stride
}

// What lies there is not what was asked for.
func TestMismatch(t *testing.T) {
	dir := t.TempDir()
	path := func(name string) string { return filepath.Join(dir, name) }
	c, err := seqlock.CreateFile[uint64](path("word"))
	must(t, err)
	closing(t, c)
	b, err := seqlock.CreateBlockFile(path("block"), 8)
	must(t, err)
	closing(t, b)
	r, err := ring.CreateFile(path("ring"), ring.Config{Capacity: 4096})
	must(t, err)
	closing(t, r)
	opens := func(err error, c interface{ Close() error }) error {
		if err == nil {
			must(t, c.Close())
		}
		return err
	}
	for name, try := range map[string]struct {
		want error
		open func() error
	}{
		"another size":    {seqlock.ErrMismatch, func() error { c, err := seqlock.OpenFile[[2]uint64](path("word")); return opens(err, c) }},
		"another kind":    {seqlock.ErrMismatch, func() error { c, err := seqlock.OpenFile[float64](path("word")); return opens(err, c) }},
		"open or create":  {seqlock.ErrMismatch, func() error { c, err := seqlock.OpenOrCreateFile[int64](path("word")); return opens(err, c) }},
		"cell as block":   {seqlock.ErrMismatch, func() error { c, err := seqlock.OpenBlockFile(path("word")); return opens(err, c) }},
		"block as cell":   {seqlock.ErrMismatch, func() error { c, err := seqlock.OpenFile[uint64](path("block")); return opens(err, c) }},
		"another block":   {seqlock.ErrMismatch, func() error { c, err := seqlock.OpenOrCreateBlockFile(path("block"), 9); return opens(err, c) }},
		"the same block":  {nil, func() error { c, err := seqlock.OpenOrCreateBlockFile(path("block"), 8); return opens(err, c) }},
		"same fields":     {nil, func() error { c, err := seqlock.OpenFile[struct{ N uint64 }](path("word")); return opens(err, c) }},
		"ring as cell":    {seqlock.ErrNotCell, func() error { c, err := seqlock.OpenFile[uint64](path("ring")); return opens(err, c) }},
		"cell as ring":    {ring.ErrNotRing, func() error { c, err := ring.OpenFile(path("word")); return opens(err, c) }},
		"pointers":        {seqlock.ErrPointers, func() error { c, err := seqlock.New[string](); return opens(err, c) }},
		"no bytes":        {seqlock.ErrNoBytes, func() error { c, err := seqlock.New[struct{}](); return opens(err, c) }},
		"empty block":     {seqlock.ErrGeometry, func() error { c, err := seqlock.NewBlock(0); return opens(err, c) }},
		"negative block":  {seqlock.ErrGeometry, func() error { c, err := seqlock.NewBlock(-1); return opens(err, c) }},
		"boundless block": {seqlock.ErrGeometry, func() error { c, err := seqlock.NewBlock(layout.CellMaxSize + 1); return opens(err, c) }},
		"taken name":      {fs.ErrExist, func() error { c, err := seqlock.CreateFile[uint64](path("word")); return opens(err, c) }},
		"nothing there":   {fs.ErrNotExist, func() error { c, err := seqlock.OpenFile[uint64](path("none")); return opens(err, c) }},
		"directory":       {shm.ErrNotRegular, func() error { c, err := seqlock.OpenFile[uint64](dir); return opens(err, c) }},
	} {
		if err := try.open(); !errors.Is(err, try.want) {
			t.Errorf("%s: %v, want %v", name, err, try.want)
		} else if err != nil {
			t.Log(err)
		}
	}
	must(t, os.WriteFile(path("text"), []byte(strings.Repeat("no cell ", 1000)), 0o600))
	if _, err := seqlock.OpenFile[uint64](path("text")); !errors.Is(err, seqlock.ErrNotCell) {
		t.Errorf("a text: %v", err)
	}
}

func TestShortFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cell")
	c, err := seqlock.CreateFile[sample](path)
	must(t, err)
	must(t, c.Close())
	for _, n := range []int64{8192, 4096, 256, 255, 8, 1} {
		must(t, os.Truncate(path, n))
		if _, err := seqlock.OpenFile[sample](path); !errors.Is(err, seqlock.ErrShort) {
			t.Errorf("%d bytes: %v, want ErrShort", n, err)
		}
	}
}

// Whoever truncates the file under a cell in use gets errors out of it, not dead
// processes: from the writer, from a reader, from one that is asleep.
func TestTruncatedWhileAttached(t *testing.T) {
	if runtime.GOOS != "linux" || runtime.GOARCH != "amd64" && runtime.GOARCH != "arm64" {
		t.Skip("the fault guard exists on Linux, amd64 and arm64")
	}
	for _, size := range []int64{0, 4096, 8192} {
		path := filepath.Join(t.TempDir(), "cell")
		a, err := seqlock.CreateFile[sample](path)
		must(t, err)
		b, err := seqlock.OpenFile[sample](path)
		must(t, err)
		closing(t, a, b)
		w, r := writerOf(t, a), readerOf(t, b)
		sleeper := readerOf(t, b, seqlock.WithStrategy(futex.Futex()))
		must(t, w.Write(sampleOf(1)))
		holds(t, r, 1)
		asleep := waiting(t, t.Context(), sleeper, 1)
		must(t, os.Truncate(path, size))
		if o := <-asleep; !errors.Is(o.err, seqlock.ErrTruncated) {
			t.Errorf("%d bytes left: the sleeper got %v, want ErrTruncated", size, o.err)
		}
		for range 2 {
			if v, n, err := r.Load(); !errors.Is(err, seqlock.ErrTruncated) || v != (sample{}) || n != 0 {
				t.Errorf("%d bytes left: Load: version %d, %v, want ErrTruncated", size, n, err)
			}
			if err := w.Write(sampleOf(2)); !errors.Is(err, seqlock.ErrTruncated) {
				t.Errorf("%d bytes left: Write: %v, want ErrTruncated", size, err)
			}
		}
		if _, err := b.Stats(); !errors.Is(err, seqlock.ErrTruncated) {
			t.Errorf("%d bytes left: Stats: %v, want ErrTruncated", size, err)
		}
	}
}

func TestReadOnly(t *testing.T) {
	path := filepath.Join(t.TempDir(), "cell")
	a, err := seqlock.CreateFile[sample](path)
	must(t, err)
	b, err := seqlock.OpenFile[sample](path, seqlock.WithRegion(shm.ReadOnly()))
	must(t, err)
	closing(t, a, b)
	if _, err := b.Writer(); !errors.Is(err, os.ErrPermission) {
		t.Errorf("a writer on read-only memory: %v, want os.ErrPermission", err)
	}
	before := append([]byte(nil), a.Region().Bytes()...)
	r := readerOf(t, b)
	got := waiting(t, t.Context(), r, 0)
	if string(before) != string(a.Region().Bytes()) {
		t.Error("a read-only reader has changed something")
	}
	w := writerOf(t, a)
	must(t, w.Write(sampleOf(1)))
	o := <-got
	must(t, o.err)
	must(t, o.v.check(1))
}

// What no correct writer stores is refused, not believed.
func TestCorrupt(t *testing.T) {
	b, err := seqlock.NewBlock(100)
	must(t, err)
	closing(t, b)
	w, err := b.Writer()
	must(t, err)
	must(t, w.Write([]byte("hello")))
	mem := b.Region().Bytes()
	g, _, err := layout.DecodeCell(mem, uint64(len(mem)))
	must(t, err)
	s := layout.CellStateAt(mem, g.WriterArea)
	s.Length1 = 101
	r, err := b.Reader()
	must(t, err)
	for range 2 {
		if _, _, err := r.Load(nil); !errors.Is(err, seqlock.ErrCorrupt) {
			t.Errorf("a length of 101 in 100 bytes: %v, want ErrCorrupt", err)
		}
	}
}

func TestHandleClosed(t *testing.T) {
	c, err := seqlock.New[uint64]()
	must(t, err)
	w, err := c.Writer()
	must(t, err)
	r, err := c.Reader()
	must(t, err)
	must(t, c.Close())
	_, _, lerr := r.Load()
	_, _, terr := r.TryLoad()
	_, _, aerr := r.Wait(t.Context(), 0)
	_, rerr := c.Reader()
	_, werr := c.Writer()
	_, serr := c.Stats()
	_, verr := w.Reserve()
	for i, err := range []error{c.Close(), w.Close(), r.Close(), w.Write(1), w.Update(func(*uint64) {}), w.Commit(), lerr, terr, aerr, rerr, werr, serr, verr} {
		if !errors.Is(err, seqlock.ErrClosed) {
			t.Errorf("call %d after Close: %v, want ErrClosed", i, err)
		}
	}
	if r.Version() != 0 || !r.Changed(1) {
		t.Error("a closed reader shows a version")
	}
}
