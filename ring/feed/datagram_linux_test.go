package feed_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// udpPair returns a socket that receives and one that sends to it.
func udpPair(t testing.TB, network string) (to, from *net.UDPConn) {
	t.Helper()
	host := "127.0.0.1:0"
	if network == "udp6" {
		host = "[::1]:0"
	}
	addr, err := net.ResolveUDPAddr(network, host)
	must(t, err)
	to, err = net.ListenUDP(network, addr)
	must(t, err)
	from, err = net.DialUDP(network, nil, to.LocalAddr().(*net.UDPAddr))
	must(t, err)
	t.Cleanup(func() { to.Close(); from.Close() })
	return to, from
}

// unixgramPair is udpPair of Unix sockets.
func unixgramPair(t testing.TB) (to, from *net.UnixConn, path string) {
	t.Helper()
	path = filepath.Join(t.TempDir(), "s")
	addr := &net.UnixAddr{Name: path, Net: "unixgram"}
	to, err := net.ListenUnixgram("unixgram", addr)
	must(t, err)
	from, err = net.DialUnix("unixgram", nil, addr)
	must(t, err)
	t.Cleanup(func() { to.Close(); from.Close() })
	return to, from, path
}

// packetPair is a connection of seqpacket sockets.
func packetPair(t testing.TB) (to, from net.Conn) {
	t.Helper()
	l := listen(t, "unixpacket")
	from = dial(t, l)
	to, err := l.Accept()
	must(t, err)
	must(t, l.Close())
	t.Cleanup(func() { to.Close(); from.Close() })
	return to, from
}

// pairs are the three kinds.
func pairs(t testing.TB) map[string]func(testing.TB) (to, from net.Conn) {
	return map[string]func(testing.TB) (to, from net.Conn){
		"udp":        func(t testing.TB) (net.Conn, net.Conn) { a, b := udpPair(t, "udp4"); return a, b },
		"udp6":       func(t testing.TB) (net.Conn, net.Conn) { a, b := udpPair(t, "udp6"); return a, b },
		"unixgram":   func(t testing.TB) (net.Conn, net.Conn) { a, b, _ := unixgramPair(t); return a, b },
		"unixpacket": packetPair,
	}
}

// rings are one of each kind that takes messages of 70,000 bytes.
func rings() map[string]ring.Config {
	return map[string]ring.Config{"spsc": {Capacity: 1 << 20}, "lanes": {Capacity: 1 << 20, Topology: ring.MPSC, Members: 2},
		"ordered": {Capacity: 1 << 20, Topology: ring.MPSCOrdered},
		"mpmc":    {Kind: ring.Slots, Capacity: 32, SlotSize: 80_000, Topology: ring.MPMC}}
}

// grams are messages of lengths from none to the longest that the kind holds, long runs of long ones among
// them.
func grams(most int) [][]byte {
	var msgs [][]byte
	for i, n := range []int{0, 1, 8, 64, 0, 2047, 2048, 2049, 5000, 100, most, 9000, most, most - 1, 9000, 8192, 8191, 3, most, 0, 10} {
		msgs = append(msgs, bytes.Repeat([]byte{byte('a' + i)}, n))
	}
	return msgs
}

// Datagrams go out of a ring, through a socket, into a ring, each whole and in order, those without bytes too.
func TestDatagrams(t *testing.T) {
	for kind, pair := range pairs(t) {
		for name, c := range rings() {
			t.Run(kind+"/"+name, func(t *testing.T) {
				to, from := pair(t)
				if u, ok := to.(*net.UDPConn); ok {
					must(t, u.SetReadBuffer(4<<20))
				}
				pin, kin := heapRing(t, c)
				pout, kout := heapRing(t, c)
				source, err := feed.DatagramsFrom(to, feed.Datagrams{})
				must(t, err)
				sink, err := feed.DatagramsTo(from, feed.Datagrams{})
				must(t, err)
				into, outOf := feed.Into(pin, source), feed.OutOf(kout, sink)
				indone, outdone := run(into), run(outOf)
				most := 65507
				if kind != "udp" {
					most = 66000
				}
				if kind == "udp6" {
					most = 65527
				}
				var size uint64
				for round := range 3 {
					for i, m := range grams(most) {
						must(t, pout.Send(t.Context(), m))
						if got, err := kin.Recv(t.Context(), nil); err != nil || !bytes.Equal(got, m) {
							t.Fatalf("round %d, message %d: got %d bytes, %v, want %d", round, i, len(got), err, len(m))
						}
						size += uint64(len(m))
					}
					for _, m := range grams(9000) { // together
						must(t, pout.Send(t.Context(), m))
						size += uint64(len(m))
					}
					for i, m := range grams(9000) {
						if got, err := kin.Recv(t.Context(), nil); err != nil || !bytes.Equal(got, m) {
							t.Fatalf("round %d, message %d: got %d bytes, %v, want %d", round, i, len(got), err, len(m))
						}
					}
				}
				must(t, pout.Close())
				must(t, <-outdone)
				if kind == "unixpacket" {
					must(t, <-indone) // the sink has closed
				} else {
					must(t, into.Finish())
					must(t, <-indone)
				}
				want := uint64(6 * len(grams(1)))
				for _, s := range []feed.Stats{into.Stats(), outOf.Stats()} {
					if s.Messages != want || s.Bytes != size || s.Refused != 0 || s.Dropped != 0 {
						t.Errorf("%+v, want %d messages of %d bytes", s, want, size)
					}
				}
			})
		}
	}
}

