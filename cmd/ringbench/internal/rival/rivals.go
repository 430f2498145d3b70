package rival

import (
	"fmt"

	"annulus/cmd/ringbench/internal/rig"
)

// Rival is one program.
type Rival struct {
	Name   string
	Source string // file name in the sources
	Wait   string // how an idle side waits

	cxx   bool
	kinds []rig.Kind
	sized bool // message size and capacity are compiled in
	fixed int  // the only size there is; 0: any
}

// All lists the rivals in the order of the tables.
var All = []*Rival{
	{Name: "boost", Source: "boost_spsc.cpp", Wait: "spin", cxx: true, sized: true, kinds: []rig.Kind{rig.Throughput, rig.RoundTrip}},
	{Name: "cflag", Source: "flag_pingpong.c", Wait: "spin", kinds: []rig.Kind{rig.RoundTrip}, fixed: 8},
	{Name: "cfutex", Source: "futex_pingpong.c", Wait: "futex", kinds: []rig.Kind{rig.RoundTrip}, fixed: 8},
	{Name: "cpipe", Source: "pipe_pingpong.c", Wait: "read(2)", kinds: []rig.Kind{rig.RoundTrip}},
}

// Vyukov is measured with many producers and consumers, by package crowd.
var Vyukov = &Rival{Name: "vyukov", Source: "vyukov_mpmc.cpp", Wait: "yield", cxx: true, sized: true}

// Peer is no rival but the ring's own peer in C, as a worker of package stress.
var Peer = &Rival{Name: "the peer in C", Source: "stress.c"}

// Find returns the rival of that name, or nil.
func Find(name string) *Rival {
	for _, r := range All {
		if r.Name == name {
			return r
		}
	}
	return nil
}

// Check tells whether the rival can be measured with p. The error says what it
// can do instead.
func (r *Rival) Check(p *rig.Params) error {
	ok := false
	for _, k := range r.kinds {
		ok = ok || k == p.Kind
	}
	switch {
	case !ok:
		return fmt.Errorf("expected a %[2]s for %[1]s, found a %[3]s", r.Name, r.kindNames(), p.Kind)
	case p.Count > 0:
		return fmt.Errorf("%s runs for a time: expected --duration, found --count", r.Name)
	case r.sized && p.Size%8 != 0:
		return fmt.Errorf("%s: expected a size that is a multiple of 8, found %d", r.Name, p.Size)
	}
	return nil
}

// Size is the message size of a run that was asked for with size: a rival that
// passes only a word says so.
func (r *Rival) Size(size int) int {
	if r.fixed > 0 {
		return r.fixed
	}
	return size
}

func (r *Rival) kindNames() string {
	s := ""
	for i, k := range r.kinds {
		if i > 0 {
			s += " and "
		}
		s += string(k)
	}
	return s
}
