package guide

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Each Go snippet that people read stands, but for its indentation, in a test
// file of this directory or in the program that one of them runs, so it compiles
// and runs. (That no function there is left unused is seen to by staticcheck.)
func TestSnippets(t *testing.T) {
	files, err := filepath.Glob("*_test.go")
	if err != nil {
		t.Fatal(err)
	}
	files = append(files, "sendrecv/main.go")
	var code []string
	for _, name := range files {
		code = append(code, bare(read(t, name)))
	}
	found := 0
	for _, doc := range []string{"tutorial.md", "adapters.md", "untrusted.md", "watching.md", "../../README.md"} {
		for _, s := range snippets(t, doc) {
			found++
			if !inOneOf(code, bare(s)) {
				t.Errorf("%s: no test file has these lines:\n%s", doc, s)
			}
		}
	}
	if found < 15 {
		t.Errorf("%d snippets found in all; are they marked as ```go?", found)
	}
}

func inOneOf(code []string, s string) bool {
	for _, c := range code {
		if strings.Contains("\n"+c, "\n"+s) {
			return true
		}
	}
	return false
}

// snippets returns the ```go blocks of a document.
func snippets(t *testing.T, doc string) []string {
	t.Helper()
	var list []string
	var block strings.Builder
	in := false
	for line := range strings.Lines(read(t, doc)) {
		switch text := strings.TrimSpace(line); {
		case !in && text == "```go":
			in = true
		case in && text == "```":
			list = append(list, block.String())
			block.Reset()
			in = false
		case in:
			block.WriteString(line)
		}
	}
	if in {
		t.Errorf("%s: the last snippet has no end", doc)
	}
	return list
}

// bare is text without indentation.
func bare(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line) + "\n")
	}
	return b.String()
}

func read(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
