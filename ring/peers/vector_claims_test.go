package peers_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
)

const vectorMembers = 5

// letters is message i of the vector of claims.
func letters(i int) string { return strings.Repeat(string(rune('a'+i)), 3*i%25) }

// fillMany leaves claims of all kinds in an MPMC ring of 8 slots; c/peer_vector.h does
// the same in C.
func fillMany(t *testing.T, r *ring.Ring) {
	t.Helper()
	p0, p1, c0, c1 := producer(t, r), producer(t, r), consumer(t, r), consumer(t, r)
	for i := range 8 {
		must(t, p0.TrySend([]byte(letters(i))))
	}
	must(t, recvN(c0, 6))
	reserve := func(p *ring.Producer, i int) []byte {
		b, err := p.TryReserve(len(letters(i)))
		must(t, err)
		copy(b, letters(i))
		return b
	}
	reserve(p0, 8)
	p0.Abort()
	for i := 9; i < 11; i++ {
		must(t, p1.Stage(len(reserve(p1, i))))
	}
	must(t, p1.Publish())
	reserve(p1, 11)
	must(t, p0.TrySend([]byte(letters(12))))
	for range 2 {
		_, err := c1.TryPeek()
		must(t, err)
	}
}

// impersonal makes zero what depends on process and hour, and what means nothing: a
// consumer's notes for a producer's successor.
func impersonal(b []byte, g layout.Geometry) []byte {
	h := layout.HeaderAt(b)
	h.BootID, h.CreatedNS, h.CreatorPID = [16]byte{}, 0, 0
	for i := range g.Members {
		m, h := layout.MemberAt(b, g.MemberArea, g.Stride, i), layout.HolderAt(b, g.MemberArea, g.Stride, i)
		h.PID, h.StartTime, h.Attached = 0, 0, 0
		if h.Role == layout.RoleConsumer {
			m.Base, m.Drawn = 0, 0
		}
	}
	return seal(b)
}

func vectorOfClaims(t *testing.T) vector {
	t.Helper()
	list := vectors()
	return list[slices.IndexFunc(list, func(v vector) bool { return v.many })]
}

// C makes the vector byte for byte.
func TestCWritesVectorOfClaims(t *testing.T) {
	path := filepath.Join(t.TempDir(), "ring")
	p := start(t, peer(t, "create", path, "--mpmc", "--redeliver", "--size", "24", "--capacity", "8", "--members", fmt.Sprint(vectorMembers)))
	if err := p.End(); err != nil && strings.Contains(p.Complaints(), "not supported here") {
		t.Skipf("no unnamed files in %s", filepath.Dir(path))
	}
	p.Done()
	expect(t, start(t, peer(t, "vector", path)).Done(), "made")
	b, err := os.ReadFile(path)
	must(t, err)
	g, _, err := layout.Decode(b, uint64(len(b)))
	must(t, err)
	if g.Stride != 128 {
		t.Skipf("C makes lines of %d bytes here", g.Stride)
	}
	vectorOfClaims(t).compare(t, impersonal(b, g))
}

// All that have claims in the vector are dead for whoever opens it: a consumer steps
// over what they had drawn and gets what they had in their hands.
func TestVectorOfClaims(t *testing.T) {
	want := []string{letters(9) + " 0", letters(10) + " 0", letters(12) + " 0", letters(6) + " 1", letters(7) + " 1"}
	t.Run("Go", func(t *testing.T) {
		r, err := ring.OpenFile(copyOf(t, vectorOfClaims(t).path()))
		must(t, err)
		defer r.Close()
		c := consumer(t, r)
		for _, w := range want {
			got, err := c.Recv(patient(t), nil)
			must(t, err)
			expect(t, fmt.Sprintf("%s %d", got, c.Redelivered()), w)
		}
	})
	t.Run("C", func(t *testing.T) {
		got := start(t, peer(t, "cat", copyOf(t, vectorOfClaims(t).path()), "--count", fmt.Sprint(len(want)))).Done()
		expect(t, got, strings.Join(want, "\n"))
	})
}
