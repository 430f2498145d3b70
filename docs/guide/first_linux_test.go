package guide

import (
	"context"
	"fmt"
	"os"

	"annulus/ring"
)

func send(ctx context.Context, name string) error {
	r, err := ring.OpenOrCreate(name, ring.Config{})
	if err != nil {
		return err
	}
	defer r.Close()
	p, err := r.Producer()
	if err != nil {
		return err
	}
	for i := range 3 {
		if err := p.Send(ctx, fmt.Appendf(nil, "message %d", i)); err != nil {
			return err
		}
	}
	return p.Close()
}

func receive(ctx context.Context, name string) error {
	r, err := ring.OpenOrCreate(name, ring.Config{})
	if err != nil {
		return err
	}
	defer r.Close()
	c, err := r.Consumer()
	if err != nil {
		return err
	}
	for msg, err := range c.All(ctx) {
		if err != nil {
			return err
		}
		fmt.Printf("%s\n", msg)
	}
	return c.Close()
}

// Two processes, of which any may start first.
func Example_twoProcesses() {
	for _, receiverFirst := range []bool{true, false} {
		name := freshName()
		out, in := process("receive", name), process("send", name)
		out.Stdout, in.Stdout = os.Stdout, os.Stdout
		if receiverFirst {
			report(out.Start())
			report(in.Run())
		} else {
			report(in.Run())
			report(out.Start())
		}
		report(out.Wait())
		report(ring.Remove(name))
	}
	// Output:
	// message 0
	// message 1
	// message 2
	// message 0
	// message 1
	// message 2
}

// The example of the README.
func Example() {
	ctx, name := context.Background(), freshName()
	done := make(chan error)
	go func() { done <- hello(ctx, name) }()
	report(world(ctx, name))
	report(<-done)
	report(ring.Remove(name))
	// Output: hello
}

func hello(ctx context.Context, name string) error {
	r, err := ring.OpenOrCreate(name, ring.Config{}) // whoever comes first creates it
	if err != nil {
		return err
	}
	defer r.Close()
	p, err := r.Producer()
	if err != nil {
		return err
	}
	return p.Send(ctx, []byte("hello"))
}

func world(ctx context.Context, name string) error {
	r, err := ring.OpenOrCreate(name, ring.Config{})
	if err != nil {
		return err
	}
	defer r.Close()
	c, err := r.Consumer()
	if err != nil {
		return err
	}
	msg, err := c.Recv(ctx, nil)
	fmt.Printf("%s\n", msg)
	return err
}
