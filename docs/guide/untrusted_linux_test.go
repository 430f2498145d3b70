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
	"annulus/ring/aead"
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

func Example_sealed() {
	report(sealed(context.Background()))
	// Output:
	// sealed
}

func sealed(ctx context.Context) error {
	ring1, err := ring.New(ring.Config{})
	if err != nil {
		return err
	}
	defer ring1.Close()
	p, err := ring1.Producer()
	if err != nil {
		return err
	}
	c, err := ring1.Consumer()
	if err != nil {
		return err
	}
	one, other := net.Pipe()
	sent := make(chan error, 1)
	go func() { sent <- sendSealed(ctx, other, p) }()
	return errors.Join(receiveSealed(ctx, one, c), <-sent)
}

func sendSealed(ctx context.Context, conn net.Conn, p *ring.Producer) error {
	key, err := aead.Exchange(ctx, conn, false) // the other side: true
	if err != nil {
		return err
	}
	s, err := aead.NewSender(p, key)
	if err != nil {
		return err
	}
	if err := s.Send(ctx, []byte("sealed")); err != nil {
		return err
	}
	return s.End(ctx)
}

func receiveSealed(ctx context.Context, conn net.Conn, c *ring.Consumer) error {
	key, err := aead.Exchange(ctx, conn, true)
	if err != nil {
		return err
	}
	r, err := aead.NewReceiver(c, key)
	if err != nil {
		return err
	}
	msg, err := r.Recv(ctx, nil)
	fmt.Println(string(msg))
	return err
}
