package shm

import (
	"errors"
	"io/fs"
	"math"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

// makers makes a region of each backing.
var makers = map[Backing]func(t *testing.T, size int, opts ...Option) (*Region, error){
	BackedByHeap: func(t *testing.T, size int, opts ...Option) (*Region, error) { return Heap(size, opts...) },
	BackedByFile: func(t *testing.T, size int, opts ...Option) (*Region, error) {
		return CreateFile(filepath.Join(t.TempDir(), "region"), size, opts...)
	},
	BackedByPOSIX: func(t *testing.T, size int, opts ...Option) (*Region, error) {
		return Create(shmName(t), size, opts...)
	},
	BackedByMemfd: func(t *testing.T, size int, opts ...Option) (*Region, error) {
		return Memfd("label", size, opts...)
	},
}

// eachBacking runs f for the backings that this platform has.
func eachBacking(t *testing.T, f func(t *testing.T, make func(*testing.T, int, ...Option) (*Region, error))) {
	for b, m := range makers {
		t.Run(b.String(), func(t *testing.T) {
			if r, err := m(t, 1); errors.Is(err, errors.ErrUnsupported) {
				t.Skip(err)
			} else if err == nil {
				r.Close()
				if b == BackedByPOSIX {
					Remove(r.Name())
				}
			}
			f(t, m)
		})
	}
}

func TestRegion(t *testing.T) {
	page := os.Getpagesize()
	eachBacking(t, func(t *testing.T, make func(*testing.T, int, ...Option) (*Region, error)) {
		initialised := 0
		r := must(make(t, page+1, WithPrefault(), WithInit(func(mem []byte) error {
			initialised++
			for i, b := range mem {
				if b != 0 {
					t.Fatalf("byte %d of a new region is %d", i, b)
				}
			}
			mem[len(mem)-1] = 7
			return nil
		})))(t)
		mem := r.Bytes()
		if r.Size() != 2*page || len(mem) != 2*page || cap(mem) != len(mem) {
			t.Errorf("size %d, len %d, cap %d, expected %d", r.Size(), len(mem), cap(mem), 2*page)
		}
		if initialised != 1 || mem[len(mem)-1] != 7 {
			t.Errorf("init ran %d times, last byte %d", initialised, mem[len(mem)-1])
		}
		if alignment(mem)%uintptr(page) != 0 {
			t.Error("not page-aligned")
		}
		if n, err := r.Links(); n != 1 || err != nil {
			t.Errorf("Links: %d, %v", n, err)
		}
		if err := r.Check(); err != nil || r.Faulted() || r.ReadOnly() {
			t.Errorf("Check: %v, Faulted %v, ReadOnly %v", err, r.Faulted(), r.ReadOnly())
		}
		if n := r.Notes(); n != nil && !strings.Contains(n[0], "fault guard: not available on this platform") {
			t.Errorf("notes %q", n)
		}
		if (r.File() == nil) != (r.Backing() == BackedByHeap) {
			t.Errorf("File: %v", r.File())
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if r.Bytes() != nil {
			t.Error("Bytes after Close")
		}
		for what, f := range map[string]func() error{
			"Close": r.Close, "Hold": r.Hold, "Check": r.Check,
			"Links":   func() error { _, err := r.Links(); return err },
			"TryLock": func() error { return r.TryLock(0) },
			"Unlock":  func() error { return r.Unlock(0) },
			"Locked":  func() error { _, err := r.Locked(0); return err },
		} {
			if err := f(); !errors.Is(err, os.ErrClosed) {
				t.Errorf("%s after Close: %v", what, err)
			}
		}
	})
}

func TestNames(t *testing.T) {
	path := filepath.Join(t.TempDir(), "region")
	r := must(CreateFile(path, 1))(t)
	defer r.Close()
	if r.Name() != path || r.Backing() != BackedByFile {
		t.Errorf("%s %s", r.Name(), r.Backing())
	}
	want := []string{"heap", "file", "posix", "memfd", "Backing(9)"}
	for i, b := range []Backing{BackedByHeap, BackedByFile, BackedByPOSIX, BackedByMemfd, 9} {
		if b.String() != want[i] {
			t.Errorf("%d: %s", i, b)
		}
	}
	for h, want := range map[HugePages]string{HugeOff: "off", HugeTry: "try", HugeRequire: "require"} {
		if h.String() != want {
			t.Errorf("%d: %s", h, h)
		}
	}
}

func TestBadArguments(t *testing.T) {
	dir := t.TempDir()
	there := filepath.Join(dir, "there")
	must(CreateFile(there, 1))(t).Close()
	broken := errors.New("broken")
	fails := func([]byte) error { return broken }
	tests := []struct {
		name string
		want error
		f    func() (*Region, error)
	}{
		{"heap size 0", ErrSize, func() (*Region, error) { return Heap(0) }},
		{"heap size -1", ErrSize, func() (*Region, error) { return Heap(-1) }},
		{"heap size max", ErrSize, func() (*Region, error) { return Heap(math.MaxInt) }},
		{"heap size beyond the heap", ErrSize, func() (*Region, error) { return Heap(math.MaxInt - 4*os.Getpagesize()) }},
		{"heap read-only", fs.ErrInvalid, func() (*Region, error) { return Heap(1, ReadOnly()) }},
		{"heap huge", errors.ErrUnsupported, func() (*Region, error) { return Heap(1, WithHugePages(HugeRequire)) }},
		{"heap init", broken, func() (*Region, error) { return Heap(1, WithInit(fails)) }},
		{"size 0", ErrSize, func() (*Region, error) { return CreateFile(filepath.Join(dir, "x"), 0) }},
		{"size -1", ErrSize, func() (*Region, error) { return CreateFile(filepath.Join(dir, "x"), -1) }},
		{"size max", ErrSize, func() (*Region, error) { return CreateFile(filepath.Join(dir, "x"), math.MaxInt) }},
		{"empty path", ErrName, func() (*Region, error) { return CreateFile("", 1) }},
		{"NUL", ErrName, func() (*Region, error) { return CreateFile(dir+"/a\x00b", 1) }},
		{"slash at the end", ErrName, func() (*Region, error) { return CreateFile(dir+"/", 1) }},
		{"dot", ErrName, func() (*Region, error) { return CreateFile(dir+"/.", 1) }},
		{"temporary", ErrName, func() (*Region, error) { return CreateFile(filepath.Join(dir, tempPrefix+"a"), 1) }},
		{"no directory", fs.ErrNotExist, func() (*Region, error) { return CreateFile(filepath.Join(dir, "no", "x"), 1) }},
		{"exists", fs.ErrExist, func() (*Region, error) { return CreateFile(there, 1) }},
		{"exists as directory", fs.ErrExist, func() (*Region, error) { return CreateFile(dir, 1) }},
		{"init", broken, func() (*Region, error) { return CreateFile(filepath.Join(dir, "x"), 1, WithInit(fails)) }},
		{"create read-only", fs.ErrInvalid, func() (*Region, error) { return CreateFile(filepath.Join(dir, "x"), 1, ReadOnly()) }},
		{"mode", fs.ErrInvalid, func() (*Region, error) { return CreateFile(filepath.Join(dir, "x"), 1, WithMode(0o700)) }},
		{"open init", fs.ErrInvalid, func() (*Region, error) { return OpenFile(there, WithInit(fails)) }},
		{"open empty path", ErrName, func() (*Region, error) { return OpenFile("") }},
		{"open nothing", fs.ErrNotExist, func() (*Region, error) { return OpenFile(filepath.Join(dir, "x")) }},
		{"open below a file", fs.ErrNotExist, func() (*Region, error) { return OpenFile(filepath.Join(dir, "no", "x")) }},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r, err := tt.f()
			if !errors.Is(err, tt.want) {
				t.Errorf("got %v, expected %v", err, tt.want)
			}
			if err != nil && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one line: %v", err)
			}
			if r != nil {
				r.Close()
			}
		})
	}
	if names := dirNames(t, dir); len(names) != 1 {
		t.Errorf("left over: %q", names)
	}
}

