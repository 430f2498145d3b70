package main

import (
	"io"
	"os"
	"strconv"
)

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
