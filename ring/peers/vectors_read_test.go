package peers_test

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
)

// A consumer in Go gets from each vector what was sent.
func TestGoReadsVectors(t *testing.T) {
	for _, v := range vectors() {
		t.Run(v.name, func(t *testing.T) {
			r, err := ring.OpenFile(copyOf(t, v.path()))
			must(t, err)
			defer r.Close()
			var opts []ring.EndpointOption
			if v.shape.Topology == layout.TopologyCast {
				opts = append(opts, ring.WithBacklog())
			}
			c := consumer(t, r, opts...)
			var got []string
			for range v.count() {
				m, err := c.Recv(patient(t), nil)
				must(t, err)
				got = append(got, received(m, c.Redelivered()))
			}
			v.check(t, got)
			end := map[bool]error{true: io.EOF, false: ring.ErrEmpty}[v.end]
			if _, err := c.TryRecv(nil); err != end {
				t.Errorf("behind the last message: %v, want %v", err, end)
			}
		})
	}
}

// received is a message in the words of peer cat.
func received(payload []byte, redelivered int) string {
	line := fmt.Sprintf("message length=%d payload=%x", len(payload), payload)
	if redelivered > 0 {
		line += fmt.Sprintf(" redelivered=%d", redelivered)
	}
	return line
}

// count is how many messages a consumer gets.
func (v vector) count() (n int) {
	n = len(v.messages)
	for _, lane := range v.lanes {
		n += len(lane)
	}
	return n
}

// check holds what a consumer got, in the words of peer cat, against the vector.
func (v vector) check(t *testing.T, got []string) {
	t.Helper()
	streams := append([][]string{v.messages}, v.lanes...)
	for _, line := range got {
		i := slices.IndexFunc(streams, func(s []string) bool {
			return len(s) > 0 && received([]byte(s[0]), 0) == strings.TrimSuffix(line, " redelivered=1")
		})
		if i < 0 {
			t.Fatalf("got %s; due are %q", line, streams)
		}
		if handed := i == 0 && len(streams[0]) <= v.handed; handed != strings.HasSuffix(line, " redelivered=1") {
			t.Errorf("%s: redelivered, want %t", line, handed)
		}
		streams[i] = streams[i][1:]
	}
	for _, s := range streams {
		if len(s) > 0 {
			t.Errorf("missing: %q", s)
		}
	}
}
