package main

import (
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// columns is how wide a line on w may be: as the terminal is, else as COLUMNS says, else 0: any width.
func columns(w io.Writer) int {
	if f, ok := w.(*os.File); ok {
		if size, err := unix.IoctlGetWinsize(int(f.Fd()), unix.TIOCGWINSZ); err == nil && size.Col > 0 {
			return int(size.Col)
		}
	}
	n, err := strconv.Atoi(os.Getenv("COLUMNS"))
	if err != nil || n < 1 {
		return 0
	}
	return n
}
