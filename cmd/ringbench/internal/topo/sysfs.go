package topo

import (
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"annulus/internal/cpu"

	"github.com/klauspost/cpuid/v2"
)

// Here reads this machine's topology, of the given CPUs.
func Here(cpus []int) *Machine {
	m := Read(os.DirFS("/sys/devices/system"), cpus)
	m.Line, m.Stride = cpu.CacheLine(), cpu.Stride()
	m.CPUID = CPUID{
		Model: strings.TrimSpace(cpu.Name()), Hypervisor: cpuid.CPU.HypervisorVendorString,
		Physical: cpuid.CPU.PhysicalCores, Threads: cpuid.CPU.ThreadsPerCore, Logical: cpuid.CPU.LogicalCores,
	}
	return m
}

// Read reads the topology of the given CPUs out of a tree such as /sys/devices/system.
// What the tree does not say is unknown: containers and other systems have none.
func Read(tree fs.FS, cpus []int) *Machine {
	t := sysfs{tree}
	nodes := t.nodes()
	m := &Machine{}
	for i, id := range cpus {
		dir := fmt.Sprintf("cpu/cpu%d/", id)
		c := CPU{
			ID: id, L2: unknown, L3: unknown, Node: unknown,
			Core:    lowest(t.list(dir+"topology/core_cpus_list", dir+"topology/thread_siblings_list")),
			Package: lowest(t.list(dir+"topology/package_cpus_list", dir+"topology/core_siblings_list")),
		}
		if n, ok := nodes[id]; ok {
			c.Node = n
		}
		for _, s := range t.caches(dir + "cache") {
			if i == 0 {
				m.First, m.Caches = id, append(m.Caches, s)
			}
			shared, err := cpu.ParseList(s.CPUs)
			if err != nil || s.Type == "Instruction" {
				continue
			}
			switch s.Level {
			case 2:
				c.L2 = lowest(shared)
			case 3:
				c.L3 = lowest(shared)
			}
		}
		if c.Core != unknown || c.Package != unknown || c.L3 != unknown {
			m.Source = "sysfs"
		}
		m.CPUs = append(m.CPUs, c)
	}
	m.order()
	return m
}

func lowest(list []int) int {
	if len(list) == 0 {
		return unknown
	}
	return slices.Min(list)
}

// sysfs reads small files of a tree.
type sysfs struct{ fs.FS }

func (t sysfs) text(name string) string {
	b, err := fs.ReadFile(t.FS, name)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(b))
}

// list reads the first of the files that holds a list: newer kernels have other names.
func (t sysfs) list(names ...string) []int {
	for _, name := range names {
		if list, err := cpu.ParseList(t.text(name)); err == nil {
			return list
		}
	}
	return nil
}

func (t sysfs) caches(dir string) (out []Size) {
	entries, err := fs.ReadDir(t.FS, dir)
	if err != nil {
		return nil
	}
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), "index") {
			continue
		}
		at := dir + "/" + e.Name() + "/"
		level, err := strconv.Atoi(t.text(at + "level"))
		if err != nil {
			continue
		}
		out = append(out, Size{Level: level, Type: t.text(at + "type"), Size: t.text(at + "size"), CPUs: t.text(at + "shared_cpu_list")})
	}
	return out
}

// nodes says in which NUMA node each CPU lies.
func (t sysfs) nodes() map[int]int {
	of := map[int]int{}
	entries, err := fs.ReadDir(t.FS, "node")
	if err != nil {
		return of
	}
	for _, e := range entries {
		digits, ok := strings.CutPrefix(e.Name(), "node")
		n, err := strconv.Atoi(digits)
		if !ok || err != nil {
			continue
		}
		for _, id := range t.list("node/" + e.Name() + "/cpulist") {
			of[id] = n
		}
	}
	return of
}
