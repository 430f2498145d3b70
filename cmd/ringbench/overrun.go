package main

import "annulus/ring"

// overruns names what a broadcast ring can do with slow consumers.
var overruns = []string{ring.OverrunOverwrite.String(), ring.OverrunBlock.String(), ring.OverrunDrop.String()}

// feedable names the kinds of ring that produce and consume can create.
var feedable = []string{"spsc", "mpsc", "mpsc-ordered", "broadcast"}

// config is what is asked of the ring.
func (s *side) config() ring.Config {
	c := ring.Config{Capacity: s.capacity}
	for _, t := range []ring.Topology{ring.SPSC, ring.MPSC, ring.MPSCOrdered, ring.Broadcast} {
		if s.topology == topologyName(t) {
			c.Topology = t
		}
	}
	if s.overrun != "" {
		if c.Overrun = parseOverrun(s.overrun); s.topology == "" {
			c.Topology = ring.Broadcast
		}
	}
	return c
}

// parseOverrun returns the policy of a name out of overruns.
func parseOverrun(name string) ring.Overrun {
	for _, o := range []ring.Overrun{ring.OverrunBlock, ring.OverrunDrop} {
		if o.String() == name {
			return o
		}
	}
	return ring.OverrunOverwrite
}
