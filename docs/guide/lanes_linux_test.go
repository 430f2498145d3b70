package guide

import (
	"context"
	"fmt"

	"annulus/ring"
)

func sendInLane(ctx context.Context, name, who string) error {
	r, err := ring.OpenOrCreate(name, ring.Config{Topology: ring.MPSC, Members: 16})
	if err != nil {
		return err
	}
	defer r.Close()
	p, err := r.Producer() // one of up to 16; ErrAttached beyond
	if err != nil {
		return err
	}
	for i := range 2 {
		if err := p.Send(ctx, fmt.Appendf(nil, "%s %d", who, i)); err != nil {
			return err
		}
	}
	return p.Close()
}

func Example_lanes() {
	name := freshName()
	ctx := context.Background()
	report(process("sendInLane", name).Run())
	report(sendInLane(ctx, name, "this one"))
	r, err := ring.Open(name)
	report(err)
	c, err := r.Consumer()
	report(err)
	for msg, err := range c.All(ctx) {
		report(err)
		fmt.Println(string(msg))
	}
	report(r.Close())
	report(ring.Remove(name))
	// Unordered output:
	// another 0
	// another 1
	// this one 0
	// this one 1
}
