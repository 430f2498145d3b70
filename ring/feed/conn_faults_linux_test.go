package feed_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// A stream that a reset cuts in mid-message loses that message alone, and the next begins with a
// whole one, whatever way the first ended.
func TestSourceBreaksInMidMessage(t *testing.T) {
	for _, f := range []feed.Framing{feed.Length(), feed.Varint(), feed.Lines(), feed.Fixed(5)} {
		for _, size := range []int{5, 100_000} { // the latter is read straight into the ring
			if f == feed.Fixed(5) && size != 5 {
				continue
			}
			t.Run(fmt.Sprintf("%v/%d", f, size), func(t *testing.T) {
				l := listen(t, "tcp")
				defer l.Close()
				p, k := heapRing(t, ring.Config{})
				s, err := feed.DialSource("tcp://"+l.Addr().String(), f, feed.Dial{})
				must(t, err)
				pump := feed.Into(p, s)
				done := run(pump)
				msg := func(b byte) []byte { return bytes.Repeat([]byte{b}, size) }
				whole := framed(t, f, [][]byte{msg('a')})
				c, err := l.Accept()
				must(t, err)
				_, err = c.Write(whole)
				must(t, err)
				_, err = c.Write(whole[:len(whole)-2])
				must(t, err)
				if b, err := k.Recv(t.Context(), nil); err != nil || !bytes.Equal(b, msg('a')) {
					t.Errorf("%.8q, %v", b, err)
				}
				reset(t, c)
				c, err = l.Accept()
				must(t, err)
				_, err = c.Write(framed(t, f, [][]byte{msg('b')}))
				must(t, err)
				if b, err := k.Recv(t.Context(), nil); err != nil || !bytes.Equal(b, msg('b')) {
					t.Errorf("after the break: %.8q, %v", b, err)
				}
				must(t, c.Close())
				must(t, <-done)
				if s := pump.Stats(); s.Messages != 2 || s.Opened != 2 || s.Failed != 1 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// Clients that reset, stop in mid-message, send a frame that never ends, or one of no or of too many bytes, end alone; the
// others' messages arrive, and memory does not grow.
func TestListenIntoFaults(t *testing.T) {
	for _, topology := range []ring.Config{{Capacity: 64 << 10}, {Topology: ring.MPSC, Members: 2, Capacity: 64 << 10}, {Topology: ring.MPMC, Kind: ring.Slots, SlotSize: 1024, Capacity: 64}} {
		for _, network := range []string{"tcp", "unix"} {
			t.Run(fmt.Sprintf("%s/%v", network, topology.Topology), func(t *testing.T) {
				p, k := heapRing(t, topology)
				ends := make(chan error, 10)
				l := listen(t, network)
				pump := feed.ListenInto(l, feed.Length(), []*ring.Producer{p}, feed.OnConn(func(_ net.Addr, err error) { ends <- err }))
				done := run(pump)
				good := dial(t, l)
				check := func(want string) {
					t.Helper()
					_, err := good.Write(framed(t, feed.Length(), [][]byte{[]byte(want), nil}))
					must(t, err)
					for _, want := range []string{want, ""} {
						if b, err := k.Recv(t.Context(), nil); err != nil || string(b) != want {
							t.Fatalf("%q, %v, want %q", b, err, want)
						}
					}
				}
				check("first")
				for _, c := range []struct {
					send string
					ends func(t testing.TB, c net.Conn)
					is   error
				}{
					{"\x05\x00\x00\x00ab", reset, nil},
					{"\x05\x00\x00\x00ab", func(t testing.TB, c net.Conn) { must(t, c.Close()) }, io.ErrUnexpectedEOF},
					{"\x05\x00\x00\x00ab", func(t testing.TB, c net.Conn) { must(t, c.(interface{ CloseWrite() error }).CloseWrite()) }, feed.ErrFrame},
					{"\xff\xff\xff\xff", func(testing.TB, net.Conn) {}, ring.ErrTooLarge},
					{"\x00\x00\x10\x00", func(testing.TB, net.Conn) {}, ring.ErrTooLarge},
				} {
					conn := dial(t, l)
					_, err := conn.Write([]byte(c.send))
					must(t, err)
					c.ends(t, conn)
					err = <-ends
					if err == nil || c.is != nil && !errors.Is(err, c.is) {
						t.Errorf("%q: %v, want %v", c.send, err, c.is)
					}
					conn.Close()
					check("between")
				}
				must(t, pump.Finish())
				must(t, <-done)
				good.Close()
				if s := pump.Stats(); s.Opened != 6 || s.Failed != 5 {
					t.Errorf("%+v", s)
				}
			})
		}
	}
}

// A frame that never ends is refused when it is longer than the ring takes, and costs no more memory than that.
func TestFrameNeverEnds(t *testing.T) {
	p, _ := heapRing(t, ring.Config{Capacity: 64 << 10})
	l := listen(t, "tcp")
	for _, skip := range []bool{false, true} {
		peer := make(chan error, 1)
		c := dial(t, l)
		endless, err := l.Accept()
		must(t, err)
		const most = 64 << 20
		go func() {
			b := bytes.Repeat([]byte("x"), 1<<16)
			for sent := 0; sent < most; sent += len(b) {
				if _, err := endless.Write(b); err != nil {
					peer <- err
					return
				}
			}
			peer <- endless.Close()
		}()
		before := allocated()
		pump := feed.Into(p, feed.Reader(c, feed.Lines()), feed.WithSkip(func(error) bool { return skip }))
		err = pump.Run(t.Context())
		if n := allocated() - before; n > 8<<20 {
			t.Errorf("%d bytes were allocated", n)
		}
		perr := <-peer
		if !skip && (!errors.Is(err, ring.ErrTooLarge) || perr == nil) {
			t.Errorf("run: %v, peer: %v", err, perr)
		}
		if s := pump.Stats(); skip && (err != nil || perr != nil || s.Refused != 1 || s.Messages != 0) {
			t.Errorf("run: %v, peer: %v, %+v", err, perr, s)
		}
		endless.Close()
	}
	must(t, l.Close())
}

// allocated is how many bytes were ever allocated.
func allocated() int64 {
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.TotalAlloc)
}

// A peer that does not read stops the source through the ring; memory stays what the ring and a batch take;
// then everything arrives.
func TestSlowSinkStopsSource(t *testing.T) {
	const total = 24 << 20
	msg := bytes.Repeat([]byte("x"), 1000)
	for _, kind := range []string{"tcp", "unix", "tls"} {
		t.Run(kind, func(t *testing.T) {
			p, k := heapRing(t, ring.Config{Capacity: 1 << 20})
			from, to := listen(t, "unix"), newStation(t, kind)
			sink, err := feed.DialSink(to.address, feed.Length(), to.dial)
			must(t, err)
			source, err := feed.DialSource("unix://"+from.Addr().String(), feed.Length(), feed.Dial{})
			must(t, err)
			into, outOf := feed.Into(p, source), feed.OutOf(k, sink)
			fed := make(chan error, 1)
			go func() { fed <- errors.Join(into.Run(context.Background()), p.Close()) }()
			done := run(outOf)
			c, err := from.Accept()
			must(t, err)
			must(t, c.(*net.UnixConn).SetWriteBuffer(64<<10))
			before := allocated()
			wrote := make(chan error, 1)
			go func() {
				b := append(binary.LittleEndian.AppendUint32(nil, uint32(len(msg))), msg...)
				for sent := 0; sent < total; sent += len(msg) {
					if _, err := c.Write(b); err != nil {
						wrote <- err
						return
					}
				}
				wrote <- c.Close()
			}()
			slow := to.accept(t)
			testutil.Eventually(t, "the ring is full", func() bool {
				s, err := p.Ring().Stats()
				must(t, err)
				return s.Occupied > s.Capacity-uint64(2*len(msg))
			})
			got, err := io.CopyN(io.Discard, slow, total/2)
			must(t, err)
			if n := allocated() - before; n > 8<<20 {
				t.Errorf("%d bytes were allocated while %d passed", n, got)
			}
			rest, err := io.Copy(io.Discard, slow)
			must(t, err)
			want := int64(total+len(msg)-1) / int64(len(msg)) * int64(len(msg)+4)
			if got+rest != want {
				t.Errorf("%d bytes came out, want %d", got+rest, want)
			}
			must(t, slow.Close())
			must(t, <-wrote)
			must(t, <-fed)
			must(t, <-done)
			must(t, from.Close())
		})
	}
}

// With no descriptor left, connections wait, and come in when there is one again; Finish
// ends the wait.
func TestAcceptWithoutDescriptors(t *testing.T) {
	b, err := testutil.Child(t, "starved").CombinedOutput()
	if err != nil {
		t.Errorf("%v: %s", err, b)
	}
}

func init() { roles["starved"] = starved }

func starved([]string) error {
	r, err := ring.CreateMemfd("feed", ring.Config{})
	if err != nil {
		return err
	}
	p, perr := r.Producer()
	k, kerr := r.Consumer()
	l, lerr := net.Listen("tcp", "127.0.0.1:0")
	if err := errors.Join(perr, kerr, lerr); err != nil {
		return err
	}
	pump := feed.ListenInto(l, feed.Lines(), []*ring.Producer{p})
	done := run(pump)
	client, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	_, err = client.Write([]byte("one\n"))
	b, rerr := k.Recv(context.Background(), nil)
	if err := errors.Join(err, rerr); err != nil || string(b) != "one" {
		return fmt.Errorf("%q, %w", b, err)
	}
	// One for the next client, none for its connection.
	limit := unix.Rlimit{Cur: 64, Max: 64}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return err
	}
	var held []*os.File
	for {
		f, err := os.Open(os.DevNull)
		if err != nil {
			break
		}
		held = append(held, f)
	}
	held[0].Close()
	second, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		return err
	}
	if _, err := second.Write([]byte("two\n")); err != nil {
		return err
	}
	if err := testutil.Until("a failed accept", func() bool { return pump.Stats().Failed > 0 }); err != nil {
		return err
	}
	held[1].Close()
	b, err = k.Recv(context.Background(), nil)
	if err != nil || string(b) != "two" {
		return fmt.Errorf("%q, %w", b, err)
	}
	return errors.Join(pump.Finish(), <-done)
}

// Signals that interrupt system calls change nothing.
func TestStreamInterrupted(t *testing.T) {
	stop := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			select {
			case <-stop:
				return
			default:
				_ = syscall.Kill(os.Getpid(), syscall.SIGURG) // the runtime's own
				runtime.Gosched()
			}
		}
	})
	over(t, "tcp://127.0.0.1:0", nil, nil, false)
	over(t, "unix://"+filepath.Join(t.TempDir(), "s"), nil, nil, true)
	close(stop)
	wg.Wait()
}

