package topo

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// unknown stands for a group that the system does not tell.
const unknown = -1

// CPU is one logical CPU. The groups that it belongs to are named by their lowest CPU,
// whether that is allowed or not, the NUMA node by its number; -1 where the system does not say.
type CPU struct {
	ID      int `json:"cpu"`
	Core    int `json:"core"`
	L2      int `json:"l2"`
	L3      int `json:"l3"`
	Node    int `json:"node"`
	Package int `json:"package"`
}

// Machine is what the system says about the allowed CPUs.
type Machine struct {
	CPUs   []CPU  `json:"cpus"`   // neighbours beside each other: by package, node, L3, L2, core
	Line   int    `json:"line"`   // bytes of a cache line
	Stride int    `json:"stride"` // bytes that keep two writers apart: what the prefetcher fetches together
	Source string `json:"source"` // where the groups are from: "sysfs", "" for nowhere
	CPUID  CPUID  `json:"cpuid"`
	First  int    `json:"first"` // the CPU that Caches are of
	Caches []Size `json:"caches"`
}

// CPUID is what the processor says of itself; 0 or "" where it says nothing.
type CPUID struct {
	Model      string `json:"model"`
	Hypervisor string `json:"hypervisor"`
	Physical   int    `json:"physical_cores"`
	Threads    int    `json:"threads_per_core"`
	Logical    int    `json:"logical_cores"`
}

// Size is one cache and who has a part in it.
type Size struct {
	Level int    `json:"level"`
	Type  string `json:"type"` // as the kernel says: "Data", "Instruction", "Unified"
	Size  string `json:"size"` // as the kernel says: "32K"
	CPUs  string `json:"cpus"`
}

// Relation says how two CPUs lie to each other, the nearest first.
type Relation int

// The relations.
const (
	SameCore Relation = iota
	SameL2
	SameL3
	SameNode
	SamePackage
	OtherPackage
	Unknown
	relations = iota
)

var relationNames = [relations]string{
	"one core (SMT)", "one L2", "one L3", "one NUMA node", "one socket", "two sockets", "unknown",
}

func (r Relation) String() string { return relationNames[r] }

// MarshalText writes the relation's name.
func (r Relation) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// Between tells how a and b lie to each other.
func Between(a, b CPU) Relation {
	same := func(x, y int) bool { return x == y && x != unknown }
	switch {
	case same(a.Core, b.Core):
		return SameCore
	case same(a.L2, b.L2):
		return SameL2
	case same(a.L3, b.L3):
		return SameL3
	case a.Package == unknown || b.Package == unknown:
		return Unknown
	case a.Package != b.Package:
		return OtherPackage
	case same(a.Node, b.Node):
		return SameNode
	}
	return SamePackage
}

// UnmarshalText reads what MarshalText writes.
func (r *Relation) UnmarshalText(b []byte) error {
	i := slices.Index(relationNames[:], string(b))
	if i < 0 {
		return fmt.Errorf("expected a relation out of %s, found %q", strings.Join(relationNames[:], ", "), b)
	}
	*r = Relation(i)
	return nil
}

// find returns the CPU with that number.
func (m *Machine) find(id int) CPU {
	i := slices.IndexFunc(m.CPUs, func(c CPU) bool { return c.ID == id })
	if i < 0 {
		return CPU{ID: id, Core: unknown, L2: unknown, L3: unknown, Node: unknown, Package: unknown}
	}
	return m.CPUs[i]
}

// order puts neighbours beside each other.
func (m *Machine) order() {
	slices.SortFunc(m.CPUs, func(a, b CPU) int {
		return cmp.Or(cmp.Compare(a.Package, b.Package), cmp.Compare(a.Node, b.Node), cmp.Compare(a.L3, b.L3),
			cmp.Compare(a.L2, b.L2), cmp.Compare(a.Core, b.Core), cmp.Compare(a.ID, b.ID))
	})
}

// numbers lists the CPUs in the order of their numbers.
func (m *Machine) numbers() []int {
	var list []int
	for _, c := range m.CPUs {
		list = append(list, c.ID)
	}
	slices.Sort(list)
	return list
}
