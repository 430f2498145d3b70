package main

import "annulus/ring"

// overruns names what a broadcast ring can do with slow consumers.
var overruns = []string{ring.OverrunOverwrite.String(), ring.OverrunBlock.String(), ring.OverrunDrop.String()}

// parseOverrun returns the policy of a name out of overruns.
func parseOverrun(name string) ring.Overrun {
	for _, o := range []ring.Overrun{ring.OverrunBlock, ring.OverrunDrop} {
		if o.String() == name {
			return o
		}
	}
	return ring.OverrunOverwrite
}
