package typeset

import "testing"

func TestVisible(t *testing.T) {
	for in, want := range map[string]string{
		"ring \"a\": gone; it's äß €": "ring \"a\": gone; it's äß €",
		"a\x1b[2J\r\n\tb":             `a\x1b[2J\r\n\tb`,
		"a\u009b31mb\u202ec\x7f":      `a\u009b31mb\u202ec\x7f`,
		"a\xffb\x00":                  "a\uFFFDb\\x00",
	} {
		if got := Visible(in); got != want {
			t.Errorf("%q: expected %s, found %s", in, want, got)
		}
	}
}
