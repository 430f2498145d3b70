package main

import "annulus/cmd/ringbench/internal/rig"

// ringTransport is nil in a build without package ring: the commands then
// measure the other transports.
func ringTransport() *rig.Transport { return nil }
