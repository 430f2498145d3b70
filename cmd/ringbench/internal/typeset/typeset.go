// Package typeset makes text fit for a line, a table or a terminal.
package typeset

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// OneLine is the text of an error, that of joined ones too, in one line.
func OneLine(err error) string { return Visible(strings.ReplaceAll(err.Error(), "\n", "; ")) }

// Visible is a text in one line for a terminal: what somebody else has put into a name, and
// an error repeats, moves no cursor and ends no line. Each such character stands there as
// Go writes it.
func Visible(s string) string {
	var b strings.Builder
	for _, c := range s {
		if unicode.IsPrint(c) {
			b.WriteRune(c)
			continue
		}
		b.WriteString(strings.Trim(strconv.QuoteRuneToASCII(c), "'"))
	}
	return b.String()
}

// FirstLine is the first line of what a program has said: that of a panic says most.
func FirstLine(s string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(s), "\n")
	return line
}

// Plural is "1 ring" or "2 rings".
func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Printable quotes a name that would spoil a table or a terminal.
func Printable(s string) string {
	odd := func(c rune) bool {
		return !unicode.IsPrint(c) || unicode.IsSpace(c) || c == '"' || c == unicode.ReplacementChar
	}
	if strings.ContainsFunc(s, odd) {
		return strconv.Quote(s)
	}
	return s
}

// Wrap breaks a text into lines of at most width columns, between words only: a longer word has a line of
// its own. Colours take no column. The first line begins with first, the others with next. With a width of 0 it is one line; no
// text is no line.
func Wrap(text, first, next string, width int) string {
	words := strings.Fields(text)
	switch {
	case len(words) == 0:
		return ""
	case width <= 0:
		return first + text + "\n"
	}
	var b strings.Builder
	line, used := first+words[0], columns(first+words[0])
	for _, word := range words[1:] {
		n := columns(word)
		if used+1+n > width {
			b.WriteString(line + "\n")
			line, used = next+word, columns(next)+n
			continue
		}
		line += " " + word
		used += 1 + n
	}
	return b.String() + line + "\n"
}

func columns(s string) int { return utf8.RuneCountInString(Bare(s)) }

// Bare is a text without its colours.
func Bare(s string) string {
	for {
		i := strings.Index(s, "\x1b[")
		if i < 0 {
			return s
		}
		end := strings.IndexByte(s[i:], 'm')
		if end < 0 {
			return s
		}
		s = s[:i] + s[i+end+1:]
	}
}
