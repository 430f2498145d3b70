package main

import (
	"io"
	"os"
	"strconv"
	"strings"

	"annulus/cmd/ringbench/internal/topo"

	"golang.org/x/sys/unix"
)

// plainWidth is how wide the drawing is where the terminal does not say.
const plainWidth = 80

// lookOf says how to draw on w: as wide as the terminal, in colours if it is one and
// NO_COLOR is not set, and in ASCII where the locale is not of UTF-8.
func lookOf(w io.Writer) topo.Look {
	look := topo.Look{Width: plainWidth, ASCII: !unicodeLocale()}
	if n, err := strconv.Atoi(os.Getenv("COLUMNS")); err == nil && n > 0 {
		look.Width = n
	}
	if width, colour := terminalOf(w); width > 0 {
		look.Width, look.Colour = width, colour
	}
	return look
}

// terminalOf returns how wide the terminal is where w leads, 0 where there is none, and
// whether it is to have colours.
func terminalOf(w io.Writer) (width int, colour bool) {
	f, ok := w.(*os.File)
	if !ok {
		return 0, false
	}
	size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ)
	if err != nil {
		return 0, false
	}
	if width = int(size.Col); width == 0 {
		width = plainWidth
	}
	return width, os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
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