// A panic in the init callback leaves nothing either.
func TestInitPanics(t *testing.T) {
	for name, unnamed := range map[string]bool{"unnamed": true, "temporary name": false} {
		t.Run(name, func(t *testing.T) {
			noUnnamed.Store(!unnamed)
			defer noUnnamed.Store(false)
			dir := t.TempDir()
			func() {
				defer func() {
					if recover() == nil {
						t.Error("no panic")
					}
				}()
				CreateFile(filepath.Join(dir, "x"), 1, WithInit(func([]byte) error { panic("init") }))
			}()
			if names := dirNames(t, dir); len(names) != 0 {
				t.Errorf("left over: %q", names)
			}
		})
	}
}

func TestOpenSeesTheSameBytes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "region")
	a := must(CreateFile(path, 5000))(t)
	defer a.Close()
	b := must(OpenFile(path))(t)
	defer b.Close()
	ro := must(OpenFile(path, ReadOnly(), WithPrefault()))(t)
	defer ro.Close()
	a.Bytes()[4999] = 42
	if b.Bytes()[4999] != 42 || ro.Bytes()[4999] != 42 || b.Size() != a.Size() || !ro.ReadOnly() {
		t.Error("not the same memory")
	}
	if err := ro.TryLock(1); !errors.Is(err, fs.ErrPermission) {
		t.Errorf("lock of a read-only region: %v", err)
	}
	if err := RemoveFile(path); err != nil {
		t.Fatal(err)
	}
	if err := RemoveFile(path); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("second remove: %v", err)
	}
	if n, err := a.Links(); n != 0 || err != nil {
		t.Errorf("Links after remove: %d, %v", n, err)
	}
	// Whoever creates the name now has another memory.
	c := must(CreateFile(path, 5000))(t)
	defer c.Close()
	if c.Bytes()[4999] != 0 || a.Bytes()[4999] != 42 {
		t.Error("old and new share memory")
	}
}

func TestUnsupportedPlatforms(t *testing.T) {
	if runtime.GOOS == "linux" {
		t.Skip("Linux has everything")
	}
	_, err1 := Create("x", 1)
	_, err2 := Open("x")
	_, err3 := Memfd("x", 1)
	_, err4 := List()
	for i, err := range []error{err1, err2, err3, err4, Remove("x")} {
		if !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%d: %v", i, err)
		}
	}
}

func dirNames(t *testing.T, dir string) []string {
	t.Helper()
	entries := must(os.ReadDir(dir))(t)
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}
