package feed_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// quick is a Retry for tests.
var quick = feed.Retry{Min: time.Millisecond, Max: time.Millisecond}

// drain starts a pump into sink out of a ring with n numbered messages, which it closes.
func drain(t testing.TB, sink feed.Sink, n int) (*feed.Pump, chan error) {
	t.Helper()
	p, k := heapRing(t, ring.Config{Capacity: 1 << 20})
	for i := range n {
		must(t, p.Send(t.Context(), fmt.Append(nil, i)))
	}
	must(t, p.Close())
	pump := feed.OutOf(k, sink)
	return pump, run(pump)
}

// numbered reads numbered messages until want has come, and returns how many came; each has to be greater
// than the one before.
func numbered(t testing.TB, c io.Reader, want int) (count int) {
	t.Helper()
	b := make([]byte, 100)
	for last := -1; last < want; count++ {
		n, err := c.Read(b)
		must(t, err)
		var i int
		_, err = fmt.Sscan(string(b[:n]), &i)
		must(t, err)
		if i <= last {
			t.Fatalf("got %d after %d", i, last)
		}
		last = i
	}
	return count
}

// refusedAddr is one where nobody listens.
func refusedAddr(t testing.TB) *net.UDPAddr {
	to, _ := udpPair(t, "udp4")
	must(t, to.Close())
	return to.LocalAddr().(*net.UDPAddr)
}

// ECONNREFUSED: datagrams that nobody listened for are counted, the others wait in the ring for
// the receiver to come back.
func TestDatagramRefusedUDP(t *testing.T) {
	addr := refusedAddr(t)
	tries := make(chan error)
	retry := quick
	retry.Report = func(err error) { tries <- err }
	sink, err := feed.DatagramSink("udp://"+addr.String(), feed.Datagrams{Retry: retry})
	must(t, err)
	const n = 200 // fewer than the receiver's queue holds
	pump, done := drain(t, sink, n)
	for range 3 {
		if err := <-tries; !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "did not arrive: 1") {
			t.Error(err)
		}
	}
	back, err := net.ListenUDP("udp4", addr)
	must(t, err)
	defer back.Close()
	go func() {
		for range tries {
		}
	}()
	got := numbered(t, back, n-1)
	must(t, <-done)
	close(tries)
	s := pump.Stats()
	if s.Messages != n || s.Dropped < 3 || uint64(got)+s.Dropped != n || s.Failed != s.Dropped {
		t.Errorf("%+v, %d arrived", s, got)
	}
}

// The sink gives up after so many tries, and what it did not send is in the ring.
func TestDatagramRefusedGivenUp(t *testing.T) {
	retry := quick
	retry.Tries = 3
	sink, err := feed.DatagramSink("udp://"+refusedAddr(t).String(), feed.Datagrams{Retry: retry})
	must(t, err)
	pump, done := drain(t, sink, 100)
	if err := <-done; !errors.Is(err, syscall.ECONNREFUSED) || !strings.Contains(err.Error(), "given up after 3 tries") {
		t.Error(err)
	}
	if s := pump.Stats(); s.Messages != 3 || s.Dropped != 3 {
		t.Errorf("%+v", s)
	}
}

// A lossy sink goes on, and counts.
func TestDatagramRefusedLossy(t *testing.T) {
	sink, err := feed.DatagramSink("udp://"+refusedAddr(t).String(), feed.Datagrams{Lossy: true})
	must(t, err)
	pump, done := drain(t, sink, 1000)
	must(t, <-done)
	if s := pump.Stats(); s.Messages != 1000 || s.Dropped < 1 || s.Dropped > 1000 || s.Failed != 0 {
		t.Errorf("%+v", s)
	}
}

