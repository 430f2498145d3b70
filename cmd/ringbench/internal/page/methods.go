package page

import (
	"cmp"
	"fmt"
	"slices"

	"annulus/cmd/ringbench/internal/report"
)

// families is the order of the legend; what belongs to none of them comes last, as "other".
var families = []string{"ring", "memory", "pipe", "socket", "queue", "signal", "file", "in process", "rival", "other"}

// method is what a line or bar stands for: a transport, in one way of using it.
type method struct {
	Label  string `json:"label"`
	Family int    `json:"family"` // index of families
	Nth    int    `json:"nth"`    // of its family
}

// identity tells methods apart.
type identity struct {
	family, transport, wait, topology string
	batch, processes                  int
}

func identityOf(r report.Result) identity {
	return identity{familyOf(r), r.Transport, r.Wait, r.Topology, r.Batch, r.Processes}
}

func familyOf(r report.Result) string {
	if slices.Contains(families, r.Family) {
		return r.Family
	}
	return "other"
}

// methods are those of a document, in the order of the legend.
type methods struct {
	list []method
	at   map[identity]int
}

func methodsOf(results []report.Result) methods {
	var ids []identity
	for _, r := range results {
		if id := identityOf(r); !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	slices.SortStableFunc(ids, func(a, b identity) int {
		return cmp.Compare(slices.Index(families, a.family), slices.Index(families, b.family))
	})
	m := methods{list: []method{}, at: map[identity]int{}}
	nth := map[string]int{}
	for i, id := range ids {
		m.at[id] = i
		m.list = append(m.list, method{label(id, ids), slices.Index(families, id.family), nth[id.family]})
		nth[id.family]++
	}
	return m
}

func (m methods) of(r report.Result) int { return m.at[identityOf(r)] }

// label is the transport, and of the rest what tells it from others on the same transport.
func label(id identity, all []identity) string {
	s := id.transport
	differs := func(field func(identity) any) bool {
		return slices.ContainsFunc(all, func(o identity) bool {
			return o.transport == id.transport && field(o) != field(id)
		})
	}
	if differs(func(i identity) any { return i.wait }) && id.wait != "" {
		s += ", " + id.wait
	}
	if differs(func(i identity) any { return i.topology }) {
		s += ", " + id.topology
	}
	if differs(func(i identity) any { return i.batch }) {
		s += fmt.Sprintf(", batch %d", id.batch)
	}
	if differs(func(i identity) any { return i.processes }) {
		s += fmt.Sprintf(", %d processes", id.processes)
	}
	if differs(func(i identity) any { return i.family }) {
		s += ", " + id.family
	}
	return s
}
