package peers_test

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// PROGRAM.md shows some messages of streams, for those who write another program.
func TestProgramShowsPayloads(t *testing.T) {
	text, err := os.ReadFile("PROGRAM.md")
	must(t, err)
	for _, k := range []struct {
		s   stream
		seq uint64
	}{
		{stream{0, 12, 24}, 0}, {stream{0, 12, 24}, 1}, {stream{1, 0, 40}, 7}, {stream{3, 0, 11}, 2}, {stream{^uint64(0), 30, 30}, 1 << 40},
	} {
		b := k.s.message(k.seq, make([]byte, k.s.max))
		line := fmt.Sprintf("| %d | %d:%d | %d | `%x` |\n", k.s.seed, k.s.min, k.s.max, k.seq, b)
		if !strings.Contains(string(text), line) {
			t.Errorf("PROGRAM.md does not have the line\n%s", line)
		}
	}
}
