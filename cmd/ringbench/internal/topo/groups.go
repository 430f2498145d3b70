package topo

import "slices"

// entity is a row and a column of the drawing: a CPU, or all CPUs of a group.
type entity struct {
	label string // short
	cpus  []int
}

// level is one way to group the CPUs.
type level struct {
	name     string // in the plural
	entities []entity
}

// levels lists the ways to group the CPUs, the finest first, each with fewer groups than
// the one before and with two at least.
func levels(m *Machine) []level {
	single := level{name: "CPUs"}
	for _, c := range m.CPUs {
		single.entities = append(single.entities, entity{itoa(c.ID), []int{c.ID}})
	}
	out := []level{single}
	for _, g := range []struct {
		name string
		of   func(CPU) int
	}{
		{"cores", func(c CPU) int { return c.Core }},
		{"L2 caches", func(c CPU) int { return c.L2 }},
		{"L3 caches", func(c CPU) int { return c.L3 }},
		{"NUMA nodes", func(c CPU) int { return c.Node }},
		{"sockets", func(c CPU) int { return c.Package }},
	} {
		l, ok := group(m, g.name, g.of)
		if n := len(l.entities); ok && n > 1 && n < len(out[len(out)-1].entities) {
			out = append(out, l)
		}
	}
	return out
}

// group groups the CPUs; false where the system does not say of all of them where they belong.
func group(m *Machine, name string, of func(CPU) int) (level, bool) {
	l := level{name: name}
	at := map[int]int{}
	for _, c := range m.CPUs {
		key := of(c)
		if key == unknown {
			return l, false
		}
		i, ok := at[key]
		if !ok {
			i = len(l.entities)
			at[key] = i
			l.entities = append(l.entities, entity{label: itoa(i)})
		}
		l.entities[i].cpus = append(l.entities[i].cpus, c.ID)
	}
	for _, e := range l.entities {
		slices.Sort(e.cpus)
	}
	return l, true
}

// cells returns the median over the measured pairs between each two entities, or within
// one; 0 where none was measured.
func (d *Document) cells(l level) [][]float64 {
	at := map[int]int{}
	for i, e := range l.entities {
		for _, id := range e.cpus {
			at[id] = i
		}
	}
	n := len(l.entities)
	all := make([][][]float64, n)
	out := make([][]float64, n)
	for i := range all {
		all[i], out[i] = make([][]float64, n), make([]float64, n)
	}
	for _, p := range d.Pairs {
		i, j := at[p.A], at[p.B]
		all[i][j] = append(all[i][j], p.OneWay.Median)
		if i != j {
			all[j][i] = append(all[j][i], p.OneWay.Median)
		}
	}
	for i := range all {
		for j, values := range all[i] {
			if len(values) > 0 {
				out[i][j] = SpreadOf(values).Median
			}
		}
	}
	return out
}
