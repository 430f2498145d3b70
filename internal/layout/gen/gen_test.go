package main

import (
	"bytes"
	"os"
	"testing"
)

// What was generated is what would be generated now.
func TestUpToDate(t *testing.T) {
	const peers = "../../../ring/peers/"
	for path, want := range map[string][]byte{
		peers + "c/annulus_layout.h": header(),
		peers + "rust/src/layout.rs": rust(),
	} {
		got, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(got, want) {
			t.Errorf("%s is out of date: run go generate ./internal/layout", path)
		}
	}
	const spec = "../../../docs/spec/layout-v1.md"
	got, err := os.ReadFile(spec)
	if err != nil {
		t.Fatal(err)
	}
	want, err := replaceTables(got)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is out of date: run go generate ./internal/layout", spec)
	}
}
