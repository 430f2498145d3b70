package topo

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"time"
)

// Pair is two CPUs that pass a line to each other.
type Pair struct {
	A, B     int
	Relation Relation
}

// Plan says which pairs are measured, how often and how long.
type Plan struct {
	Pairs  []Pair
	All    int           // pairs there are
	Rounds int           // each pair is measured so often, all pairs in turn
	Slice  time.Duration // for so long each time
}

const (
	leastSlice = 300 * time.Microsecond // two dozen samples
	moving     = 100 * time.Microsecond // what moving two threads takes, about
	leastRound = 5
	mostRounds = 25
)

// NewPlan plans the measurement of all pairs within the budget, or where that is too
// short, of a sample: of every relation, of every group of CPUs (L3, or what is known
// in its place) with every other, first one pair each, then more, as many as there is time for.
func NewPlan(m *Machine, budget time.Duration) Plan {
	var p Plan
	for i, a := range m.CPUs {
		for _, b := range m.CPUs[i+1:] {
			p.Pairs = append(p.Pairs, Pair{min(a.ID, b.ID), max(a.ID, b.ID), Between(a, b)})
		}
	}
	p.All = len(p.Pairs)
	if p.All == 0 {
		return p
	}
	limit := max(int(budget/(leastRound*(leastSlice+moving))), 1)
	if p.All > limit {
		p.Pairs = sample(m, p.Pairs, limit)
	}
	n := time.Duration(len(p.Pairs))
	p.Rounds = min(max(int(budget/(n*10*time.Millisecond)), leastRound), mostRounds)
	p.Slice = max(budget/(n*time.Duration(p.Rounds))-moving, leastSlice)
	return p
}

// sample returns limit of the pairs, spread over relations and groups.
func sample(m *Machine, pairs []Pair, limit int) []Pair {
	type bucket struct {
		r    Relation
		a, b int
	}
	type ranked struct {
		Pair
		inBucket int // how many of its bucket are before it
		bucket   int // how many buckets of its relation are
	}
	group := func(id int) int {
		c := m.find(id)
		for _, g := range []int{c.L3, c.Node, c.Package} {
			if g != unknown {
				return g
			}
		}
		return unknown
	}
	random := rand.New(rand.NewPCG(1, 2)) // the same sample each time
	random.Shuffle(len(pairs), func(i, j int) { pairs[i], pairs[j] = pairs[j], pairs[i] })
	seen := map[bucket]int{}
	number := map[bucket]int{}
	buckets := map[Relation]int{}
	var list []ranked
	for _, p := range pairs {
		k := bucket{p.Relation, group(p.A), group(p.B)}
		if seen[k] == 0 {
			number[k] = buckets[p.Relation]
			buckets[p.Relation]++
		}
		list = append(list, ranked{p, seen[k], number[k]})
		seen[k]++
	}
	slices.SortStableFunc(list, func(x, y ranked) int {
		return cmp.Or(cmp.Compare(x.inBucket, y.inBucket), cmp.Compare(x.bucket, y.bucket), cmp.Compare(x.Relation, y.Relation))
	})
	out := make([]Pair, 0, limit)
	for _, r := range list[:min(limit, len(list))] {
		out = append(out, r.Pair)
	}
	slices.SortFunc(out, func(x, y Pair) int { return cmp.Or(cmp.Compare(x.A, y.A), cmp.Compare(x.B, y.B)) })
	return out
}
