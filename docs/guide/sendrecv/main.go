// Command sendrecv is the complete program of the tutorial: one process runs it
// with send, another with recv.
package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"

	"annulus/ring"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: sendrecv send|recv NAME")
		os.Exit(2)
	}
	run := map[string]func(context.Context, *ring.Ring) error{"send": send, "recv": recv}[os.Args[1]]
	if run == nil {
		fmt.Fprintf(os.Stderr, "sendrecv: expected send or recv, found %q\n", os.Args[1])
		os.Exit(2)
	}
	r, err := ring.OpenOrCreate(os.Args[2], ring.Config{})
	if err == nil {
		err = errors.Join(run(context.Background(), r), r.Close())
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "sendrecv:", err)
		os.Exit(1)
	}
}

// send sends the lines of stdin, until its end or a signal.
func send(ctx context.Context, r *ring.Ring) error {
	p, err := r.Producer()
	if err != nil {
		return err
	}
	stop := ring.CloseOnSignal(p)
	defer stop()
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		err := p.Send(ctx, lines.Bytes())
		if errors.Is(err, ring.ErrClosed) {
			break // by a signal, or the receiver wants no more
		}
		if err != nil {
			return err
		}
	}
	return errors.Join(lines.Err(), p.Close())
}

// recv prints what comes, until the sender has closed or a signal.
func recv(ctx context.Context, r *ring.Ring) error {
	c, err := r.Consumer()
	if err != nil {
		return err
	}
	stop := ring.CloseOnSignal(c)
	defer stop()
	for msg, err := range c.All(ctx) {
		if err != nil {
			return err
		}
		fmt.Printf("%s\n", msg)
	}
	return c.Close()
}
