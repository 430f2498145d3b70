package feed_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"annulus/futex"
	"annulus/ring"
	"annulus/ring/feed"
)

// station is a listener of a kind of stream, whose connections receive little at once.
type station struct {
	net.Listener
	address string
	dial    feed.Dial
}

// stations are the kinds of connections that sinks have.
var stations = []string{"tcp", "unix", "tls", "tls over unix"}

func newStation(t testing.TB, kind string) station {
	t.Helper()
	s := station{}
	address := "127.0.0.1:0"
	network := "tcp"
	if strings.Contains(kind, "unix") {
		network, address = "unix", filepath.Join(t.TempDir(), "s")
	}
	c := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return c.Control(func(fd uintptr) {
			if network == "tcp" { // little is acknowledged that is not read
				_ = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, 16<<10)
			}
		})
	}}
	c.SetMultipathTCP(false)
	l, err := c.Listen(context.Background(), network, address)
	must(t, err)
	s.Listener = l
	s.address = network + "://" + l.Addr().String()
	if strings.Contains(kind, "tls") {
		server, client := trusting(t)
		s.Listener, s.dial.TLS = tls.NewListener(l, server), client
		s.address = strings.Replace(s.address, "tcp:", "tls:", 1)
	}
	t.Cleanup(func() { l.Close() })
	return s
}

func (s station) accept(t testing.TB) net.Conn {
	t.Helper()
	c, err := s.Accept()
	must(t, err)
	if c, ok := c.(*tls.Conn); ok {
		must(t, c.Handshake())
	}
	return c
}

// number is message i, long enough that no kernel here has several of them unread.
func number(i int) []byte {
	b := bytes.Repeat([]byte{byte(i)}, 150_000)
	binary.LittleEndian.PutUint64(b, uint64(i))
	return b
}

// readNumber receives a message, whole.
func readNumber(t testing.TB, r io.Reader) int {
	t.Helper()
	var head [4]byte
	_, err := io.ReadFull(r, head[:])
	must(t, err)
	b := make([]byte, binary.LittleEndian.Uint32(head[:]))
	_, err = io.ReadFull(r, b)
	must(t, err)
	i := int(binary.LittleEndian.Uint64(b))
	if !bytes.Equal(b, number(i)) {
		t.Fatalf("message %d is torn", i)
	}
	return i
}

func sendNumbers(t testing.TB, p *ring.Producer, n int) {
	t.Helper()
	for i := range n {
		must(t, p.Send(context.Background(), number(i)))
	}
}

