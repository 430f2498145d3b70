package guide

import (
	"context"
	"errors"
	"fmt"
	"time"

	"annulus/ring"
	"annulus/shm"
)

func broadcastTicks(ctx context.Context, name string, n int) error {
	r, err := ring.OpenOrCreate(name, ring.Config{Topology: ring.Broadcast})
	if err != nil {
		return err
	}
	defer r.Close()
	p, err := r.Producer()
	if err != nil {
		return err
	}
	for i := range n {
		if err := p.Send(ctx, fmt.Append(nil, "tick ", i)); err != nil {
			return err
		}
	}
	return p.Close()
}

func listen(ctx context.Context, name string, heard func(msg []byte)) error {
	r, err := ring.Open(name, ring.WithRegion(shm.ReadOnly())) // it cannot disturb anybody
	if err != nil {
		return err
	}
	defer r.Close()
	c, err := r.Consumer(ring.WithBacklog()) // from what is still there
	if err != nil {
		return err
	}
	for msg, err := range c.All(ctx) {
		var over *ring.OverrunError
		if errors.As(err, &over) { // too slow; the loop goes on with the latest
			fmt.Println("lost", over.Lost)
			continue
		}
		if err != nil {
			return err
		}
		heard(msg)
	}
	return nil
}

func Example_broadcast() {
	ctx, stop := context.WithTimeout(context.Background(), time.Minute)
	defer stop()
	name := freshName()
	report(broadcastTicks(ctx, name, 2))
	for range 2 {
		report(listen(ctx, name, func(msg []byte) { fmt.Printf("%s\n", msg) }))
	}
	report(ring.Remove(name))
	// Output:
	// tick 0
	// tick 1
	// tick 0
	// tick 1
}
