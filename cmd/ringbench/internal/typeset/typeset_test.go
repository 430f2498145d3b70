package typeset

import (
	"errors"
	"testing"
)

func TestLines(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{OneLine(errors.Join(errors.New("a"), errors.New("b"))), "a; b"},
		{FirstLine("\n panic: x\ngoroutine 1"), "panic: x"},
		{FirstLine(""), ""},
		{Plural(1, "ring"), "1 ring"},
		{Plural(0, "ring"), "0 rings"},
		{Printable("ticks-1"), "ticks-1"},
		{Printable("a b\x1b"), `"a b\x1b"`},
		{Printable("\xff"), `"\xff"`},
		{Wrap("", "", "", 40), ""},
		{Wrap("a  b", "- ", "", 0), "- a  b\n"},
		{Wrap("one two three", "- ", "  ", 9), "- one two\n  three\n"},
		{Wrap("incomprehensible x", "", " ", 4), "incomprehensible\n x\n"},
		{Wrap("\x1b[1;31mab\x1b[0m cd ef", "", "", 5), "\x1b[1;31mab\x1b[0m cd\nef\n"},
		{Bare("\x1b[38;5;231;48;5;28mx\x1b[0m·"), "x·"},
		{Bare("\x1b[3"), "\x1b[3"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
