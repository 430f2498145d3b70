package doctor

import (
	"strings"
	"unicode/utf8"
)

// wrap writes text in lines of at most Width columns, broken between words only: a word
// that is longer has a line of its own. Without a width it is one line.
func (s Style) wrap(b *strings.Builder, first, next, text string) {
	if s.Width <= 0 {
		b.WriteString(first + text + "\n")
		return
	}
	line, empty := first, true
	for _, word := range strings.Fields(text) {
		if !empty && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > s.Width {
			b.WriteString(line + "\n")
			line, empty = next, true
		}
		if !empty {
			line += " "
		}
		line += word
		empty = false
	}
	b.WriteString(line + "\n")
}
