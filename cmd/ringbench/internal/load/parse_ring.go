package load

import (
	"fmt"
	"math"
	"path/filepath"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"

	"annulus/cmd/ringbench/internal/stress"
	"annulus/futex"
	"annulus/internal/layout"
	"annulus/ring"
)

// Words that name what a ring can be.
var (
	backings = []string{"memfd", "shm", "file"}
	kinds    = []string{"bytes", "slots"}
	overruns = []string{ring.OverrunOverwrite.String(), ring.OverrunBlock.String(), ring.OverrunDrop.String()}
)

// Waits are the ways to wait for processes that find each other by a ring's name: nobody hands them eventfds.
func Waits() []string {
	return slices.DeleteFunc(futex.Names(), func(s string) bool { return s == "eventfd" })
}

func (x *parser) ring(k, n *yaml.Node) {
	r := &Ring{Name: x.name(k), Wait: "adaptive", Backing: "memfd"}
	c := &r.Config
	c.Topology = ring.SPSC
	x.given[r] = x.mapping(n, "a ring", map[string]field{
		"topology": func(v *yaml.Node) { c.Topology = stress.Find(x.one(v, stress.Names())).Topology },
		"kind": func(v *yaml.Node) {
			if c.Kind = ring.Bytes; x.one(v, kinds) == "slots" {
				c.Kind = ring.Slots
			}
		},
		"capacity":  func(v *yaml.Node) { c.Capacity = value(&x.reader, v, ParseSize) },
		"slots":     func(v *yaml.Node) { c.Capacity = x.count(v, 2, 1<<30) },
		"slot-size": func(v *yaml.Node) { c.SlotSize = value(&x.reader, v, ParseSize) },
		"members":   func(v *yaml.Node) { c.Members = x.count(v, 1, layout.MaxMembers) },
		"redeliver": func(v *yaml.Node) { c.Redeliver = x.bool(v) },
		"overrun": func(v *yaml.Node) {
			c.Overrun = ring.OverrunOverwrite + ring.Overrun(slices.Index(overruns, x.one(v, overruns)))
		},
		"wait":    func(v *yaml.Node) { r.Wait = x.one(v, Waits()) },
		"backing": func(v *yaml.Node) { r.Backing = x.one(v, backings) },
		"at":      func(v *yaml.Node) { r.At = x.text(v, "a name, or the path of a file") },
	})
	if r.Backing == "file" && r.At != "" && !filepath.IsAbs(r.At) {
		r.At = filepath.Join(x.dir, r.At)
	}
	x.lines[r] = k.Line
	x.p.Rings = append(x.p.Rings, r)
}

// completeRing sets what was not given and refuses what does not go together.
func (x *parser) completeRing(r *Ring) {
	c, line, given := &r.Config, x.lines[r], x.given[r]
	topology := traits(r)
	if c.Kind == 0 {
		if c.Kind = ring.Bytes; c.Topology == ring.MPMC || given["slots"] > 0 || given["slot-size"] > 0 {
			c.Kind = ring.Slots
		}
	}
	if c.Kind == ring.Slots && c.SlotSize == 0 {
		c.SlotSize = 64
	}
	if c.Kind == ring.Slots && c.Capacity == 0 {
		c.Capacity = ring.DefaultSlots
	}
	producers, consumers := x.p.users(r.Name)
	for _, k := range []struct {
		key  string
		ok   bool
		with string
	}{
		{"slots", c.Kind == ring.Slots, "kind: slots"}, {"slot-size", c.Kind == ring.Slots, "kind: slots"},
		{"capacity", c.Kind == ring.Bytes, "kind: bytes (kind: slots has slots)"},
		{"redeliver", c.Topology == ring.MPMC, "topology: mpmc"}, {"overrun", c.Topology == ring.Broadcast, "topology: broadcast"},
		{"members", c.Topology != ring.SPSC, "a topology of many"}, {"at", r.Backing != "memfd", "backing: shm or file"},
	} {
		if given[k.key] > 0 && !k.ok {
			x.wrong(given[k.key], k.key+" only with "+k.with, k.key+" of ring "+r.Name)
		}
	}
	for _, side := range []struct {
		name    string
		n, most int
	}{{"producer", producers, topology.MostProducers}, {"consumer", consumers, topology.MostConsumers}} {
		switch {
		case side.n == 0:
			x.wrong(line, "a "+side.name+" of ring "+r.Name, "none")
		case side.most > 0 && side.n > side.most:
			x.wrong(line, fmt.Sprintf("at most %d %s of ring %s, whose topology is %s", side.most, side.name, r.Name, topology.Name), strconv.Itoa(side.n))
		}
	}
	if r.Wait == "semaphore" && c.Topology != ring.SPSC {
		x.wrong(given["wait"], "another wait, for peers that share a side sleep on futexes", "semaphore")
	}
	x.members(c, producers, consumers, given["members"])
	if err := c.Validate(); err != nil {
		x.wrong(line, "a ring that can be made", err.Error())
	}
	whole, err := ring.New(*c)
	if err != nil {
		x.wrong(line, "a ring that can be made", err.Error())
	}
	r.most = whole.Config().MaxMessage
	whole.Close()
}

// members makes room for all processes, and for successors of those that were killed: the
// place of a dead one is free once what it has left is settled.
func (x *parser) members(c *ring.Config, producers, consumers, line int) {
	need := producers + consumers
	switch c.Topology {
	case ring.SPSC:
		return
	case ring.MPSC:
		need = producers
	case ring.Broadcast:
		need = consumers
	}
	if c.Members == 0 {
		c.Members = need + 2
	} else if c.Members < need {
		x.wrong(line, fmt.Sprintf("members of at least %d, one for each process", need), strconv.Itoa(c.Members))
	}
}

// traits is what the topology of a ring means.
func traits(r *Ring) stress.Traits {
	i := slices.IndexFunc(stress.Topologies, func(t stress.Traits) bool { return t.Topology == r.Config.Topology })
	return stress.Topologies[i]
}

// fits tells whether a ring takes messages of from to to bytes; if not, what it takes.
func (r *Ring) fits(from, to int) (expected string, ok bool) {
	if r.Config.Kind == ring.Slots && r.Config.Topology != ring.MPMC {
		size := r.Config.SlotSize
		return fmt.Sprintf("messages of exactly %dB, the slot-size of ring %s", size, r.Name), from == size && to == size
	}
	return fmt.Sprintf("messages of at most %dB in ring %s", r.most, r.Name), to <= r.most && from <= math.MaxInt32
}
