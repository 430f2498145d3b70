package tidy

import (
	"go/ast"
	"os"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

var (
	faultRow  = regexp.MustCompile(`(?m)^\| (\d+)\. .*$`)
	anyRow    = regexp.MustCompile(`(?m)^\| ([a-zA-Z][^|]*) \|.*$`)
	faultTest = regexp.MustCompile("([a-z/]+) `((?:Test|Fuzz)[A-Za-z0-9_]+)`")
	caseTest  = regexp.MustCompile(`^TestCase(\d\d)_[A-Za-z]+$`)
	pending   = regexp.MustCompile(`(?m)^pending: *([0-9,]*)$`)
)

// Every case of the fault list is in its table, and every other row, with tests that exist, but for those
// that it calls pending; and every test that is named after a case is in its row.
func TestFaults(t *testing.T) {
	const doc = "docs/operations/faults.md"
	b, err := os.ReadFile("../../" + doc)
	if err != nil {
		t.Fatal(err)
	}
	exist := map[string]bool{}
	var named []string // "package TestCaseNN_Name"
	for _, s := range sources(t) {
		if !strings.HasSuffix(s.path, "_test.go") {
			continue
		}
		for _, f := range functions(s) {
			if f.Recv == nil && isTestFunc(f) {
				full := path.Dir(s.path) + " " + f.Name.Name
				exist[full] = true
				if caseTest.MatchString(f.Name.Name) {
					named = append(named, full)
				}
			}
		}
	}
	var waiting []int
	if m := pending.FindSubmatch(b); m == nil {
		t.Errorf("%s has no line «pending: numbers»", doc)
	} else if len(m[1]) > 0 {
		for _, n := range strings.Split(string(m[1]), ",") {
			c, err := strconv.Atoi(n)
			if err != nil {
				t.Errorf("%s: pending: %q", doc, n)
			}
			waiting = append(waiting, c)
		}
	}
	rows := map[int]string{}
	for _, m := range faultRow.FindAllStringSubmatch(string(b), -1) {
		n, _ := strconv.Atoi(m[1])
		if rows[n] != "" {
			t.Errorf("%s has case %d twice", doc, n)
		}
		rows[n] = m[0]
	}
	var all []int
	for _, span := range [][2]int{{1, 28}, {44, 46}, {49, 52}} {
		for n := span[0]; n <= span[1]; n++ {
			all = append(all, n)
		}
	}
	for _, n := range all {
		tests := faultTest.FindAllStringSubmatch(rows[n], -1)
		switch {
		case rows[n] == "":
			t.Errorf("%s has no row for case %d", doc, n)
		case slices.Contains(waiting, n):
			if len(tests) > 0 {
				t.Errorf("%s: case %d has tests and is called pending", doc, n)
			}
		case len(tests) == 0:
			t.Errorf("%s: case %d has no test", doc, n)
		}
		for _, m := range tests {
			if full := m[1] + " " + m[2]; !exist[full] {
				t.Errorf("%s: case %d: there is no test %s", doc, n, full)
			}
		}
		delete(rows, n)
	}
	// Those of feeds and calls have no numbers.
	for _, row := range anyRow.FindAllStringSubmatch(string(b), -1) {
		if row[1] == "case" || row[1] == "fault" { // the head of a table
			continue
		}
		tests := faultTest.FindAllStringSubmatch(row[0], -1)
		if len(tests) == 0 {
			t.Errorf("%s: no test of: %s", doc, row[1])
		}
		for _, m := range tests {
			if full := m[1] + " " + m[2]; !exist[full] {
				t.Errorf("%s: %s: there is no test %s", doc, row[1], full)
			}
		}
	}
	for n := range rows {
		t.Errorf("%s has a case %d, which the list has not", doc, n)
	}
	for _, full := range named {
		pkg, name, _ := strings.Cut(full, " ")
		n, _ := strconv.Atoi(caseTest.FindStringSubmatch(name)[1])
		row := regexp.MustCompile(`(?m)^\| ` + strconv.Itoa(n) + `\. .*$`).FindString(string(b))
		if !strings.Contains(row, pkg+" `"+name+"`") && !slices.Contains(waiting, n) {
			t.Errorf("%s: case %d does not name %s", doc, n, full)
		}
	}
	if len(named) < 10 {
		t.Errorf("only %d tests are named after cases", len(named))
	}
}

func isTestFunc(f *ast.FuncDecl) bool {
	return strings.HasPrefix(f.Name.Name, "Test") || strings.HasPrefix(f.Name.Name, "Fuzz")
}
