package tidy

import (
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
)

const maxLines = 300

// top is what may lie at the top of the tree, beside dotfiles.
var top = []string{
	"go.mod", "go.sum", "README.md", "LICENSE", "cmd", "docs", "futex", "internal", "ring", "seqlock", "shm",
}

// source is a Go file of the tree.
type source struct {
	path string
	text string
	*ast.File
}

func (s source) imports(pkg string) bool {
	return slices.ContainsFunc(s.Imports, func(i *ast.ImportSpec) bool { return i.Path.Value == `"`+pkg+`"` })
}

// isTest also takes in the packages that hold tests for others to run.
func (s source) isTest() bool { return strings.HasSuffix(s.path, "_test.go") || s.imports("testing") }

// sources returns the tree's Go files, without generated ones.
func sources(t *testing.T) []source {
	t.Helper()
	list, err := parsed()
	if err != nil {
		t.Fatal(err)
	}
	return slices.Clone(list) // tests strike out what does not concern them
}

var parsed = sync.OnceValues(func() (list []source, err error) {
	fset := token.NewFileSet()
	root := os.DirFS("../..")
	err = fs.WalkDir(root, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && name != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata") {
			return fs.SkipDir
		}
		if d.IsDir() || path.Ext(name) != ".go" {
			return nil
		}
		b, err := fs.ReadFile(root, name)
		if err != nil {
			return err
		}
		f, err := parser.ParseFile(fset, name, b, parser.ParseComments)
		if err != nil {
			return err
		}
		if !ast.IsGenerated(f) {
			list = append(list, source{name, string(b), f})
		}
		return nil
	})
	if err == nil && len(list) < 50 {
		err = fmt.Errorf("only %d files found: is this the module's tree?", len(list))
	}
	return list, err
})

// Pointer arithmetic is in files that say so.
func TestUnsafe(t *testing.T) {
	for _, s := range sources(t) {
		ok := strings.Contains(path.Base(s.path), "_unsafe") || strings.HasPrefix(s.path, "internal/layout/")
		if s.imports("unsafe") && !ok {
			t.Errorf("%s imports unsafe: move that part to a file named *_unsafe.go", s.path)
		}
	}
}

func TestLength(t *testing.T) {
	for _, s := range sources(t) {
		if n := strings.Count(s.text, "\n"); n > maxLines && !s.isTest() {
			t.Errorf("%s has %d lines, at most %d: one concern a file", s.path, n, maxLines)
		}
	}
}

func TestNothingLeftToDo(t *testing.T) {
	marks := []string{"TO" + "DO", "FIX" + "ME", "XX" + "X"}
	for _, s := range sources(t) {
		for _, group := range s.Comments {
			for _, c := range group.List {
				for _, m := range marks {
					if slices.Contains(strings.FieldsFunc(c.Text, func(r rune) bool {
						return !('A' <= r && r <= 'Z' || 'a' <= r && r <= 'z' || r == '_')
					}), m) {
						t.Errorf("%s: a comment says %s: do it, or say what is so", s.path, m)
					}
				}
			}
		}
	}
}

func TestPackageDocs(t *testing.T) {
	documented := map[string]bool{}
	for _, s := range sources(t) {
		if strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		dir := path.Dir(s.path)
		documented[dir] = documented[dir] || s.Doc != nil && len(s.Doc.Text()) > 0
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no file says what the package is: write doc.go", dir)
		}
	}
}

func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir("../..")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".") && !slices.Contains(top, e.Name()) && !ignored(e.Name()) {
			t.Errorf("%s does not belong at the top of the tree", e.Name())
		}
	}
}

// ignored tells whether .gitignore lists a name of the top directory.
func ignored(name string) bool {
	b, err := os.ReadFile("../../.gitignore")
	if err != nil {
		return false
	}
	for line := range strings.Lines(string(b)) {
		pattern := strings.Trim(strings.TrimSpace(line), "/")
		if ok, err := path.Match(pattern, name); err == nil && ok {
			return true
		}
	}
	return false
}
