package doctor

import (
	"fmt"
	"io"
	"strings"

	"annulus/cmd/ringbench/internal/typeset"
)

// Style is how a report is printed.
type Style struct {
	Color   bool
	Width   int  // columns to wrap at; 0: each text is a line
	Verbose bool // also why what is fine matters
}

// groups are printed in this order.
var groups = []struct {
	verdict Verdict
	title   string
	color   string // of ANSI: SGR parameters
}{
	{Breaks, "will break", "1;31"},
	{Costs, "costs latency, or limits something", "1;33"},
	{Unknown, "not to be seen from here", "1;36"},
	{OK, "fine", "1;32"},
}

// Print writes a report for people.
func (r *Report) Print(w io.Writer, s Style) error {
	b := &strings.Builder{}
	b.WriteString(typeset.Wrap(r.Machine, "", "", s.Width))
	for _, g := range groups {
		if *r.count(g.verdict) == 0 {
			continue
		}
		b.WriteString("\n" + s.paint(g.color, fmt.Sprintf("%s (%d)", g.title, *r.count(g.verdict))) + "\n")
		for _, f := range r.Findings {
			if f.Verdict == g.verdict {
				f.print(b, s, g.color)
			}
		}
	}
	fmt.Fprintf(b, "\n")
	b.WriteString(typeset.Wrap(fmt.Sprintf("%d will break, %d cost latency or limit something, %d not to be seen, %d fine; nothing was changed", r.Breaks, r.Costs, r.Unknown, r.OK), "", "", s.Width))
	_, err := io.WriteString(w, b.String())
	return err
}

func (f Finding) print(b *strings.Builder, s Style, color string) {
	const indent, deeper = "  ", "    "
	plain := typeset.Wrap(f.Check+": "+f.Found, indent, deeper, s.Width)
	// Painted behind the wrapping, which counts columns. The name is in the first line.
	b.WriteString(strings.Replace(plain, f.Check+":", s.paint(color, f.Check)+":", 1))
	if f.Verdict == OK && !s.Verbose {
		return
	}
	b.WriteString(typeset.Wrap("why: "+f.Why, deeper, deeper+"     ", s.Width))
	if f.Do != "" {
		b.WriteString(typeset.Wrap("do: "+f.Do, deeper, deeper+"     ", s.Width))
	}
	for _, c := range f.Commands { // never wrapped: they are to be copied
		b.WriteString(deeper + "     $ " + c + "\n")
	}
}

func (s Style) paint(color, text string) string {
	if !s.Color {
		return text
	}
	return "\x1b[" + color + "m" + text + "\x1b[0m"
}

// Script writes the commands that the findings advise, what breaks first, each with
// what it is for.
func (r *Report) Script(w io.Writer) error {
	b := &strings.Builder{}
	b.WriteString("#!/bin/sh\n# What ringbench doctor advises on this machine. Read it before you run it, most of it as root;\n# nothing was changed. What a ulimit sets holds for this shell and what it starts.\n")
	for _, g := range groups {
		for _, f := range r.Findings {
			if f.Verdict != g.verdict || len(f.Commands) == 0 {
				continue
			}
			fmt.Fprintf(b, "\n# %s (%v): %s\n# %s\n", f.Check, f.Verdict, harmless(f.Found), harmless(f.Do))
			for _, c := range f.Commands {
				b.WriteString(c + "\n")
			}
		}
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// harmless keeps a name that somebody else has chosen from ending a comment.
func harmless(s string) string {
	return strings.Map(func(c rune) rune {
		if c < ' ' || c == 0x7f {
			return '?'
		}
		return c
	}, s)
}
