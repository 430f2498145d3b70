package guide

import (
	"fmt"
	"go/doc/comment"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The Go in the documentation of package ring compiles. It is a sketch: it looks
// at no error and says "..." where a program goes on.
func TestPackageSnippets(t *testing.T) {
	pieces := sketches(t, "../../ring/doc.go")
	if len(pieces) < 2 {
		t.Fatalf("%d pieces of Go found, want a sender and a receiver at the least", len(pieces))
	}
	var program strings.Builder
	program.WriteString("package main\n\nimport (\n\t\"context\"\n\n\t\"annulus/ring\"\n)\n\nfunc main() {}\n")
	for i, p := range pieces {
		p = strings.ReplaceAll(p, "{ ... }", "{ _, _ = msg, err }")
		fmt.Fprintf(&program, "\nfunc piece%d(ctx context.Context) error {\n%s\nreturn err\n}\n", i, p)
	}
	name := filepath.Join(t.TempDir(), "pieces.go")
	if err := os.WriteFile(name, []byte(program.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-o", os.DevNull, name).CombinedOutput(); err != nil {
		t.Errorf("%v\n%s\n%s", err, out, program.String())
	}
}

// sketches returns the indented pieces of a package's documentation.
func sketches(t *testing.T, file string) (pieces []string) {
	t.Helper()
	f, err := parser.ParseFile(token.NewFileSet(), file, nil, parser.ParseComments|parser.PackageClauseOnly)
	if err != nil {
		t.Fatal(err)
	}
	var p comment.Parser
	for _, block := range p.Parse(f.Doc.Text()).Content {
		if code, ok := block.(*comment.Code); ok {
			pieces = append(pieces, strings.Split(strings.TrimSpace(code.Text), "\n\n")...)
		}
	}
	return pieces
}
