package main

import "annulus/cmd/ringbench/internal/rig"

// transports lists what is measured where nothing is chosen, in the order of the
// tables.
func transports() []*rig.Transport {
	return []*rig.Transport{ringTransport(), slotsTransport(), pipeTransport(), unixTransport(), channelTransport()}
}

// allTransports lists what this build can measure by itself, in the order of a comparison.
func allTransports() []*rig.Transport {
	list := []*rig.Transport{
		ringTransport(), slotsTransport(), mmapTransport(), shmTransport(),
		pipeTransport(), fifoTransport(),
		unixTransport(), unixgramTransport(), seqpacketTransport(), tcpTransport(), udpTransport(), tlsTransport(),
	}
	return append(append(list, kernelTransports()...), fileTransport(), channelTransport())
}

func findTransport(name string) *rig.Transport {
	for _, t := range append(allTransports(), stampedTransports()...) {
		if t.Name == name {
			return t
		}
	}
	return nil
}
