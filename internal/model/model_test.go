package model

import (
	"strings"
	"testing"
)

// limit is the most states of one search: it bounds the memory.
const limit = 4e6

// holds fails the test unless nothing is wrong in m.
func holds[S comparable](t *testing.T, m *Model[S]) {
	t.Helper()
	if r := Search(m, limit); r.Violation != "" {
		t.Error(r)
	} else {
		t.Log(r)
	}
}

// caught fails the test unless the search finds m wrong, and says so by one of the
// words.
func caught[S comparable](t *testing.T, m *Model[S], words ...string) {
	t.Helper()
	r := Search(m, limit)
	for _, w := range words {
		if strings.HasPrefix(r.Violation, w) {
			t.Log(r)
			return
		}
	}
	t.Errorf("seeded bug not caught as %q: %v", words, r)
}
