package feed_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// listen returns a listener of a stream network.
func listen(t testing.TB, network string) net.Listener {
	t.Helper()
	addr := "127.0.0.1:0"
	if network == "unix" {
		addr = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, addr)
	must(t, err)
	return l
}

func dial(t testing.TB, l net.Listener) net.Conn {
	t.Helper()
	c, err := net.Dial(l.Addr().Network(), l.Addr().String())
	must(t, err)
	return c
}

// eachInOrder receives from each of some clients so many messages "CLIENT NUMBER", in that order.
func eachInOrder(t *testing.T, k *ring.Consumer, clients, each int) {
	t.Helper()
	next := make([]int, clients)
	for range clients * each {
		b, err := k.Recv(t.Context(), nil)
		must(t, err)
		var i, j int
		_, err = fmt.Sscan(string(b), &i, &j)
		must(t, err)
		if j != next[i] {
			t.Fatalf("client %d: got %d, want %d", i, j, next[i])
		}
		next[i]++
	}
}

// Many clients' lines arrive, each client's in order, whatever the ring.
func TestListenInto(t *testing.T) {
	const clients, each = 20, 500
	for _, network := range []string{"tcp", "unix"} {
		for _, c := range []ring.Config{{}, {Topology: ring.MPSC, Members: 3}, {Topology: ring.MPSCOrdered}, {Topology: ring.MPMC, Kind: ring.Slots, SlotSize: 64}} {
			t.Run(network+"/"+c.Topology.String(), func(t *testing.T) {
				r, err := ring.CreateMemfd("feed", c)
				must(t, err)
				defer r.Close()
				producers := []*ring.Producer{}
				n := 3
				if c.Topology == 0 {
					n = 1
				}
				for range n {
					p, err := r.Producer()
					must(t, err)
					producers = append(producers, p)
				}
				k, err := r.Consumer()
				must(t, err)
				l := listen(t, network)
				pump := feed.ListenInto(l, feed.Lines(), producers)
				done := make(chan error, 1)
				go func() { done <- pump.Run(context.Background()) }()
				var wg sync.WaitGroup
				for i := range clients {
					conn := dial(t, l)
					wg.Go(func() {
						for j := range each {
							fmt.Fprintf(conn, "%d %d\n", i, j)
						}
						conn.Close()
					})
				}
				eachInOrder(t, k, clients, each)
				wg.Wait()
				testutil.Eventually(t, "all connections have ended", func() bool { return pump.Stats().Opened == clients })
				must(t, pump.Finish())
				must(t, <-done)
				if s := pump.Stats(); s.Messages != clients*each || s.Failed != 0 {
					t.Errorf("%+v", s)
				}
				for _, p := range producers {
					must(t, p.Close())
				}
				must(t, k.Close())
			})
		}
	}
}

// A connection that sends nonsense ends alone.
func TestListenIntoBadClient(t *testing.T) {
	p, k := heapRing(t, ring.Config{})
	l := listen(t, "tcp")
	ends := make(chan error, 2)
	pump := feed.ListenInto(l, feed.Varint(), []*ring.Producer{p}, feed.OnConn(func(_ net.Addr, err error) { ends <- err }))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- pump.Run(ctx) }()
	good, bad := dial(t, l), dial(t, l)
	_, err := bad.Write([]byte(strings.Repeat("\xff", 10)))
	must(t, err)
	if err := <-ends; !errors.Is(err, feed.ErrFrame) {
		t.Errorf("bad client: %v", err)
	}
	if _, err := bad.Read(make([]byte, 1)); err == nil {
		t.Error("the bad client's connection is open")
	}
	_, err = good.Write([]byte("\x02ok"))
	must(t, err)
	if b, err := k.Recv(ctx, nil); err != nil || string(b) != "ok" {
		t.Errorf("%q, %v", b, err)
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("run: %v", err)
	}
	if _, err := good.Read(make([]byte, 1)); err != io.EOF {
		t.Errorf("good client after the end: %v", err)
	}
	good.Close()
	bad.Close()
}

// below returns the connection below TLS.
func below(c net.Conn) net.Conn {
	if c, ok := c.(*tls.Conn); ok {
		return c.NetConn()
	}
	return c
}

// reset breaks a connection: TCP's by RST.
func reset(t testing.TB, c net.Conn) {
	t.Helper()
	c = below(c)
	if c, ok := c.(*net.TCPConn); ok {
		must(t, c.SetLinger(0))
	}
	must(t, c.Close())
}

func run(p *feed.Pump) chan error {
	done := make(chan error, 1)
	go func() { done <- p.Run(context.Background()) }()
	return done
}
