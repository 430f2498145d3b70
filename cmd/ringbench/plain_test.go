package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// What is made plain is what package feed says, and no error of its tells to use an option by its name in Go.
func TestWordsOfFeed(t *testing.T) {
	files, err := filepath.Glob("../../ring/feed/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(files, err)
	}
	literal := regexp.MustCompile(`"(?:[^"\\\n]|\\.)*"`)
	var said []string
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		said = append(said, literal.FindAllString(string(b), -1)...)
	}
	option := regexp.MustCompile(`\bWith[A-Z]\w*`)
	for _, s := range said {
		if name := option.FindString(inFlags.Replace(s)); name != "" {
			t.Errorf("%s is told to the user in %s", name, s)
		}
	}
	all := strings.Join(said, "\n")
	for i := 2; i < len(wordsOf); i += 2 { // the first is between two errors
		if !strings.Contains(all, wordsOf[i]) {
			t.Errorf("nothing in package feed says %q", wordsOf[i])
		}
	}
}
