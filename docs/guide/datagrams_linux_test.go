package guide

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"

	"annulus/ring"
	"annulus/ring/feed"
)

// Samples go out of a ring by UDP, into another ring.
func Example_udp() {
	ctx := context.Background()
	r, p, c, err := both(ring.Config{})
	report(err)
	defer r.Close()
	r2, p2, c2, err := both(ring.Config{})
	report(err)
	defer r2.Close()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0") // for a free port
	report(err)
	address := conn.LocalAddr().String()
	report(conn.Close())
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan error, 1)
	go func() { done <- samplesIn(ctx, p2, address) }()
	sent := make(chan error, 1)
	go func() { sent <- samplesOut(ctx, c, address) }()
	b, err := []byte(nil), ring.ErrEmpty
	for err == ring.ErrEmpty { // what comes before the receiver is there is lost: that is UDP
		report(p.Send(ctx, []byte("21.5")))
		b, err = c2.TryRecv(nil)
	}
	report(err)
	fmt.Printf("%s\n", b)
	report(p.Close())
	report(<-sent)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		report(err)
	}
	report(errors.Join(p2.Close(), c2.Close(), c.Close()))
	// Output: 21.5
}

func samplesIn(ctx context.Context, p *ring.Producer, address string) error {
	source, err := feed.DatagramSource("udp://"+address, feed.Datagrams{ReadBuffer: 128 << 10})
	if err != nil {
		return err
	}
	pump := feed.Into(p, source)
	return pump.Run(ctx)
}

func samplesOut(ctx context.Context, c *ring.Consumer, address string) error {
	sink, err := feed.DatagramSink("udp://"+address, feed.Datagrams{Lossy: true})
	if err != nil {
		return err
	}
	return feed.OutOf(c, sink).Run(ctx)
}

// Events go through a Unix datagram socket, jobs through a seqpacket one.
func Example_unixDatagrams() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "")
	report(err)
	defer os.RemoveAll(dir)
	r, p, c, err := both(ring.Config{})
	report(err)
	defer r.Close()
	path := filepath.Join(dir, "events")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	report(err)
	report(p.Send(ctx, []byte("started")))
	report(p.Close())
	report(eventsOut(ctx, c, path))
	b := make([]byte, 100)
	n, err := conn.Read(b)
	report(err)
	fmt.Printf("%s\n", b[:n])
	report(errors.Join(conn.Close(), c.Close()))

	r, p, c, err = both(ring.Config{})
	report(err)
	defer r.Close()
	ctx, cancel := context.WithCancel(ctx)
	up := make(chan bool)
	done := make(chan error, 1)
	path = filepath.Join(dir, "jobs")
	go func() { done <- datagramJobs(ctx, p, path, up) }()
	<-up
	client, err := net.Dial("unixpacket", path)
	report(err)
	_, err = client.Write([]byte("print"))
	report(err)
	b, err = c.Recv(ctx, nil)
	report(err)
	fmt.Printf("%s\n", b)
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		report(err)
	}
	report(errors.Join(client.Close(), p.Close(), c.Close()))
	// Output:
	// started
	// print
}

func eventsOut(ctx context.Context, c *ring.Consumer, path string) error {
	sink, err := feed.DatagramSink("unixgram://"+path, feed.Datagrams{})
	if err != nil {
		return err
	}
	return feed.OutOf(c, sink).Run(ctx)
}

func datagramJobs(ctx context.Context, p *ring.Producer, path string, up chan<- bool) error {
	l, err := feed.Listen(ctx, "unixpacket://"+path, nil)
	if err != nil {
		return err
	}
	pump := feed.ListenInto(l, nil, []*ring.Producer{p})
	close(up)
	return pump.Run(ctx)
}
