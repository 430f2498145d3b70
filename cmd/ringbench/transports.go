package main

import "annulus/cmd/ringbench/internal/rig"

// transports lists what this build can measure by itself, in the order of the
// tables.
func transports() []*rig.Transport {
	return []*rig.Transport{ringTransport(), slotsTransport(), pipeTransport(), unixTransport(), channelTransport()}
}

func findTransport(name string) *rig.Transport {
	for _, t := range append(transports(), stampedTransports()...) {
		if t.Name == name {
			return t
		}
	}
	return nil
}
