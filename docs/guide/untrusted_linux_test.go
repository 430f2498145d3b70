package guide

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"time"

	"annulus/ring"
)

func Example_untrusted() {
	report(untrusted(context.Background(), os.Getuid()))
	// Output:
	// hello
}

func untrusted(ctx context.Context, uid int) error {
	dir, err := os.MkdirTemp("", "")
	if err != nil {
		return err
	}
	defer os.RemoveAll(dir)
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: filepath.Join(dir, "socket"), Net: "unix"})
	if err != nil {
		return err
	}
	defer l.Close()
	sent := make(chan error, 1)
	go func() { sent <- connectAndSend(ctx, l.Addr().String(), uid) }()
	conn, err := l.AcceptUnix()
	if err != nil {
		return err
	}
	defer conn.Close()
	return errors.Join(receiveFromStranger(ctx, conn, uid), <-sent)
}

func onlyUID(uid int) func(ring.Cred) error {
	return func(c ring.Cred) error {
		if c.UID != uid {
			return fmt.Errorf("expected uid %d, found %v", uid, c)
		}
		return nil
	}
}

func receiveFromStranger(ctx context.Context, conn *net.UnixConn, uid int) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second) // the peer may never answer
	defer cancel()
	r, err := ring.Offer(ctx, conn, ring.AsConsumer, ring.Config{Capacity: 1 << 16}, ring.WithPeer(onlyUID(uid)))
	if err != nil {
		return err
	}
	defer r.Close()
	c, err := r.Consumer()
	if err != nil {
		return err
	}
	for {
		msg, err := c.Recv(ctx, nil)
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		fmt.Println(string(msg))
	}
}

func connectAndSend(ctx context.Context, path string, uid int) error {
	conn, err := net.DialUnix("unix", nil, &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return err
	}
	defer conn.Close()
	r, err := ring.Accept(ctx, conn, ring.AsProducer, ring.Config{}, ring.WithPeer(onlyUID(uid)))
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
