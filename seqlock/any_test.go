package seqlock

import (
	"path/filepath"
	"testing"

	"annulus/shm"
)

// Whoever looks need not know what a cell holds, and may only read it.
func TestAny(t *testing.T) {
	dir := t.TempDir()
	attach := func(name string) (*Any, error) {
		r, err := shm.OpenFile(filepath.Join(dir, name), shm.ReadOnly())
		if err != nil {
			t.Fatal(err)
		}
		return AttachAny(r)
	}
	cell, err := CreateFile[uint64](filepath.Join(dir, "cell"))
	if err != nil {
		t.Fatal(err)
	}
	defer cell.Close()
	block, err := CreateBlockFile(filepath.Join(dir, "block"), 100)
	if err != nil {
		t.Fatal(err)
	}
	defer block.Close()
	w, err := cell.Writer()
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(7); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]struct {
		kind, element string
		size          int
		version       uint64
	}{"cell": {"cell", "uint64", 8, 1}, "block": {"block", "", 100, 0}} {
		a, err := attach(name)
		if err != nil {
			t.Fatal(err)
		}
		s, err := a.Stats()
		if err != nil || a.Kind() != want.kind || a.Element() != want.element || a.Size() != want.size || s.Version != want.version {
			t.Errorf("%s: %s of %q, %d bytes, %+v, %v", name, a.Kind(), a.Element(), a.Size(), s, err)
		}
		if err := a.Close(); err != nil {
			t.Error(err)
		}
	}
	r, err := shm.CreateFile(filepath.Join(dir, "zeros"), 8192)
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := attach("zeros"); err == nil {
		t.Error("zeros are taken for a cell")
	}
}
