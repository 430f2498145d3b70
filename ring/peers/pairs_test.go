package peers_test

import (
	"fmt"
	"testing"

	"annulus/ring"
)

// Each program sends to the first and the first to each, without Go in between: a mistake that
// Go makes up for shows here. All pairs would take too long.
func programsAmongThemselves(t *testing.T) {
	for _, k := range []struct {
		name, sends, receives string
		config                ring.Config
		sizes                 stream
	}{
		{"SPSC records", "spsc", "spsc", smallRing, anySize},
		{"SPSC slots", "spsc", "spsc", slotRing, slotSize},
		{"MPMC", "mpmc", "mpmc", manyRing, manySizes},
		{toOne[0].name, toOne[0].speaks, toOne[0].speaks, toOne[0].config, toOne[0].sizes},
		{toOne[1].name, toOne[1].speaks, toOne[1].speaks, toOne[1].config, toOne[1].sizes},
		{toOne[2].name, toOne[2].speaks, toOne[2].speaks, toOne[2].config, toOne[2].sizes},
		{"broadcast", "broadcast", "broadcast-recv", castRing(ring.OverrunBlock), castSizes},
	} {
		for _, from := range programs {
			for _, to := range programs {
				if !paired(from, to) || !from.can(k.sends) || !to.can(k.receives) {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s to %s", k.name, from.name, to.name), func(t *testing.T) {
					n := 20_000 / max(from.pace, to.pace)
					_, name := create(t, k.config)
					args := k.sizes.args("--batch", "3", "--timeout", fmt.Sprint(patience.Milliseconds()))
					c := start(t, to.peer(t, append([]string{"recv", name, "--announce"}, args...)...))
					c.Expect("attached")
					p := start(t, from.peer(t, append([]string{"send", name, "--count", fmt.Sprint(n)}, args...)...))
					expect(t, c.Done(), fmt.Sprintf("received %d ok", n))
					expect(t, p.Done(), fmt.Sprintf("sent %d ok", n))
				})
			}
		}
	}
	for _, from := range programs {
		for _, to := range programs {
			if paired(from, to) && from.can("cell create") && to.can("cell-read") {
				t.Run(fmt.Sprintf("block/%s to %s", from.name, to.name), func(t *testing.T) {
					n := 20_000 / max(from.pace, to.pace)
					name := freeName(t)
					expect(t, from.cell(t, "create", name, "--kind", "block", "--size", fmt.Sprint(blockSizes.max)).Done(), "created")
					c := to.cell(t, "read", name, blockSizes.args("--announce", "--until", fmt.Sprint(n))...)
					c.Expect("attached")
					expect(t, from.cell(t, "write", name, blockSizes.args("--count", fmt.Sprint(n))...).Done(), fmt.Sprintf("wrote %d ok last %d", n, n))
					mentions(t, c.Done(), fmt.Sprintf("ok last %d", n))
				})
			}
		}
	}
}

// paired tells whether a program is tried with another: with the first, and the first with it.
func paired(from, to program) bool {
	return from.name == programs[0].name || to.name == programs[0].name
}