// Writing to a pipe or socket that nobody reads is an error, not a SIGPIPE.
func TestWriterWithoutReader(t *testing.T) {
	r, w, err := os.Pipe()
	must(t, err)
	must(t, r.Close())
	l := listen(t, "unix")
	defer l.Close()
	c := dial(t, l)
	peer, err := l.Accept()
	must(t, err)
	must(t, peer.Close())
	for _, w := range []io.Writer{w, c} {
		p, k := heapRing(t, ring.Config{})
		must(t, p.Send(t.Context(), []byte("x")))
		if err := feed.OutOf(k, feed.Writer(w, feed.Lines())).Run(t.Context()); !errors.Is(err, syscall.EPIPE) {
			t.Errorf("%T: %v", w, err)
		}
	}
}

// A writer that takes a part and gives no error tears nothing.
func TestShortWrite(t *testing.T) {
	p, k := heapRing(t, ring.Config{})
	must(t, p.Send(t.Context(), []byte("one")))
	must(t, p.Send(t.Context(), []byte("two")))
	var b strings.Builder
	pump := feed.OutOf(k, feed.Writer(short{&b}, feed.Lines()))
	if err := pump.Run(t.Context()); !errors.Is(err, io.ErrShortWrite) || !strings.Contains(err.Error(), "1 bytes were written") {
		t.Error(err)
	}
	if pump.Stats().Messages != 1 || b.String() != "one\nt" {
		t.Errorf("%+v, %q", pump.Stats(), b.String())
	}
}

type short struct{ w io.Writer }

func (s short) Write(b []byte) (int, error) { return s.w.Write(b[:5]) }