// A datagram that the ring or Max does not take is an error or counted, never cut; what came
// with it is sent.
func TestDatagramTooLong(t *testing.T) {
	for kind, pair := range pairs(t) {
		t.Run(kind, func(t *testing.T) {
			to, from := pair(t)
			p, k := heapRing(t, ring.Config{Capacity: 4096})
			send := func(lengths ...int) {
				for _, n := range lengths {
					_, err := from.Write(make([]byte, n))
					must(t, err)
				}
			}
			want := func(lengths ...int) {
				t.Helper()
				for _, n := range lengths {
					if b, err := k.Recv(t.Context(), nil); err != nil || len(b) != n {
						t.Errorf("got %d bytes, %v, want %d", len(b), err, n)
					}
				}
			}
			dup := func() net.Conn { // sources close theirs
				f, err := to.(interface{ File() (*os.File, error) }).File()
				must(t, err)
				c, err := net.FileConn(f)
				must(t, err)
				must(t, f.Close())
				return c
			}
			send(10, 3000, 20)
			s, err := feed.DatagramsFrom(dup(), feed.Datagrams{})
			must(t, err)
			err = feed.Into(p, s).Run(t.Context())
			if !errors.Is(err, ring.ErrTooLarge) || !strings.Contains(err.Error(), "3000 bytes") {
				t.Error(err)
			}
			want(10, 20)

			send(500, 501)
			s, err = feed.DatagramsFrom(dup(), feed.Datagrams{Max: 500})
			must(t, err)
			err = feed.Into(p, s).Run(t.Context())
			if !errors.Is(err, ring.ErrTooLarge) || !strings.Contains(err.Error(), "501 bytes, expected at most 500; see Datagrams.Max") {
				t.Error(err)
			}
			want(500)

			s, err = feed.DatagramsFrom(dup(), feed.Datagrams{})
			must(t, err)
			skipped := 0
			pump := feed.Into(p, s, feed.WithSkip(func(err error) bool { skipped++; return true }))
			done := run(pump)
			send(1, 3000, 65000, 2, 65000, 65000, 3)
			want(1, 2, 3)
			must(t, pump.Finish())
			must(t, <-done)
			if s := pump.Stats(); s.Messages != 3 || s.Refused != 4 || skipped != 4 {
				t.Errorf("%+v, %d skipped", s, skipped)
			}
		})
	}
}

// Rings of fixed size refuse others.
func TestDatagramWrongSize(t *testing.T) {
	to, from := udpPair(t, "udp4")
	p, k := heapRing(t, ring.Config{Kind: ring.Slots, SlotSize: 8})
	s, err := feed.DatagramsFrom(to, feed.Datagrams{})
	must(t, err)
	pump := feed.Into(p, s, feed.WithSkip(func(err error) bool { return errors.Is(err, ring.ErrSize) }))
	done := run(pump)
	for _, m := range []string{"", "1234567", "12345678", "123456789"[:8]} {
		_, err := from.Write([]byte(m))
		must(t, err)
	}
	for range 2 {
		if b, err := k.Recv(t.Context(), nil); err != nil || string(b) != "12345678" {
			t.Errorf("%q, %v", b, err)
		}
	}
	must(t, pump.Finish())
	must(t, <-done)
	if s := pump.Stats(); s.Refused != 2 || s.Messages != 2 {
		t.Errorf("%+v", s)
	}
}

// A ring that is full stops the source, the kernel drops what it cannot hold, and that is told.
func TestDatagramsDropped(t *testing.T) {
	to, from := udpPair(t, "udp4")
	must(t, to.SetReadBuffer(4096))
	p, k := heapRing(t, ring.Config{Capacity: 4096})
	s, err := feed.DatagramsFrom(to, feed.Datagrams{})
	must(t, err)
	pump := feed.Into(p, s)
	done := run(pump)
	const sent = 3000
	for range sent {
		_, err := from.Write(make([]byte, 100))
		must(t, err)
	}
	got := uint64(0)
	ctx, cancel := context.WithCancel(t.Context())
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			if _, err := k.Recv(ctx, nil); err != nil {
				return
			}
			got++
		}
	}()
	// One more that gets through tells of those before it.
	extra := uint64(0)
	testutil.Eventually(t, "all are accounted for", func() bool {
		if s := pump.Stats(); s.Messages+s.Dropped == sent+extra {
			return true
		}
		_, err := from.Write(make([]byte, 100))
		extra++
		return err != nil
	})
	must(t, pump.Finish())
	must(t, <-done)
	if s := pump.Stats(); s.Messages+s.Dropped != sent+extra || s.Dropped == 0 {
		t.Errorf("%+v of %d", s, sent+extra)
	}
	must(t, p.Close())
	<-stopped
	cancel()
	if s := pump.Stats(); got != s.Messages {
		t.Errorf("%d received of %d", got, s.Messages)
	}
}

