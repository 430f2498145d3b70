package guide

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"annulus/futex"
	"annulus/ring"
	"annulus/shm"
)

func Example_file() {
	dir, err := os.MkdirTemp("", "guide")
	report(err)
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "ring")
	report(onFile(path))
	report(ring.RemoveFile(path))
	// Output: 1048576 bytes in a file
}

func onFile(path string) error {
	r, err := ring.OpenOrCreateFile(path, ring.Config{Capacity: 1 << 20},
		ring.WithRegion(shm.WithMode(0o660), shm.WithPrefault()))
	if err != nil {
		return err
	}
	fmt.Println(r.Config().Capacity, "bytes in a", r.Region().Backing())
	return r.Close()
}

func Example_memfd() {
	a, b, err := connected()
	report(err)
	defer a.Close()
	defer b.Close()
	done := make(chan error)
	go func() { done <- give(a) }()
	report(accept(b))
	report(<-done)
	// Output: through a nameless ring
}

func give(conn *net.UnixConn) error {
	r, err := ring.CreateMemfd("feed", ring.Config{})
	if err != nil {
		return err
	}
	defer r.Close()
	if err := shm.SendFiles(conn, r.Region().File()); err != nil {
		return err
	}
	p, err := r.Producer()
	if err != nil {
		return err
	}
	return p.Send(context.Background(), []byte("through a nameless ring"))
}

func accept(conn *net.UnixConn) error {
	files, err := shm.ReceiveFiles(conn, 1)
	if err != nil {
		return err
	}
	r, err := ring.OpenFD(files[0])
	if err := errors.Join(err, files[0].Close()); err != nil {
		return err
	}
	defer r.Close()
	c, err := r.Consumer()
	if err != nil {
		return err
	}
	msg, err := c.Recv(context.Background(), nil)
	fmt.Printf("%s\n", msg)
	return err
}

func Example_eventfds() {
	a, b, err := connected()
	report(err)
	defer a.Close()
	defer b.Close()
	done := make(chan error)
	go func() { done <- giveWithEventfds(a) }()
	report(acceptWithEventfds(context.Background(), b))
	report(<-done)
	// Output: woken by the netpoller
}

func giveWithEventfds(conn *net.UnixConn) error {
	data, err := futex.NewEventfd() // consumers sleep on this one
	if err != nil {
		return err
	}
	defer data.Close()
	space, err := futex.NewEventfd() // producers on this one
	if err != nil {
		return err
	}
	defer space.Close()
	r, err := ring.CreateMemfd("feed", ring.Config{}, ring.WithEventfds(data, space))
	if err != nil {
		return err
	}
	defer r.Close()
	if err := shm.SendFiles(conn, r.Region().File(), data.File(), space.File()); err != nil {
		return err
	}
	p, err := r.Producer(ring.WithStrategy(futex.Efd()))
	if err != nil {
		return err
	}
	return p.Send(context.Background(), []byte("woken by the netpoller"))
}

func acceptWithEventfds(ctx context.Context, conn *net.UnixConn) error {
	files, err := shm.ReceiveFiles(conn, 3)
	if err != nil {
		return err
	}
	defer func() {
		for _, f := range files {
			f.Close()
		}
	}()
	data, err := futex.EventfdFromFile(files[1])
	if err != nil {
		return err
	}
	defer data.Close()
	space, err := futex.EventfdFromFile(files[2])
	if err != nil {
		return err
	}
	defer space.Close()
	r, err := ring.OpenFD(files[0], ring.WithEventfds(data, space))
	if err != nil {
		return err
	}
	defer r.Close()
	c, err := r.Consumer(ring.WithStrategy(futex.Efd()))
	if err != nil {
		return err
	}
	msg, err := c.Recv(ctx, nil)
	fmt.Printf("%s\n", msg)
	return err
}

func Example_stats() {
	r, p, _, err := both(ring.Config{})
	report(err)
	report(p.Send(context.Background(), []byte("hello")))
	report(printStats(r))
	report(r.Close())
	// Output: 16 of 1048576 bytes in use, messages sent: 1, consumer attached: true
}

func printStats(r *ring.Ring) error {
	s, err := r.Stats()
	if err != nil {
		return err
	}
	fmt.Printf("%d of %d bytes in use, messages sent: %d, consumer attached: %v\n",
		s.Occupied, s.Capacity, s.Producer.Messages, s.Consumer.Attached)
	return nil
}
