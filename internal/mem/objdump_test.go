package mem_test

import (
	"bufio"
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"annulus/internal/testutil"
)

// inst is one machine instruction as go tool objdump shows it.
type inst struct {
	file string // of the innermost inlined call
	line int
	addr uint64
	text string // as "MOVQ CX, 0(DI)(DX*1)"
	next []int  // where it may lead, as indices
}

func (i inst) op() string { op, _, _ := strings.Cut(i.text, " "); return op }

// target is the last operand, where amd64 instructions of Plan 9 style write.
func (i inst) target() string {
	_, operands, _ := strings.Cut(i.text, " ")
	return operands[strings.LastIndex(operands, ",")+1:]
}

func (i inst) toMemory() bool { return strings.Contains(i.target(), "(") }

func (i inst) calls(name string) bool {
	return i.op() == "CALL" && strings.Contains(i.text, name)
}

func (i inst) locked() bool {
	return strings.HasPrefix(i.text, "XCHG") && i.toMemory() || strings.HasPrefix(i.text, "LOCK") ||
		strings.HasPrefix(i.text, "XADD") || strings.HasPrefix(i.text, "CMPXCHG") || strings.Contains(i.op(), "FENCE")
}

func TestMain(m *testing.M) { testutil.Main(m, nil, nil) }

// archive compiles a package as every build does, without -race or coverage.
func archive(t *testing.T, pkg string) string {
	t.Helper()
	return testutil.Build(t, filepath.Base(pkg)+".a", func(out string) *exec.Cmd {
		return exec.Command("go", "build", "-race=false", "-cover=false", "-gcflags=", "-o", out, pkg)
	})
}

// disassemble returns the code of one function with its flow.
func disassemble(t *testing.T, archive, symbol string) []inst {
	t.Helper()
	pattern := "^" + strings.NewReplacer("(", `\(`, ")", `\)`, "*", `\*`, ".", `\.`, "[", `\[`, "]", `\]`).Replace(symbol) + "$"
	b, err := exec.Command("go", "tool", "objdump", "-s", pattern, archive).Output()
	if err != nil {
		t.Fatalf("objdump: %v", err)
	}
	var code []inst
	for s := bufio.NewScanner(bytes.NewReader(b)); s.Scan(); {
		f := strings.Fields(s.Text())
		if len(f) < 4 {
			continue
		}
		file, line, _ := strings.Cut(f[0], ":")
		n, err1 := strconv.Atoi(line)
		addr, err2 := strconv.ParseUint(f[1], 0, 64)
		if err1 != nil || err2 != nil {
			continue
		}
		code = append(code, inst{file: file, line: n, addr: addr, text: strings.Join(f[3:], " ")})
	}
	if len(code) == 0 {
		t.Fatalf("%s is not in the archive", symbol)
	}
	for i := range code {
		link(code, i)
	}
	return code
}

// link finds where an instruction leads.
func link(code []inst, i int) {
	op := code[i].op()
	if strings.HasPrefix(op, "J") {
		addr, err := strconv.ParseUint(strings.Fields(code[i].text)[1], 0, 64)
		if j := slices.IndexFunc(code, func(c inst) bool { return c.addr == addr }); err == nil && j >= 0 {
			code[i].next = append(code[i].next, j)
		}
		if op == "JMP" {
			return
		}
	}
	if op == "RET" || op == "UD2" || code[i].calls("runtime.panic") || code[i].calls("runtime.goPanic") {
		return
	}
	if i+1 < len(code) {
		code[i].next = append(code[i].next, i+1)
	}
}

// reach returns what can be executed behind the instructions from, without
// passing one that stops.
func reach(code []inst, from []int, stop func(inst) bool) []inst {
	seen := make([]bool, len(code))
	var found []inst
	for todo := slices.Clone(from); len(todo) > 0; {
		i := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, j := range code[i].next {
			if seen[j] {
				continue
			}
			seen[j] = true
			if !stop(code[j]) {
				found = append(found, code[j])
				todo = append(todo, j)
			}
		}
	}
	return found
}

// where returns the indices of the instructions that f picks.
func where(code []inst, f func(inst) bool) []int {
	var at []int
	for i := range code {
		if f(code[i]) {
			at = append(at, i)
		}
	}
	return at
}

// within picks the instructions of an inlined function of this package.
func within(t *testing.T, file, name string) func(inst) bool {
	t.Helper()
	fset := token.NewFileSet()
	f, err := parser.ParseFile(fset, file, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range f.Decls {
		if fn, ok := d.(*ast.FuncDecl); ok && fn.Name.Name == name {
			first, last := fset.Position(fn.Pos()).Line, fset.Position(fn.End()).Line
			return func(i inst) bool { return i.file == file && i.line >= first && i.line <= last }
		}
	}
	t.Fatalf("no function %s in %s", name, file)
	return nil
}