// What was dropped last is told at the end.
func TestDatagramsDroppedLast(t *testing.T) {
	to, from := udpPair(t, "udp4")
	must(t, to.SetReadBuffer(4096))
	p, _ := heapRing(t, ring.Config{})
	s, err := feed.DatagramsFrom(to, feed.Datagrams{})
	must(t, err)
	for range 1000 {
		_, err := from.Write(make([]byte, 100))
		must(t, err)
	}
	pump := feed.Into(p, s)
	s.Stop()
	must(t, pump.Run(t.Context()))
	if s := pump.Stats(); s.Messages != 0 || s.Dropped < 900 || s.Dropped >= 1000 {
		t.Errorf("%+v", s)
	}
}

// A message too long for a datagram is an error that says the limit, or is passed over.
func TestDatagramSinkTooLong(t *testing.T) {
	for kind, pair := range pairs(t) {
		t.Run(kind, func(t *testing.T) {
			to, from := pair(t)
			p, k := heapRing(t, ring.Config{Capacity: 4 << 20})
			sink, err := feed.DatagramsTo(from, feed.Datagrams{})
			must(t, err)
			for _, n := range []int{1, 1 << 20, 2} {
				must(t, p.Send(t.Context(), make([]byte, n)))
			}
			must(t, p.Close())
			var why error
			pump := feed.OutOf(k, sink, feed.WithSkip(func(err error) bool { why = err; return true }))
			done := run(pump)
			for _, want := range []int{1, 2} {
				if n, err := to.Read(make([]byte, 10)); err != nil || n != want {
					t.Errorf("got %d bytes, %v, want %d", n, err, want)
				}
			}
			must(t, <-done)
			if s := pump.Stats(); s.Refused != 1 || s.Messages != 2 {
				t.Errorf("%+v", s)
			}
			says := map[string]string{"udp": "a datagram holds at most 65507", "udp6": "a datagram holds at most 65527"}[kind]
			if says == "" {
				says = "(its SO_SNDBUF less 32)"
			}
			if !errors.Is(why, ring.ErrTooLarge) || !strings.Contains(why.Error(), "a message of 1048576 bytes") || !strings.Contains(why.Error(), says) {
				t.Error(why)
			}
		})
	}
}

// The file of a Unix socket is its owner's alone, another is told whose it is, and it goes.
func TestDatagramSourceFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	s, err := feed.DatagramSource("unixgram://"+path, feed.Datagrams{})
	must(t, err)
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode() != fs.ModeSocket|0o600 {
		t.Error(info.Mode())
	}
	_, err = feed.DatagramSource("unixgram://"+path, feed.Datagrams{})
	if !errors.Is(err, syscall.EADDRINUSE) || !strings.Contains(err.Error(), "remove "+path) {
		t.Error(err)
	}
	must(t, s.Close())
	if _, err := os.Stat(path); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}

// Bad addresses, and sockets of streams, are told at once.
func TestDatagramBadInput(t *testing.T) {
	for _, a := range []string{"", "udp://", "udp://host", "udp://h:1/x", "udp://h:65536", "tcp://h:1", "unixgram://", "unixgram://x"} {
		_, err1 := feed.DatagramSource(a, feed.Datagrams{})
		_, err2 := feed.DatagramSink(a, feed.Datagrams{})
		want := fmt.Sprintf("feed: expected %s, found %q", feed.DatagramAddresses, a)
		if err1 == nil || err2 == nil || err1.Error() != want || err2.Error() != want {
			t.Errorf("%v; %v", err1, err2)
		}
	}
	if _, err := feed.DatagramSink("unixgram:///"+strings.Repeat("x", 120), feed.Datagrams{}); !errors.Is(err, syscall.ENAMETOOLONG) {
		t.Error(err)
	}
	l := listen(t, "tcp")
	defer l.Close()
	c := dial(t, l)
	defer c.Close()
	_, err1 := feed.DatagramsFrom(c, feed.Datagrams{})
	_, err2 := feed.DatagramsTo(c, feed.Datagrams{})
	if err1 == nil || err2 == nil || !strings.Contains(err1.Error(), "found a *net.TCPConn of tcp") {
		t.Errorf("%v; %v", err1, err2)
	}
	to, _ := udpPair(t, "udp4")
	if _, err := feed.DatagramsTo(to, feed.Datagrams{}); err == nil || !strings.Contains(err.Error(), "connected") {
		t.Error(err)
	}
}
