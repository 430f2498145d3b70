package feed_test

import (
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// ends runs a pump until state, then ends it by Finish or by its context.
func ends(t *testing.T, pump *feed.Pump, finish bool, what string, state func() bool) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- pump.Run(ctx) }()
	testutil.Eventually(t, what, state)
	if finish {
		must(t, pump.Finish())
		if err := <-done; err != nil {
			t.Errorf("%s, Finish: %v", what, err)
		}
	} else {
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("%s, end of context: %v", what, err)
		}
	}
	cancel()
}

// vain counts tries in vain.
type vain struct{ n chan error }

func newVain() vain { return vain{make(chan error, 1000)} }

func (v vain) retry() feed.Retry {
	return feed.Retry{Report: func(err error) {
		select {
		case v.n <- err:
		default:
		}
	}}
}

func (v vain) tried() bool { return len(v.n) > 2 }

// nobody is an address where nobody listens.
func nobody(t testing.TB) string {
	l := listen(t, "tcp")
	defer l.Close()
	return "tcp://" + l.Addr().String()
}

// A source ends whatever it is at: connecting in vain, shaking hands, waiting for bytes, for the
// rest of a message, for room in the ring.
func TestSourceEnds(t *testing.T) {
	_, client := trusting(t)
	for _, finish := range []bool{true, false} {
		v := newVain()
		p, k := heapRing(t, ring.Config{})
		s, err := feed.DialSource(nobody(t), feed.Lines(), feed.Dial{Retry: v.retry()})
		must(t, err)
		ends(t, feed.Into(p, s), finish, "tries in vain", v.tried)

		l := listen(t, "tcp")
		var conns []net.Conn
		accepted := func() bool {
			c, err := l.Accept()
			must(t, err)
			conns = append(conns, c)
			return true
		}
		s, err = feed.DialSource("tls://"+l.Addr().String(), feed.Lines(), feed.Dial{TLS: client})
		must(t, err)
		ends(t, feed.Into(p, s), finish, "a server that says nothing to TLS", accepted)

		for _, bytes := range []string{"", "\x05\x00\x00\x00a", "\x00\x00\x03\x00a"} {
			s, err = feed.DialSource("tcp://"+l.Addr().String(), feed.Length(), feed.Dial{})
			must(t, err)
			ends(t, feed.Into(p, s), finish, "a server that stops at "+bytes, func() bool {
				accepted()
				_, err := conns[len(conns)-1].Write([]byte(bytes))
				must(t, err)
				return true
			})
		}

		if !finish { // it sends what it has read
			s, err = feed.DialSource("tcp://"+l.Addr().String(), feed.Raw(1000), feed.Dial{})
			must(t, err)
			stop := make(chan struct{})
			ends(t, feed.Into(p, s), finish, "the ring is full", func() bool {
				accepted()
				go func() {
					for _, err := conns[len(conns)-1].Write(make([]byte, 1<<20)); err == nil; {
						_, err = conns[len(conns)-1].Write(make([]byte, 1<<20))
					}
					close(stop)
				}()
				testutil.Eventually(t, "the ring is full", func() bool {
					s, err := k.Ring().Stats()
					must(t, err)
					return s.Occupied > s.Capacity-2000
				})
				return true
			})
			conns[len(conns)-1].Close()
			<-stop
		}
		for _, c := range conns {
			c.Close()
		}
		l.Close()
	}
}

// A sink ends likewise: connecting in vain, with nothing to do, with a peer that does not read while
// it writes, or while it waits for the last to arrive.
func TestSinkEnds(t *testing.T) {
	for _, finish := range []bool{true, false} {
		l := listen(t, "tcp")
		p, k := heapRing(t, ring.Config{})
		s, err := feed.DialSink("tcp://"+l.Addr().String(), feed.Raw(0), feed.Dial{})
		must(t, err)
		pump := feed.OutOf(k, s)
		must(t, p.Send(t.Context(), []byte("x")))
		var peer net.Conn
		ends(t, pump, finish, "nothing to do", func() bool {
			if peer == nil {
				peer, err = l.Accept()
				must(t, err)
			}
			return pump.Stats().Messages == 1
		})
		peer.Close()
		l.Close()
	}
	v := newVain()
	p, k := heapRing(t, ring.Config{})
	s, err := feed.DialSink(nobody(t), feed.Raw(0), feed.Dial{Retry: v.retry()})
	must(t, err)
	must(t, p.Send(t.Context(), []byte("x")))
	ends(t, feed.OutOf(k, s), false, "tries in vain", v.tried)

	for _, last := range []bool{false, true} {
		l := listen(t, "unix")
		p, k := heapRing(t, ring.Config{})
		s, err := feed.DialSink("unix://"+l.Addr().String(), feed.Raw(0), feed.Dial{})
		must(t, err)
		n := 10
		if last && runtime.GOOS == "linux" { // the kernel takes it
			n = 1
			defer k.Close()
		}
		for range n {
			must(t, p.Send(t.Context(), make([]byte, 100_000)))
		}
		must(t, p.Close())
		var peer net.Conn
		pump := feed.OutOf(k, s)
		ends(t, pump, false, "a peer that does not read", func() bool {
			if peer == nil {
				peer, err = l.Accept()
				must(t, err)
			}
			return !last || pump.Stats().Batches > 0
		})
		peer.Close()
		l.Close()
	}
}

// Listeners end with clients that say nothing, that read nothing, or that wait for a consumer; a
// client that goes away gives its consumer back although there is nothing to send.
func TestListenersEnd(t *testing.T) {
	for _, finish := range []bool{true, false} {
		for _, network := range []string{"tcp", "unix"} {
			p, k := heapRing(t, ring.Config{})
			l := listen(t, network)
			pump := feed.ListenInto(l, feed.Lines(), []*ring.Producer{p})
			c := dial(t, l)
			ends(t, pump, finish, "a client that says nothing", func() bool { return pump.Stats().Opened == 1 })
			if _, err := c.Read(make([]byte, 1)); err != io.EOF {
				t.Error(err)
			}
			c.Close()

			must(t, k.Close())
			l = listen(t, network)
			over := make(chan error, 10)
			pump = feed.ListenOutOf(l, feed.Lines(), func() (*ring.Consumer, error) { return p.Ring().Consumer() },
				feed.OnConn(func(_ net.Addr, err error) { over <- err }))
			gone := dial(t, l)
			var c2 net.Conn
			ends(t, pump, finish, "a client that waits for a consumer", func() bool {
				if c2 == nil {
					testutil.Eventually(t, "a consumer", func() bool { s, err := p.Ring().Stats(); must(t, err); return s.Consumer.Attached })
					c2 = dial(t, l)
					if network == "tcp" {
						reset(t, gone)
						if err := <-over; err == nil {
							t.Error("a client that was reset ended well")
						}
						testutil.Eventually(t, "the next client's consumer", func() bool { s, err := p.Ring().Stats(); must(t, err); return s.Consumer.Attached })
					}
				}
				return pump.Stats().Opened == 2
			})
			gone.Close()
			c2.Close()
		}
	}
}
