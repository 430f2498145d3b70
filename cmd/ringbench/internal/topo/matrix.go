package topo

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"annulus/cmd/ringbench/internal/typeset"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Look says how to draw.
type Look struct {
	Width  int  // columns of the terminal
	Colour bool // with colours, beside the characters
	ASCII  bool // without characters beyond ASCII
}

// shades are the characters from the fastest to the slowest, tints the colours.
var (
	shades = [...]string{"·", "░", "▒", "▓", "█"}
	plain  = [...]string{".", ":", "+", "#", "@"}
	tints  = [...]int{28, 64, 136, 166, 160} // of 256, from green to red
)

const steps = len(shades)

// scale maps times to shades, in equal ratios from the least to the greatest.
type scale struct{ least, greatest float64 }

func scaleOf(cells [][]float64) scale {
	s := scale{least: math.Inf(1)}
	for _, row := range cells {
		for _, v := range row {
			if v > 0 {
				s.least, s.greatest = min(s.least, v), max(s.greatest, v)
			}
		}
	}
	return s
}

// alike: what differs by less is one shade.
const alike = 1.1

func (s scale) step(v float64) int {
	if s.greatest <= s.least*alike {
		return 0
	}
	return min(int(float64(steps)*math.Log(v/s.least)/math.Log(s.greatest/s.least)), steps-1)
}

// from is the least time of a step.
func (s scale) from(step int) float64 {
	return s.least * math.Pow(s.greatest/s.least, float64(step)/float64(steps))
}

// legend says what the shades mean.
func (s scale) legend(look Look) string {
	if s.greatest <= s.least*alike {
		return fmt.Sprintf("%s %.0f-%.0f ns", look.mark(0, look.shade(0)), s.least, s.greatest)
	}
	var parts []string
	for i := range steps {
		parts = append(parts, fmt.Sprintf("%s %.0f-%.0f", look.mark(i, look.shade(i)), s.from(i), s.from(i+1)))
	}
	return strings.Join(parts, ", ") + " ns"
}

func (l Look) shade(step int) string {
	if l.ASCII {
		return plain[step]
	}
	return shades[step]
}

// mark colours a text.
func (l Look) mark(step int, text string) string {
	if !l.Colour {
		return text
	}
	return fmt.Sprintf("\x1b[38;5;231;48;5;%dm%s\x1b[0m", tints[step], text)
}

// The widths of a cell: with the time, two characters, or one.
const (
	wideCell = 6
	pairCell = 2
	oneCell  = 1
)

// cellWidth returns the widest cells with which n columns and labels fit, 0 for none.
func cellWidth(l level, width int) int {
	room := width - l.labelWidth() - 1
	for _, w := range []int{wideCell, pairCell, oneCell} {
		if len(l.entities)*w <= room {
			return w
		}
	}
	return 0
}

func (l level) labelWidth() (n int) {
	for _, e := range l.entities {
		n = max(n, len(e.label))
	}
	return n
}

// matrix draws one level with cells of width w.
func (look Look) matrix(d *Document, l level, w int) string {
	cells := d.cells(l)
	s := scaleOf(cells)
	var b strings.Builder
	label := l.labelWidth()
	if w == wideCell {
		b.WriteString(strings.Repeat(" ", label))
		for _, e := range l.entities {
			fmt.Fprintf(&b, "%*s", w, e.label+" ")
		}
		b.WriteString("\n")
	} else { // the labels stand upright
		for row := range label {
			b.WriteString(strings.Repeat(" ", label+1))
			for _, e := range l.entities {
				upright := fmt.Sprintf("%*s", label, e.label)
				fmt.Fprintf(&b, "%*s", w, upright[row:row+1])
			}
			b.WriteString("\n")
		}
	}
	for i, e := range l.entities {
		fmt.Fprintf(&b, "%*s ", label, e.label)
		for j, v := range cells[i] {
			b.WriteString(look.cell(s, v, w, i == j && len(e.cpus) == 1))
		}
		b.WriteString("\n")
	}
	out := trimLines(b.String())
	return out + look.wrap(s.legend(look)+", one way")
}

// cell draws one: blank for a CPU with itself, "?" for what was not measured.
func (look Look) cell(s scale, v float64, w int, self bool) string {
	switch {
	case self:
		return strings.Repeat(" ", w)
	case v == 0:
		return fmt.Sprintf("%*s", w, map[bool]string{true: "? ", false: "?"}[w == wideCell])
	}
	step := s.step(v)
	shade := look.shade(step)
	if w != wideCell {
		return look.mark(step, strings.Repeat(shade, w))
	}
	return look.mark(step, fmt.Sprintf("%s%4.0f", shade, v)) + " "
}

func trimLines(s string) string {
	var b strings.Builder
	for line := range strings.Lines(s) {
		b.WriteString(strings.TrimRight(line, " \n") + "\n")
	}
	return b.String()
}

// wrap breaks a text into lines that fit.
func (l Look) wrap(text string) string { return typeset.Wrap(text, "", "", l.Width) }
