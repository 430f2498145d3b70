package model

import (
	"fmt"
	"hash/maphash"
	"strings"
)

// Model is a transition system. S holds one state whole: shared memory, every
// process's registers, and the ghosts that the checks need. Its zero bytes
// count: two states are one only if ==.
type Model[S comparable] struct {
	Name string
	Init S
	// Next calls emit for each step that is possible in s.
	Next func(s *S, emit func(Step, *S))
	// Wrong says what is wrong in s; "" if nothing is.
	Wrong func(s *S) string
	// Final tells whether everything that lives in s has reached its goal.
	Final func(s *S) bool
}

// Step is one atomic step, for traces.
type Step struct {
	Who, What string
	// Env: nobody may rely on this step, a death or an attach. It is taken like
	// any other, but progress must be possible without.
	Env bool
}

// Result is what a search found.
type Result struct {
	Name   string
	States int
	Edges  int
	Depth  int // longest of the shortest ways to a state
	Finals int
	// Violation is "" or what is wrong at the end of Trace, the shortest way to
	// such a state.
	Violation string
	Trace     []string
}

func (r Result) String() string {
	s := fmt.Sprintf("%s: %d states, %d edges, depth %d, %d final", r.Name, r.States, r.Edges, r.Depth, r.Finals)
	if r.Violation == "" {
		return s + ": nothing wrong, none stuck"
	}
	return fmt.Sprintf("%s: %s\n  %s", s, r.Violation, strings.Join(r.Trace, "\n  "))
}

// search is a search under way. States are numbered in the order they are found,
// breadth first, so that the first wrong one has the shortest trace.
type search[S comparable] struct {
	model  *Model[S]
	states chunks[S]
	parent chunks[uint32]
	seed   maphash.Seed
	table  []uint64 // open addressing: half the hash of a state, and its number + 1
	from   []uint32 // per state, where its edges begin in to
	to     []uint32 // edges that progress may rely on
}

// Search visits all states of m, but gives up beyond limit, with a violation
// that says so. Then it looks for states from which no final state can be reached
// though nobody else dies: stuck ones.
func Search[S comparable](m *Model[S], limit int) Result {
	x := &search[S]{model: m, seed: maphash.MakeSeed(), table: make([]uint64, 1<<12)}
	r := Result{Name: m.Name}
	x.add(&m.Init, 0)
	finals := []uint32(nil)
	level := 1 // states up to here are of depth r.Depth
	for i := 0; i < x.states.n; i++ {
		if i == level {
			r.Depth++
			level = x.states.n
		}
		s := *x.states.at(i)
		if r.Violation = m.Wrong(&s); r.Violation != "" {
			return x.end(r, i)
		}
		if m.Final(&s) {
			finals = append(finals, uint32(i))
		}
		x.from = append(x.from, uint32(len(x.to)))
		m.Next(&s, func(step Step, t *S) {
			r.Edges++
			j := x.add(t, uint32(i))
			if !step.Env && j != uint32(i) {
				x.to = append(x.to, j)
			}
		})
		if x.states.n > limit {
			r.Violation = fmt.Sprintf("more than %d states", limit)
			r.States = x.states.n
			return r
		}
	}
	r.Finals = len(finals)
	if i, stuck := x.stuck(finals); stuck > 0 {
		r.Violation = fmt.Sprintf("stuck (%d such states)", stuck)
		return x.end(r, i)
	}
	r.States = x.states.n
	return r
}

// add returns the number of state s, a new one if it was not seen before.
func (x *search[S]) add(s *S, parent uint32) uint32 {
	hash := maphash.Comparable(x.seed, *s) << 32
	mask := uint64(len(x.table) - 1)
	i := hash >> 32 & mask
	// States lie far apart in memory: only those of the same hash are looked at.
	for ; x.table[i] != 0; i = (i + 1) & mask {
		if n := uint32(x.table[i]) - 1; x.table[i]&^(1<<32-1) == hash && *x.states.at(int(n)) == *s {
			return n
		}
	}
	n := uint32(x.states.n)
	x.table[i] = hash | uint64(n+1)
	x.states.add(s)
	x.parent.add(&parent)
	if x.states.n > len(x.table)/2 {
		x.grow()
	}
	return n
}

func (x *search[S]) grow() {
	old := x.table
	x.table = make([]uint64, 2*len(old))
	mask := uint64(len(x.table) - 1)
	for _, e := range old {
		if e == 0 {
			continue
		}
		i := e >> 32 & mask
		for x.table[i] != 0 {
			i = (i + 1) & mask
		}
		x.table[i] = e
	}
}

// stuck counts the states from which no final one can be reached and returns the
// first: it walks the edges backwards from the final ones.
func (x *search[S]) stuck(finals []uint32) (first, count int) {
	n := x.states.n
	x.from = append(x.from, uint32(len(x.to)))
	// The edges turned round, sorted by where they lead.
	start := make([]uint32, n+1)
	for _, t := range x.to {
		start[t+1]++
	}
	for i := range n {
		start[i+1] += start[i]
	}
	back, next := make([]uint32, len(x.to)), append([]uint32(nil), start...)
	for i := range n {
		for _, t := range x.to[x.from[i]:x.from[i+1]] {
			back[next[t]] = uint32(i)
			next[t]++
		}
	}
	good := make([]bool, n)
	todo := finals
	for _, f := range finals {
		good[f] = true
	}
	for len(todo) > 0 {
		t := todo[len(todo)-1]
		todo = todo[:len(todo)-1]
		for _, i := range back[start[t]:start[t+1]] {
			if !good[i] {
				good[i] = true
				todo = append(todo, i)
			}
		}
	}
	first = -1
	for i, ok := range good {
		if !ok {
			if count == 0 {
				first = i
			}
			count++
		}
	}
	return first, count
}

// end completes a result whose violation is state i, with the way there.
func (x *search[S]) end(r Result, i int) Result {
	r.States = x.states.n
	for i != 0 {
		up := int(*x.parent.at(i))
		name := "?"
		s := *x.states.at(up)
		x.model.Next(&s, func(step Step, t *S) {
			if *t == *x.states.at(i) && name == "?" {
				name = step.Who + ": " + step.What
			}
		})
		r.Trace = append(r.Trace, name)
		i = up
	}
	for i, j := 0, len(r.Trace)-1; i < j; i, j = i+1, j-1 {
		r.Trace[i], r.Trace[j] = r.Trace[j], r.Trace[i]
	}
	return r
}

// chunks is a list that never moves its elements.
type chunks[T any] struct {
	list [][]T
	n    int
}

const chunk = 1 << 12

func (c *chunks[T]) at(i int) *T { return &c.list[i/chunk][i%chunk] }

func (c *chunks[T]) add(v *T) {
	if c.n%chunk == 0 {
		c.list = append(c.list, make([]T, chunk))
	}
	*c.at(c.n) = *v
	c.n++
}
