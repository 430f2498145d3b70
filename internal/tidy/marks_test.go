package tidy

import (
	"go/ast"
	"os"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	mark  = regexp.MustCompile(`^//\s*(\[[A-Z][0-9]\])`)
	marks = regexp.MustCompile(`\[[A-Z][0-9]\]`)
	code  = regexp.MustCompile("`([^`]+)`")
)

// Each mark in the code, which is what a comment begins with, as [P1], stands in a
// function that memory-order.md names under that mark, by its receiver too where a
// package has several of the name; and no mark is explained that stands nowhere.
func TestMarks(t *testing.T) {
	const doc = "docs/spec/memory-order.md"
	named := namedUnder(t, "../../"+doc)
	list := slices.DeleteFunc(sources(t), source.isTest)
	receivers := map[string][]string{} // of a package's functions of one name
	for _, s := range list {
		for _, f := range functions(s) {
			key := path.Dir(s.path) + "." + f.Name.Name
			receivers[key] = append(receivers[key], receiver(f))
		}
	}
	found := map[string]bool{}
	for _, s := range list {
		for _, group := range s.Comments {
			for _, c := range group.List {
				begin := mark.FindStringSubmatch(c.Text)
				if begin == nil {
					continue
				}
				m := begin[1]
				found[m] = true
				f := around(s, c)
				if f == nil {
					t.Errorf("%s: %s stands outside of functions", s.path, m)
					continue
				}
				name := f.Name.Name
				full := strings.TrimPrefix(receiver(f)+"."+name, ".")
				alone := len(receivers[path.Dir(s.path)+"."+name]) == 1
				if !slices.Contains(named[m], full) && !(alone && slices.Contains(named[m], name)) {
					t.Errorf("%s: %s has the mark %s; name it in %s under %s", s.path, full, m, doc, m)
				}
			}
		}
	}
	for m := range named {
		if !found[m] {
			t.Errorf("%s explains %s, which marks nothing", doc, m)
		}
	}
	if len(named) < 6 {
		t.Errorf("%s explains %d marks only", doc, len(named))
	}
}

// namedUnder returns what a text names as code under the heading of each mark,
// a method as Type.Name.
func namedUnder(t *testing.T, file string) map[string][]string {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	named := map[string][]string{}
	var under []string
	for line := range strings.Lines(string(b)) {
		if strings.HasPrefix(line, "#") {
			under = marks.FindAllString(line, -1)
		}
		for _, c := range code.FindAllStringSubmatch(line, -1) {
			for _, m := range under {
				named[m] = append(named[m], strings.NewReplacer("(*", "", ")", "").Replace(c[1]))
			}
		}
	}
	return named
}

func functions(s source) (list []*ast.FuncDecl) {
	for _, d := range s.Decls {
		if f, ok := d.(*ast.FuncDecl); ok {
			list = append(list, f)
		}
	}
	return list
}

// around is the function in whose text, or on whose last line, a comment stands.
func around(s source, c *ast.Comment) *ast.FuncDecl {
	for _, f := range functions(s) {
		after := c.Pos() - s.FileStart
		end := f.End() - s.FileStart
		if c.Pos() > f.Pos() && (c.Pos() < f.End() || !strings.Contains(s.text[end:after], "\n")) {
			return f
		}
	}
	return nil
}

// receiver is the type that f is a method of, without star and parameters.
func receiver(f *ast.FuncDecl) string {
	if f.Recv == nil {
		return ""
	}
	e := f.Recv.List[0].Type
	for {
		switch x := e.(type) {
		case *ast.StarExpr:
			e = x.X
		case *ast.IndexExpr:
			e = x.X
		case *ast.IndexListExpr:
			e = x.X
		case *ast.Ident:
			return x.Name
		default:
			return ""
		}
	}
}