// EAGAIN: a receiver that is slow is waited for, and nothing is lost; Stop ends the wait.
func TestDatagramSlowReceiver(t *testing.T) {
	to, from, _ := unixgramPair(t)
	sink, err := feed.DatagramsTo(from, feed.Datagrams{})
	must(t, err)
	const n = 1000
	pump, done := drain(t, sink, n)
	// The queue of a Unix socket holds few (net.unix.max_dgram_qlen).
	testutil.Eventually(t, "the queue is full", func() bool { return pump.Stats().Messages > 0 })
	if s := pump.Stats(); s.Messages == n {
		t.Errorf("nobody has read, and all is sent: %+v", s)
	}
	if got := numbered(t, to, n-1); got != n {
		t.Errorf("%d arrived of %d", got, n)
	}
	must(t, <-done)

	_, from, _ = unixgramPair(t)
	sink, err = feed.DatagramsTo(from, feed.Datagrams{})
	must(t, err)
	p, k := heapRing(t, ring.Config{Capacity: 1 << 20})
	for i := range n {
		must(t, p.Send(t.Context(), fmt.Append(nil, i)))
	}
	pump = feed.OutOf(k, sink)
	ctx, cancel := context.WithCancel(t.Context())
	done = make(chan error, 1)
	go func() { done <- pump.Run(ctx) }()
	testutil.Eventually(t, "the queue is full", func() bool { return pump.Stats().Messages > 0 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// ECONNREFUSED, ENOENT: a receiver that has died is waited for, also by a sink that its full
// queue has stopped; what was not sent waits in the ring.
func TestDatagramDeadReceiver(t *testing.T) {
	to, _, path := unixgramPair(t)
	var mu sync.Mutex
	var seen []error
	retry := quick
	retry.Report = func(err error) { mu.Lock(); seen = append(seen, err); mu.Unlock() }
	saw := func(want error) func() bool {
		return func() bool {
			mu.Lock()
			defer mu.Unlock()
			for _, err := range seen {
				if errors.Is(err, want) {
					return true
				}
			}
			return false
		}
	}
	sink, err := feed.DatagramSink("unixgram://"+path, feed.Datagrams{Retry: retry})
	must(t, err)
	const n = 100
	pump, done := drain(t, sink, n)
	testutil.Eventually(t, "the queue is full", func() bool { return pump.Stats().Messages > 0 })
	must(t, to.Close()) // the file stays
	testutil.Eventually(t, "refused", saw(syscall.ECONNREFUSED))
	mu.Lock()
	if !strings.Contains(seen[0].Error(), path) {
		t.Errorf("%v: does not say who", seen[0])
	}
	mu.Unlock()
	must(t, syscall.Unlink(path))
	testutil.Eventually(t, "no file", saw(syscall.ENOENT))
	taken := pump.Stats().Messages
	back, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	must(t, err)
	defer back.Close()
	if got := numbered(t, back, n-1); uint64(got)+taken != n {
		t.Errorf("%d were taken before, %d arrived, of %d", taken, got, n)
	}
	must(t, <-done)
	if s := pump.Stats(); s.Messages != n || s.Failed != 1 || s.Opened != 2 {
		t.Errorf("%+v", s)
	}
}

// Many seqpacket clients feed a ring through a listener, each in order.
func TestPacketListenInto(t *testing.T) {
	const clients, each = 5, 300
	address := "unixpacket://" + filepath.Join(t.TempDir(), "s")
	l, err := feed.Listen(t.Context(), address, nil)
	must(t, err)
	p, k := heapRing(t, ring.Config{Topology: ring.MPSC, Members: 2})
	pump := feed.ListenInto(l, nil, []*ring.Producer{p})
	done := run(pump)
	for i := range clients {
		sink, err := feed.DialSink(address, nil, feed.Dial{})
		must(t, err)
		p, k := heapRing(t, ring.Config{Capacity: 1 << 20})
		for j := range each {
			must(t, p.Send(t.Context(), fmt.Appendf(nil, "%d %d", i, j)))
		}
		must(t, p.Close())
		sent := run(feed.OutOf(k, sink))
		defer func() { must(t, <-sent) }()
	}
	eachInOrder(t, k, clients, each)
	testutil.Eventually(t, "all have come", func() bool { return pump.Stats().Opened == clients })
	must(t, pump.Finish())
	must(t, <-done)
	if s := pump.Stats(); s.Failed != 0 {
		t.Errorf("%+v", s)
	}
}

// A listener serves seqpacket clients; one that goes leaves what it did not read in the ring for the next,
// those of no bytes too.
func TestPacketListenOutOf(t *testing.T) {
	address := "unixpacket://" + filepath.Join(t.TempDir(), "s")
	l, err := feed.Listen(t.Context(), address, nil)
	must(t, err)
	r, err := ring.CreateMemfd("feed", ring.Config{Capacity: 1 << 20})
	must(t, err)
	defer r.Close()
	p, err := r.Producer()
	must(t, err)
	const n = 200
	for i := range n {
		must(t, p.Send(t.Context(), fmt.Append(nil, i)))
	}
	pump := feed.ListenOutOf(l, nil, func() (*ring.Consumer, error) { return r.Consumer() })
	done := run(pump)
	bad, err := net.Dial("unixpacket", strings.TrimPrefix(address, "unixpacket://"))
	must(t, err)
	const read = 180
	numbered(t, bad, read-1)
	testutil.Eventually(t, "they have arrived", func() bool { return pump.Stats().Messages > 0 })
	must(t, bad.Close())

	pin, kin := heapRing(t, ring.Config{})
	source, err := feed.DialSource(address, nil, feed.Dial{})
	must(t, err)
	into := feed.Into(pin, source)
	indone := run(into)
	for i := -1; i < n-1; {
		b, err := kin.Recv(t.Context(), nil)
		must(t, err)
		k := 0
		_, err = fmt.Sscan(string(b), &k)
		must(t, err)
		if i == -1 && k > read || i >= 0 && k != i+1 {
			t.Fatalf("got %d after %d", k, i)
		}
		i = k
	}
	must(t, p.Send(t.Context(), nil))
	must(t, p.Send(t.Context(), []byte("end")))
	for _, want := range []string{"", "end"} {
		if b, err := kin.Recv(t.Context(), nil); err != nil || string(b) != want {
			t.Errorf("%q, %v, want %q", b, err, want)
		}
	}
	must(t, pump.Finish())
	must(t, <-indone) // io.EOF
	must(t, <-done)
	must(t, p.Close())
}

// A seqpacket peer that dies is dialled again, and gets what its forerunner did not read.
func TestPacketReconnects(t *testing.T) {
	path := filepath.Join(t.TempDir(), "s")
	l, err := net.Listen("unixpacket", path)
	must(t, err)
	defer l.Close()
	sink, err := feed.DialSink("unixpacket://"+path, nil, feed.Dial{Retry: quick})
	must(t, err)
	const n = 3000
	pump, done := drain(t, sink, n)
	c, err := l.Accept()
	must(t, err)
	numbered(t, c, 9) // ten
	must(t, c.Close())
	c, err = l.Accept()
	must(t, err)
	defer c.Close()
	b := make([]byte, 100)
	k, err := c.Read(b)
	must(t, err)
	first := 0
	_, err = fmt.Sscan(string(b[:k]), &first)
	must(t, err)
	if first > 10 {
		t.Errorf("ten were read, then comes %d", first)
	}
	if got := numbered(t, c, n-1); got != n-1-first {
		t.Errorf("%d arrived after %d", got, first)
	}
	must(t, <-done)
	if s := pump.Stats(); s.Messages != n || s.Opened != 2 || s.Failed != 1 || s.Again == 0 {
		t.Errorf("%+v", s)
	}
}
