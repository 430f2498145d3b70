package main

import (
	"bytes"
	"os"
	"testing"
)

// What was generated for Java is what would be generated now.
func TestJavaUpToDate(t *testing.T) {
	const path = "../../../ring/peers/java/src/main/java/annulus/Layout.java"
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, java()) {
		t.Errorf("%s is out of date: run go generate ./internal/layout", path)
	}
}
