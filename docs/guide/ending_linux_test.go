package guide

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"

	"annulus/ring"
)

func sendUntilSignal(ctx context.Context, name string) error {
	r, err := ring.OpenOrCreate(name, ring.Config{})
	if err != nil {
		return err
	}
	defer r.Close()
	p, err := r.Producer()
	if err != nil {
		return err
	}
	stop := ring.CloseOnSignal(p)
	defer stop()
	n := 0
	for {
		err := p.Send(ctx, []byte("tick"))
		if errors.Is(err, ring.ErrClosed) {
			break
		}
		if err != nil {
			return err
		}
		n++
	}
	fmt.Println(n, "committed")
	return p.Close() // nil, although the signal has closed it
}

// SIGTERM ends the producer's process in order; its consumer gets what is
// committed, then the end of the stream.
func Example_signal() {
	name := freshName()
	cmd := process("sendUntil", name)
	out, err := cmd.StdoutPipe()
	report(err)
	report(cmd.Start())
	r, err := ring.OpenOrCreate(name, ring.Config{})
	report(err)
	c, err := r.Consumer()
	report(err)
	received := 0
	for _, err := range c.All(context.Background()) {
		report(err)
		if received++; received == 1000 {
			report(cmd.Process.Signal(syscall.SIGTERM))
		}
	}
	said, err := io.ReadAll(out)
	report(err)
	report(cmd.Wait()) // exit status 0
	fmt.Println(strings.TrimSpace(string(said)) == fmt.Sprint(received, " committed"))
	report(r.Close())
	report(ring.Remove(name))
	// Output: true
}

// sendAndHang is a producer that will be killed.
func sendAndHang(ctx context.Context, name string) error {
	r, err := ring.OpenOrCreate(name, ring.Config{})
	if err != nil {
		return err
	}
	p, err := r.Producer()
	if err != nil {
		return err
	}
	if err := p.Send(ctx, []byte("from the first")); err != nil {
		return err
	}
	fmt.Println("sent")
	select {}
}

func Example_takeover() {
	name := freshName()
	first := process("hang", name)
	out, err := first.StdoutPipe()
	report(err)
	report(first.Start())
	_, err = bufio.NewReader(out).ReadString('\n')
	report(err)
	r, err := ring.OpenOrCreate(name, ring.Config{})
	report(err)
	report(goOn(context.Background(), r))
	report(first.Process.Kill())
	_ = first.Wait() // killed
	report(goOn(context.Background(), r))
	report(r.Close()) // the producer's session ends with it
	report(receive(context.Background(), name))
	report(ring.Remove(name))
	// Output:
	// the role is taken
	// from the first
	// from the second
}

func goOn(ctx context.Context, r *ring.Ring) error {
	p, err := r.Producer()
	if errors.Is(err, ring.ErrAttached) {
		fmt.Println("the role is taken") // err names the process that holds it
		return nil
	}
	if err != nil {
		return err
	}
	return p.Send(ctx, []byte("from the second"))
}
