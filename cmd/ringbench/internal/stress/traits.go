package stress

import (
	"strings"

	"annulus/ring"
)

// Traits are what of a topology matters to the harness: all that differs between
// kinds of ring stands here.
type Traits struct {
	Name                         string // on the command line
	Topology                     ring.Topology
	Default                      int // capacity, slots or bytes
	MostProducers, MostConsumers int // 0: any number

	slots bool // every place in the ring can be counted: see leaks
	table bool // there is an endpoint table: who claims what can be seen from outside
	lanes bool // each producer has a lane of its own
	tags  bool // a producer's successor learns how many messages took effect
	drops bool // unless it redelivers, what a killed consumer held is lost
	again bool // a killed consumer's last messages come again, without saying so
	casts bool // each consumer receives everything: see castVerdict
}

// Topologies lists the kinds of ring that can be put under stress.
var Topologies = []Traits{
	{Name: "mpmc", Topology: ring.MPMC, Default: 64, slots: true, table: true, tags: true, drops: true},
	{Name: "mpsc", Topology: ring.MPSC, MostConsumers: 1, Default: 4096, lanes: true, again: true},
	{Name: "mpsc-ordered", Topology: ring.MPSCOrdered, MostConsumers: 1, Default: 4096, table: true, tags: true, again: true},
	{Name: "spsc", Topology: ring.SPSC, MostProducers: 1, MostConsumers: 1, Default: 4096, again: true},
	{Name: "broadcast", Topology: ring.Broadcast, MostProducers: 1, Default: 4096, casts: true},
}

// Names lists what Topologies are called.
func Names() (names []string) {
	for _, t := range Topologies {
		names = append(names, t.Name)
	}
	return names
}

// Find returns the topology of that name.
func Find(name string) Traits {
	for _, t := range Topologies {
		if strings.EqualFold(t.Name, name) {
			return t
		}
	}
	return Topologies[0]
}
