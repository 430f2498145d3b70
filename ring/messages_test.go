package ring_test

import (
	"errors"
	"strings"
	"testing"

	"annulus/ring"
)

// Errors of bad choices say what was expected, what was found and what to do, in one line
// and in words.
func TestChoicesInWords(t *testing.T) {
	for want, config := range map[string]ring.Config{
		"Kind is bytes, but a ring of topology MPMC is of kind slots; leave Kind out":         {Topology: ring.MPMC, Kind: ring.Bytes},
		"Kind is slots, but a ring of topology MPSC ordered is of kind bytes; leave Kind out": {Topology: ring.MPSCOrdered, Kind: ring.Slots, SlotSize: 8},
		"Kind is slots, but a ring of topology broadcast is of kind bytes; leave Kind out":    {Topology: ring.Broadcast, Kind: ring.Slots, SlotSize: 8},
		"Kind is 9, want Bytes or Slots":                                                                                                  {Kind: 9},
		"Topology is 9, want SPSC, MPMC, MPSC, MPSCOrdered or Broadcast":                                                                  {Topology: 9},
		"Members is 4, but a ring of topology SPSC has one producer and one consumer; leave it out":                                       {Members: 4},
		"Members is 1, want from 2 to 4096":                                                                                               {Topology: ring.MPSC, Members: 1},
		"Overrun is 7, want OverrunOverwrite, OverrunBlock or OverrunDrop":                                                                {Topology: ring.Broadcast, Overrun: 7},
		"Overrun is block in a ring of topology MPSC; overwrite, block and drop are for broadcast rings; leave it out":                    {Topology: ring.MPSC, Overrun: ring.OverrunBlock},
		"Redeliver is for MPMC rings; each consumer of a broadcast ring receives everything, nothing is handed on; leave it out":          {Topology: ring.Broadcast, Redeliver: true},
		"Redeliver is for MPMC rings; what the one consumer of a ring of topology SPSC has not released, the next one receives anyway; l": {Redeliver: true},
	} {
		if err := config.Validate(); !errors.Is(err, ring.ErrGeometry) || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "\n") {
			t.Errorf("%v, want one line with %q", err, want)
		}
	}
	for want, s := range map[string]interface{ String() string }{"default": ring.Kind(0), "default ": ring.Topology(0), "none": ring.Overrun(0)} {
		if s.String() != strings.TrimSpace(want) {
			t.Errorf("the zero %T is %q, want %q", s, s, want)
		}
	}
}

func TestCallsInWords(t *testing.T) {
	r, err := ring.New(ring.Config{})
	must(t, err)
	closing(t, r)
	says := func(err, is error, want ...string) {
		t.Helper()
		for _, w := range want {
			if !errors.Is(err, is) || !strings.Contains(err.Error(), w) {
				t.Errorf("%v, want a %v with %q", err, is, w)
			}
		}
	}
	_, err = ring.NewProducerOf[uint64](r)
	says(err, ring.ErrMismatch, "it is of kind bytes, want slots of uint64", "use Ring.Producer")
	_, err = r.Producer(ring.WithTag(3))
	says(err, errors.ErrUnsupported, "WithTag is for the producers of MPMC and MPSC rings, not for a producer of topology SPSC", "leave it out")
	_, err = r.Consumer(ring.WithBacklog())
	says(err, errors.ErrUnsupported, "WithBacklog is for the consumers of broadcast rings, not for a consumer of topology SPSC", "leave it out")
	p, err := r.Producer()
	must(t, err)
	says(p.Commit(1), ring.ErrNotReserved, "Reserve first")
	_, err = p.TryReserve(8)
	must(t, err)
	says(p.TrySend(nil), ring.ErrReserved, "Commit, Stage or Abort it first")
}
