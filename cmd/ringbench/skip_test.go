package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// What the other side cannot take is passed over, counted and reported, if that is asked for.
func TestSkip(t *testing.T) {
	name, path := ringName(t), filepath.Join(t.TempDir(), "out")
	long := strings.Repeat("x", 3000)
	status, _, text := callWith(t, []byte("a\n"+long+"\nbc\nd\n"), "produce", "--capacity", "4K", "--skip", "--stats", name)
	for _, want := range []string{"passed over: message 2: message too large: 3000 bytes", "sent 3 messages, 4 bytes in ", "; 1 were passed over\n"} {
		if status != 0 || !strings.Contains(text, want) {
			t.Errorf("exit status %d: %q, want %q", status, text, want)
		}
	}
	status, _, text = call("drain", "--stats", "--skip", "--framing", "fixed:1", name, "file:"+path)
	if status != 0 || !strings.Contains(text, "received 2 messages, 2 bytes in ") || !strings.Contains(text, "; 1 were passed over") {
		t.Errorf("exit status %d: %q", status, text)
	}
}
