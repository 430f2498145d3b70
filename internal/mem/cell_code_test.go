package mem_test

import (
	"runtime"
	"strings"
	"testing"

	"annulus/internal/race"
	_ "annulus/seqlock" // what is disassembled: go test must notice its changes
)

const cellTypes = "go.shape.uint64 go.shape.[8]uint64 go.shape.[25]uint64"

// TestCellCode holds the compiler to the order that cells need, which their
// plain copies have from it alone: odd, payload, even for the writer; state,
// payload, state again for the reader.
func TestCellCode(t *testing.T) {
	if runtime.GOARCH != "amd64" || race.Enabled {
		t.Skip("only on amd64 without -race are the copies ordered by the compiler alone")
	}
	blocks := archive(t, "annulus/seqlock")
	cells := archive(t, "annulus/internal/mem/testdata/cells")
	holdWriter(t, blocks, "annulus/seqlock.(*BlockWriter).Write")
	holdReader(t, blocks, "annulus/seqlock.(*BlockReader).Load", "loadSlow")
	holdReader(t, blocks, "annulus/seqlock.(*BlockReader).attempt", "")
	for _, shape := range strings.Fields(cellTypes) {
		holdWriter(t, cells, "annulus/seqlock.(*Writer["+shape+"]).Write")
		holdReader(t, cells, "annulus/seqlock.(*Reader["+shape+"]).LoadTo", "loadSlow")
		holdReader(t, cells, "annulus/seqlock.(*Reader["+shape+"]).attempt", "")
	}
}

func plain(i inst) bool { return i.op() == "MOVQ" || i.op() == "INCQ" || i.op() == "ADDQ" }

func never(inst) bool { return false }

func holdWriter(t *testing.T, archive, symbol string) {
	t.Helper()
	announce, publish := within(t, "order_amd64.go", "Announce"), within(t, "publish_amd64.go", "Publish")
	inline, length := within(t, "torn_unsafe.go", "WriteTorn"), within(t, "publish_amd64.go", "Prepare")
	odd := func(i inst) bool { return announce(i) && i.toMemory() && !strings.Contains(i.target(), "(SP)") }
	even := func(i inst) bool {
		return publish(i) && i.toMemory() && !strings.Contains(i.target(), "(SP)") &&
			!strings.Contains(i.text, "$0x1,") && !strings.Contains(i.text, "$0x0,") // those are to busy
	}
	payload := func(i inst) bool {
		return inline(i) && i.toMemory() && !strings.Contains(i.target(), "(SP)") || length(i) && i.toMemory() ||
			i.calls("WriteTornBytes") || i.calls("writeGreat") || i.calls("runtime.memmove")
	}
	t.Run(symbol, func(t *testing.T) {
		code := disassemble(t, archive, symbol)
		begin, copies, end := where(code, odd), where(code, payload), where(code, even)
		if len(begin) != 1 || len(copies) == 0 || len(end) != 1 {
			t.Fatalf("%d stores announce, %d copy, %d publish, want 1, some, 1:\n%s", len(begin), len(copies), len(end), listing(code))
		}
		for _, i := range []int{begin[0], end[0]} {
			if !plain(code[i]) {
				t.Errorf("%q, want a plain store", code[i].text)
			}
		}
		for _, i := range where(code, inst.locked) {
			t.Errorf("%s:%d: %q on the hot path", code[i].file, code[i].line, code[i].text)
		}
		for _, i := range reach(code, []int{0}, odd) {
			if payload(i) || even(i) {
				t.Errorf("%q can be reached without the announcement", i.text)
			}
		}
		for _, i := range reach(code, end, never) {
			if payload(i) || odd(i) {
				t.Errorf("%q can follow the publish", i.text)
			}
		}
		for _, i := range reach(code, begin, even) {
			if i.op() == "RET" {
				t.Errorf("a way out at %#x behind the announcement passes by the publish", i.addr)
			}
		}
	})
}

// holdReader looks at one attempt; slow is what else may be called behind it.
func holdReader(t *testing.T, archive, symbol, slow string) {
	t.Helper()
	load, again := within(t, "ptr_unsafe.go", "Load"), within(t, "order_amd64.go", "Recheck")
	inline := within(t, "torn_unsafe.go", "ReadTorn")
	recheck := func(i inst) bool { return again(i) && strings.HasPrefix(i.op(), "MOV") }
	payload := func(i inst) bool {
		return inline(i) && strings.HasPrefix(i.op(), "MOV") && strings.Contains(i.text, "(") && !i.toMemory() ||
			i.calls("runtime.memmove")
	}
	out := func(i inst) bool { return recheck(i) || slow != "" && i.calls(slow) }
	t.Run(symbol, func(t *testing.T) {
		code := disassemble(t, archive, symbol)
		copies, checks := where(code, payload), where(code, recheck)
		if len(copies) == 0 || len(checks) == 0 {
			t.Fatalf("%d loads copy, %d check, want some:\n%s", len(copies), len(checks), listing(code))
		}
		for _, i := range reach(code, []int{0}, load) {
			if payload(i) {
				t.Errorf("%q comes before state is loaded", i.text)
			}
		}
		for _, i := range reach(code, checks, never) {
			if payload(i) {
				t.Errorf("%q can follow the check", i.text)
			}
		}
		for _, i := range reach(code, copies, out) {
			if i.op() == "RET" {
				t.Errorf("a way out at %#x behind the copy passes by the check", i.addr)
			}
		}
		for _, i := range where(code, inst.locked) {
			t.Errorf("%s:%d: %q on the hot path", code[i].file, code[i].line, code[i].text)
		}
	})
}
