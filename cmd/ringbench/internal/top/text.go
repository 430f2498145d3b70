package top

import (
	"fmt"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// brief prints a number in at most five places: 0, 9.5, 950, 12.3k, 1.23M.
func brief(v float64) string {
	switch {
	case v <= 0:
		return "0"
	case v < 9.95:
		return trimZero(fmt.Sprintf("%.1f", v))
	case v < 999.5:
		return fmt.Sprintf("%.0f", v)
	}
	for _, unit := range "kMGTP" {
		v /= 1000
		switch {
		case v < 9.995:
			return fmt.Sprintf("%.2f%c", v, unit)
		case v < 99.95:
			return fmt.Sprintf("%.1f%c", v, unit)
		case v < 999.5:
			return fmt.Sprintf("%.0f%c", v, unit)
		}
	}
	return ">999P"
}

func trimZero(s string) string { return strings.TrimSuffix(s, ".0") }

// binary prints a size that is mostly a power of two: 4K, 1M, 1.5G.
func binary(n uint64) string {
	unit, v := "", float64(n)
	for _, u := range []string{"K", "M", "G", "T", "P"} {
		if v < 1024 {
			break
		}
		v, unit = v/1024, u
	}
	return trimZero(fmt.Sprintf("%.1f", v)) + unit
}

// wide is how many columns of a terminal a text takes.
func wide(s string) int { return displaywidth.String(s) }

// clip cuts a text to a width, and marks that by ~ in its last column.
func clip(s string, width int) string {
	if wide(s) <= width {
		return s
	}
	if width <= 0 {
		return ""
	}
	var b strings.Builder
	n := 0
	for _, c := range s {
		w := wide(string(c))
		if n+w > width-1 {
			break
		}
		n += w
		b.WriteRune(c)
	}
	return b.String() + "~"
}

// pad clips a text and fills it up with blanks to a width.
func pad(s string, width int, right bool) string {
	s = clip(s, width)
	blanks := strings.Repeat(" ", max(0, width-wide(s)))
	if right {
		return blanks + s
	}
	return s + blanks
}
