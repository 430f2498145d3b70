package main

import (
	"context"
	"embed"
	"io/fs"
	"slices"
	"strings"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/cmd/ringbench/internal/rival"
	"annulus/ring/peers"
)

//go:embed rivals
var rivalSources embed.FS

// contender is one thing to measure: a transport of this build or a program.
type contender struct {
	name      string
	family    string
	topology  string
	processes int
	waits     []string // a choice of Params.Wait, the default first; nil: none
	wait      string   // how it waits where there is no choice

	check   func(p *rig.Params) error // the command line asked for something impossible
	measure func(ctx context.Context, p rig.Params, watch rig.Watch) (rig.Outcome, error)
}

// contenders looks the names up. The rivals among them are built with b.
func contenders(names []string, b *rival.Builder) ([]*contender, error) {
	var list []*contender
	for _, name := range names {
		if t := findTransport(name); t != nil {
			list = append(list, ofTransport(t))
		} else if r := rival.Find(name); r != nil {
			list = append(list, ofRival(r, b))
		} else {
			return nil, usagef("expected --transport out of %s, found %q", strings.Join(contenderNames(), ","), name)
		}
	}
	return list, nil
}

func newBuilder() *rival.Builder { return builderOf(rivalSources, "rivals") }

// peerBuilder builds what is in C of the ring itself.
func peerBuilder() *rival.Builder { return builderOf(peers.Sources, "c") }

func builderOf(all embed.FS, dir string) *rival.Builder {
	sources, err := fs.Sub(all, dir)
	if err != nil {
		panic(err) // the names above are valid paths
	}
	return rival.NewBuilder(sources)
}

// rivalFamily is the family of all programs.
const rivalFamily = "rival"

func ofTransport(t *rig.Transport) *contender {
	c := &contender{name: t.Name, family: t.Family, topology: t.Topology, processes: 2, waits: t.Waits, wait: t.Sleeps}
	if t.InOne {
		c.processes = 1
	}
	c.check = func(p *rig.Params) error {
		if t.Waits != nil && !slices.Contains(t.Waits, p.Wait) {
			return usagef("expected --wait out of %s for %s, found %q", strings.Join(t.Waits, ","), t.Name, p.Wait)
		}
		return nil
	}
	c.measure = func(ctx context.Context, p rig.Params, watch rig.Watch) (rig.Outcome, error) {
		return rig.Measure(ctx, t, p, watch)
	}
	return c
}

func ofRival(r *rival.Rival, b *rival.Builder) *contender {
	c := &contender{name: r.Name, family: rivalFamily, topology: "spsc", processes: 2, wait: r.Wait}
	c.check = func(p *rig.Params) error {
		p.Size = r.Size(p.Size)
		if err := r.Check(p); err != nil {
			return usageError{err}
		}
		return nil
	}
	c.measure = func(ctx context.Context, p rig.Params, watch rig.Watch) (rig.Outcome, error) {
		bin, err := b.Build(ctx, r, &p)
		if err != nil {
			return rig.Outcome{}, err
		}
		return rival.Run(ctx, r, bin, &p, watch)
	}
	return c
}

func contenderNames() []string {
	var names []string
	for _, t := range allTransports() {
		names = append(names, t.Name)
	}
	for _, r := range rival.All {
		names = append(names, r.Name)
	}
	return names
}

func transportNames() []string {
	var names []string
	for _, t := range transports() {
		names = append(names, t.Name)
	}
	return names
}
