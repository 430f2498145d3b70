package peers_test

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"annulus/internal/layout"
	"annulus/internal/testutil"
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

func vectorOfClaims() vector {
	return vector{
		name:     "mpmc-claims",
		shape:    layout.Shape{Kind: layout.KindSlots, Topology: layout.TopologyMPMC, Capacity: 8, SlotSize: 24, Variable: true, Members: vectorMembers},
		required: layout.FeatureRedeliver,
		fill:     fillMany,
		want:     []string{"skip at=8", say(9, letters(9)), say(10, letters(10)), "claimed at=11", say(12, letters(12)), "end at=13"},
		messages: []string{letters(9), letters(10), letters(12), letters(6), letters(7)},
		handed:   2,
	}
}

// A peer makes the vector byte for byte.
func TestPeerWritesVectorOfClaims(t *testing.T) {
	inEach(t, "mpmc vector", func(t *testing.T, l program) {
		path := filepath.Join(t.TempDir(), "ring")
		p := start(t, l.peer(t, "create", path, "--mpmc", "--redeliver", "--size", "24", "--capacity", "8", "--members", fmt.Sprint(vectorMembers)))
		if err := p.End(); err != nil && strings.Contains(p.Complaints(), "not supported here") {
			testutil.Absent(t, "no unnamed files in %s", filepath.Dir(path))
		}
		p.Done()
		expect(t, start(t, l.peer(t, "vector", path)).Done(), "made")
		b, err := os.ReadFile(path)
		must(t, err)
		g, _, err := layout.Decode(b, uint64(len(b)))
		must(t, err)
		if g.Stride != 128 {
			t.Skipf("it makes lines of %d bytes here", g.Stride)
		}
		vectorOfClaims().compare(t, impersonal(b, g))
	})
}
