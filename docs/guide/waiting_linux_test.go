package guide

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"annulus/futex"
	"annulus/ring"
)

func Example_strategies() {
	r, err := ring.New(ring.Config{})
	if err != nil {
		report(err)
		return
	}
	report(chooseWaits(context.Background(), r))
	report(r.Close())
	// Output: hello
}

func chooseWaits(ctx context.Context, r *ring.Ring) error {
	p, err := r.Producer(ring.WithStrategy(futex.Futex()))
	if err != nil {
		return err
	}
	c, err := r.Consumer(ring.WithStrategy(futex.Spin()))
	if err != nil {
		return err
	}
	go func() { report(p.Send(ctx, []byte("hello"))) }()
	msg, err := c.Recv(ctx, nil)
	fmt.Printf("%s\n", msg)
	return err
}

func Example_deadlines() {
	with(func(ctx context.Context, _ *ring.Producer, c *ring.Consumer) error {
		return errors.Join(try(c), timeout(ctx, c), deadline(ctx, c))
	})
	// Output:
	// nothing there
	// the context ended
	// the deadline passed
}

func try(c *ring.Consumer) error {
	buf := make([]byte, 0, 4096) // large enough: no allocation
	msg, err := c.TryRecv(buf[:0])
	if err == ring.ErrEmpty {
		fmt.Println("nothing there")
		return nil
	}
	return fmt.Errorf("%q, %w", msg, err)
}

func timeout(ctx context.Context, c *ring.Consumer) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Millisecond)
	defer cancel()
	_, err := c.Recv(ctx, nil)
	if errors.Is(err, context.DeadlineExceeded) {
		fmt.Println("the context ended")
		return nil
	}
	return err
}

func deadline(ctx context.Context, c *ring.Consumer) error {
	if err := c.SetDeadline(time.Now().Add(10 * time.Millisecond)); err != nil {
		return err
	}
	_, err := c.Recv(ctx, nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		fmt.Println("the deadline passed")
		return c.SetDeadline(time.Time{}) // none from now on
	}
	return err
}