// What the kernel took and the peer never received is sent to the next connection: the peer
// resets the first in mid-message, and the second, and the pump does nothing but wait meanwhile.
func TestPeerResetSentAgain(t *testing.T) {
	const messages = 4
	for _, kind := range stations {
		for _, topology := range []ring.Config{{Capacity: 1 << 20}, {Topology: ring.MPSC, Members: 2}, {Topology: ring.MPSCOrdered, Capacity: 1 << 20},
			{Topology: ring.MPMC, Kind: ring.Slots, SlotSize: 160_000, Capacity: 8}} {
			t.Run(fmt.Sprintf("%s/%v", kind, topology.Topology), func(t *testing.T) {
				s := newStation(t, kind)
				p, k := heapRing(t, topology)
				sink, err := feed.DialSink(s.address, feed.Length(), s.dial)
				must(t, err)
				pump := feed.OutOf(k, sink)
				done := run(pump)
				sendNumbers(t, p, messages)
				c := s.accept(t)
				_, err = io.ReadFull(c, make([]byte, 1000))
				must(t, err)
				reset(t, c)

				c = s.accept(t)
				if i := readNumber(t, c); i != 0 {
					t.Fatalf("the first message that was received is %d: those before are lost", i)
				}
				_, err = io.ReadFull(c, make([]byte, 1000)) // of message 1
				must(t, err)
				reset(t, c)

				c = s.accept(t)
				must(t, p.Close())
				first := readNumber(t, c)
				if first > 1 || first == 0 && kind == "tcp" {
					t.Errorf("the third connection begins with message %d, want 1", first)
				}
				for i := first + 1; i < messages; i++ {
					if got := readNumber(t, c); got != i {
						t.Fatalf("got message %d, want %d", got, i)
					}
				}
				if _, err := c.Read(make([]byte, 1)); err != io.EOF {
					t.Errorf("at the end: %v", err)
				}
				must(t, <-done) // before the peer goes: that would count as a failure
				c.Close()
				if s := pump.Stats(); s.Messages != messages || s.Opened != 3 || s.Failed != 2 || s.Again < 2 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// wrapped is a sink as a user may make one.
type wrapped struct{ feed.Sink }

func (w wrapped) Unwrap() feed.Sink { return w.Sink }

// A sink around the one that a connection belongs to hides nothing of what has arrived.
func TestPeerResetWrapped(t *testing.T) {
	const messages = 4
	for name, wrap := range map[string]func(s feed.Sink) feed.Sink{
		"posting": func(s feed.Sink) feed.Sink {
			bell, err := futex.InitSemaphore(make([]byte, futex.SemaphoreSize), 0)
			must(t, err)
			return feed.Posting(s, bell, false)
		},
		"own": func(s feed.Sink) feed.Sink { return wrapped{wrapped{s}} },
	} {
		t.Run(name, func(t *testing.T) {
			s := newStation(t, "tcp")
			p, k := heapRing(t, ring.Config{})
			sink, err := feed.DialSink(s.address, feed.Length(), s.dial)
			must(t, err)
			pump := feed.OutOf(k, wrap(sink))
			done := run(pump)
			sendNumbers(t, p, messages)
			c := s.accept(t)
			_, err = io.ReadFull(c, make([]byte, 1000))
			must(t, err)
			reset(t, c)
			c = s.accept(t)
			must(t, p.Close())
			for i := range messages {
				if got := readNumber(t, c); got != i {
					t.Fatalf("got message %d, want %d", got, i)
				}
			}
			must(t, <-done) // before the peer goes: that would count as a failure
			c.Close()
			if s := pump.Stats(); s.Messages != messages || s.Opened != 2 || s.Failed != 1 || s.Again == 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A Writer leaves in the ring what did not arrive, for the next consumer.
func TestPeerResetLeftInRing(t *testing.T) {
	for _, kind := range stations {
		t.Run(kind, func(t *testing.T) {
			s := newStation(t, kind)
			p, k := heapRing(t, ring.Config{})
			accepted := make(chan net.Conn, 1)
			go func() {
				c, err := s.Accept()
				if c, ok := c.(*tls.Conn); ok {
					err = c.Handshake()
				}
				if err != nil {
					t.Error(err)
				}
				accepted <- c
			}()
			c, err := net.Dial(s.Addr().Network(), s.Addr().String())
			must(t, err)
			if s.dial.TLS != nil {
				c = tls.Client(c, s.dial.TLS)
				must(t, c.(*tls.Conn).Handshake())
			}
			pump := feed.OutOf(k, feed.Writer(c, feed.Length()))
			done := run(pump)
			sendNumbers(t, p, 3)
			peer := <-accepted
			if got := readNumber(t, peer); got != 0 {
				t.Fatal(got)
			}
			_, err = io.ReadFull(peer, make([]byte, 1000))
			must(t, err)
			reset(t, peer)
			if err := <-done; !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, syscall.EPIPE) {
				t.Errorf("run: %v", err)
			} else if !strings.Contains(err.Error(), "stay in the ring: ") && !strings.Contains(err.Error(), "within a message") {
				t.Errorf("run does not say what is left: %v", err)
			}
			must(t, k.Close())
			k, err = k.Ring().Consumer()
			must(t, err)
			defer k.Close()
			first := int(pump.Stats().Messages)
			if first > 1 || first == 0 && kind == "tcp" {
				t.Errorf("%d messages arrived, want 1", first)
			}
			for i := first; i < 3; i++ {
				if b, err := k.TryRecv(nil); err != nil || !bytes.Equal(b, number(i)) {
					t.Errorf("message %d is not in the ring: %.8q, %v", i, b, err)
				}
			}
		})
	}
}

// At the end the pump waits for the peer, who reads late and never closes first, and resets nothing.
func TestSinkEndsInOrder(t *testing.T) {
	for _, kind := range stations {
		t.Run(kind, func(t *testing.T) {
			s := newStation(t, kind)
			p, k := heapRing(t, ring.Config{})
			sink, err := feed.DialSink(s.address, feed.Length(), s.dial)
			must(t, err)
			pump := feed.OutOf(k, sink)
			sendNumbers(t, p, 3)
			must(t, p.Close())
			done := run(pump)
			c := s.accept(t)
			_, err = c.Write([]byte("what nobody reads")) // close(2) would reset
			must(t, err)
			for i := range 3 {
				if got := readNumber(t, c); got != i {
					t.Fatal(got)
				}
			}
			if _, err := c.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("at the end: %v", err)
			}
			must(t, <-done)
			c.Close()
			if s := pump.Stats(); s.Messages != 3 || s.Again != 0 || s.Failed != 0 {
				t.Errorf("%+v", s)
			}
		})
	}
}

// A peer that takes nothing is waited for so long and not longer.
func TestSinkLinger(t *testing.T) {
	for _, kind := range stations {
		t.Run(kind, func(t *testing.T) {
			s := newStation(t, kind)
			p, k := heapRing(t, ring.Config{})
			sink, err := feed.DialSink(s.address, feed.Length(), s.dial)
			must(t, err)
			pump := feed.OutOf(k, sink, feed.WithLinger(30*time.Millisecond))
			sendNumbers(t, p, 1)
			must(t, p.Close())
			done := run(pump)
			c := s.accept(t)
			if err := <-done; !errors.Is(err, feed.ErrNotAcknowledged) || !strings.HasSuffix(err.Error(), "stay in the ring: 1)") {
				t.Errorf("run: %v", err)
			}
			c.Close()
			must(t, k.Close())
			k, err = k.Ring().Consumer()
			must(t, err)
			defer k.Close()
			if b, err := k.TryRecv(nil); err != nil || !bytes.Equal(b, number(0)) {
				t.Errorf("it is not in the ring: %v", err)
			}
		})
	}
}

// A peer that has read all and closes at once resets nothing and gets nothing twice.
func TestPeerClosesAfterAll(t *testing.T) {
	for _, kind := range stations {
		t.Run(kind, func(t *testing.T) {
			s := newStation(t, kind)
			for range 20 {
				p, k := heapRing(t, ring.Config{})
				sink, err := feed.DialSink(s.address, feed.Lines(), s.dial)
				must(t, err)
				pump := feed.OutOf(k, sink)
				done := run(pump)
				must(t, p.Send(context.Background(), []byte("last")))
				must(t, p.Close())
				c := s.accept(t)
				if line, err := bufio.NewReader(c).ReadString('\n'); err != nil || line != "last\n" {
					t.Errorf("%q, %v", line, err)
				}
				c.Close()
				must(t, <-done)
				if s := pump.Stats(); s.Messages != 1 || s.Again != 0 || s.Failed != 0 {
					t.Fatalf("%+v", s)
				}
			}
		})
	}
}

// A peer that has shut down its half goes on receiving.
func TestPeerHalfClosed(t *testing.T) {
	for _, kind := range []string{"tcp", "unix"} {
		t.Run(kind, func(t *testing.T) {
			s := newStation(t, kind)
			p, k := heapRing(t, ring.Config{})
			sink, err := feed.DialSink(s.address, feed.Length(), s.dial)
			must(t, err)
			done := run(feed.OutOf(k, sink))
			sendNumbers(t, p, 1)
			c := s.accept(t)
			must(t, c.(interface{ CloseWrite() error }).CloseWrite())
			if got := readNumber(t, c); got != 0 {
				t.Error(got)
			}
			must(t, p.Send(context.Background(), number(1)))
			must(t, p.Close())
			if got := readNumber(t, c); got != 1 {
				t.Error(got)
			}
			must(t, c.Close())
			must(t, <-done)
		})
	}
}
