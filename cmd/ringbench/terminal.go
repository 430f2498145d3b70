package main

import (
	"io"
	"os"
	"strconv"
	"strings"

	"golang.org/x/term"

	"annulus/cmd/ringbench/internal/topo"
)

// plainWidth is how wide a terminal is that does not say.
const plainWidth = 80

// isTerminal tells whether w leads to a terminal.
func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}

// terminalOf returns how wide the terminal is where w leads, 0 where there is none, and
// whether it is to have colours.
func terminalOf(w io.Writer) (width int, colour bool) {
	if !isTerminal(w) {
		return 0, false
	}
	width, _, err := term.GetSize(int(w.(*os.File).Fd()))
	if err != nil || width == 0 {
		width = plainWidth
	}
	return width, os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}

// columns is how wide a line on w may be: as the terminal is, else as COLUMNS says, else 0: any width.
func columns(w io.Writer) int {
	if width, _ := terminalOf(w); width > 0 {
		return width
	}
	n, err := strconv.Atoi(os.Getenv("COLUMNS"))
	if err != nil || n < 1 {
		return 0
	}
	return n
}

// drawable tells whether w is a terminal that can be drawn on.
func drawable(w io.Writer) bool {
	name := os.Getenv("TERM")
	return name != "" && name != "dumb" && isTerminal(w)
}

// lookOf says how topo draws on w: in ASCII where the locale is not of UTF-8.
func lookOf(w io.Writer) topo.Look {
	look := topo.Look{Width: columns(w), ASCII: !unicodeLocale()}
	if look.Width == 0 {
		look.Width = plainWidth
	}
	_, look.Colour = terminalOf(w)
	return look
}

// unicodeLocale tells whether characters may be in UTF-8: the locale says so, or there is none.
func unicodeLocale() bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if v := os.Getenv(name); v != "" {
			v = strings.ToLower(v)
			return strings.Contains(v, "utf-8") || strings.Contains(v, "utf8")
		}
	}
	return true
}
