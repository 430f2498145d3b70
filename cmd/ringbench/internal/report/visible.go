package report

import (
	"strconv"
	"strings"
	"unicode"
)

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
