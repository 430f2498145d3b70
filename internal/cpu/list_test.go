package cpu

import "testing"

func TestList(t *testing.T) {
	for in, want := range map[string]string{"0-3,8": "0-3,8", "5\n": "5", "8,0-1,1,2": "0-2,8", "7-7": "7"} {
		list, err := ParseList(in)
		if got := FormatList(list); err != nil || got != want {
			t.Errorf("%q became %q, %v; want %q", in, got, err, want)
		}
	}
	for _, in := range []string{"", "a", "3-1", "-1", "1,", "0-99999999", "1-2-3"} {
		if list, err := ParseList(in); err == nil {
			t.Errorf("%q became %v without an error", in, list)
		}
	}
}
