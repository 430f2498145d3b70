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
	"strings"
	"testing"
	"time"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// fullRings are small rings of all kinds whose producers wait.
var fullRings = map[string]ring.Config{
	"spsc":      {Capacity: 4096},
	"mpsc":      {Topology: ring.MPSC, Capacity: 4096, Members: 2},
	"ordered":   {Topology: ring.MPSCOrdered, Capacity: 4096},
	"mpmc":      {Topology: ring.MPMC, Kind: ring.Slots, Capacity: 16, SlotSize: 64},
	"broadcast": {Topology: ring.Broadcast, Overrun: ring.OverrunBlock, Capacity: 4096, Members: 2},
}

// textLines are n lines.
func textLines(n int) []byte {
	var b bytes.Buffer
	for i := range n {
		fmt.Fprintf(&b, "line %d\n", i)
	}
	return b.Bytes()
}

// unending is a reader that has b, and then nothing until it is stopped.
type unending struct {
	io.Reader
	stopped chan struct{}
}

func newUnending(b []byte) *unending { return &unending{bytes.NewReader(b), make(chan struct{})} }

func (u *unending) Read(b []byte) (int, error) {
	if n, err := u.Reader.Read(b); err != io.EOF {
		return n, err
	}
	<-u.stopped
	return 0, os.ErrDeadlineExceeded
}

func (u *unending) SetReadDeadline(time.Time) error { close(u.stopped); return nil }

func waits(t *testing.T, p *ring.Producer) {
	t.Helper()
	testutil.Eventually(t, "the source waits for room", p.Waiting)
}

// Finish lets a source that waits for room send all that it has read.
func TestFinishWaitsForRoom(t *testing.T) {
	const n = 1000
	for name, config := range fullRings {
		t.Run(name, func(t *testing.T) {
			p, c := heapRing(t, config)
			pump := feed.Into(p, feed.Reader(newUnending(textLines(n)), feed.Lines()), feed.WithLinger(time.Hour))
			ran := make(chan error, 1)
			go func() { ran <- errors.Join(pump.Run(context.Background()), p.Close()) }()
			waits(t, p)
			must(t, pump.Finish())
			for i := range n {
				b, err := c.Recv(t.Context(), nil)
				must(t, err)
				if want := fmt.Sprint("line ", i); string(b) != want {
					t.Fatalf("%q came, want %q", b, want)
				}
			}
			must(t, <-ran)
			if _, err := c.TryRecv(nil); err != io.EOF {
				t.Errorf("%v, want io.EOF", err)
			}
			if got := pump.Stats().Messages; got != n {
				t.Errorf("%d messages count, want %d", got, n)
			}
		})
	}
}

// Where nobody makes room, Finish ends all the same, and says that what was read is lost.
func TestFinishFullRing(t *testing.T) {
	for name, config := range fullRings {
		t.Run(name, func(t *testing.T) {
			p, c := heapRing(t, config)
			pump := feed.Into(p, feed.Reader(newUnending(textLines(1000)), feed.Lines()), feed.WithLinger(time.Millisecond))
			ran := make(chan error, 1)
			go func() { ran <- pump.Run(context.Background()) }()
			waits(t, p)
			must(t, pump.Finish())
			if err := <-ran; !errors.Is(err, feed.ErrNotSent) || !strings.Contains(err.Error(), "message ") {
				t.Errorf("%v, want ErrNotSent and which message", err)
			}
			must(t, p.Close())
			got := uint64(0)
			for ; ; got++ {
				if b, err := c.TryRecv(nil); err == io.EOF {
					break
				} else if err != nil || string(b) != fmt.Sprint("line ", got) {
					t.Fatalf("%q, %v: want line %d", b, err, got)
				}
			}
			if sent := pump.Stats().Messages; sent != got || got == 0 {
				t.Errorf("%d messages count, %d came", sent, got)
			}
		})
	}
}

// The end of the context does not wait, and says so too.
func TestStopFullRing(t *testing.T) {
	p, _ := heapRing(t, fullRings["spsc"])
	pump := feed.Into(p, feed.Reader(newUnending(textLines(1000)), feed.Lines()), feed.WithLinger(time.Hour))
	ctx, cancel := context.WithCancel(context.Background())
	ran := make(chan error, 1)
	go func() { ran <- pump.Run(ctx) }()
	waits(t, p)
	cancel()
	if err := <-ran; !errors.Is(err, feed.ErrNotSent) || !errors.Is(err, context.Canceled) {
		t.Errorf("%v, want ErrNotSent and context.Canceled", err)
	}
}

// A source that takes nothing before it has room ends at once.
func TestFinishTakesNothing(t *testing.T) {
	p, _ := heapRing(t, ring.Config{Capacity: 4096})
	for p.TrySend(make([]byte, 500)) == nil {
	}
	pump := feed.Into(p, roomy{t}, feed.WithLinger(time.Hour))
	ran := make(chan error, 1)
	go func() { ran <- pump.Run(context.Background()) }()
	waits(t, p)
	must(t, pump.Finish())
	must(t, <-ran)
}

// roomy is a source that wants room before it has anything.
type roomy struct{ t *testing.T }

func (s roomy) Fill(in *feed.Intake) error {
	_, err := in.Room(1000)
	if err == nil {
		s.t.Error("there was room")
		in.Drop()
	}
	return err
}

func (roomy) Stop()        {}
func (roomy) Close() error { return nil }

// OnIdle ends a pump that waits for room.
func TestIdleFullRing(t *testing.T) {
	p, _ := heapRing(t, fullRings["spsc"])
	enough := errors.New("enough")
	idle := func() error {
		if p.Waiting() {
			return enough
		}
		return nil
	}
	err := feed.Into(p, feed.Reader(newUnending(textLines(1000)), feed.Lines()), feed.OnIdle(idle)).Run(context.Background())
	if !errors.Is(err, enough) {
		t.Errorf("%v, want %v", err, enough)
	}
}

// Finish ends a listener whose connections all wait for room in one ring.
func TestFinishListenFullRing(t *testing.T) {
	p, _ := heapRing(t, fullRings["spsc"])
	l, err := feed.Listen(context.Background(), "tcp://127.0.0.1:0", nil)
	must(t, err)
	pump := feed.ListenInto(l, feed.Lines(), []*ring.Producer{p}, feed.WithLinger(10*time.Millisecond))
	ran := make(chan error, 1)
	go func() { ran <- pump.Run(context.Background()) }()
	for range 10 {
		c, err := net.Dial("tcp", l.Addr().String())
		must(t, err)
		defer c.Close()
		_, err = c.Write(textLines(1000))
		must(t, err)
	}
	testutil.Eventually(t, "all are accepted", func() bool { return pump.Stats().Opened == 10 })
	waits(t, p)
	must(t, pump.Finish())
	if err := <-ran; !errors.Is(err, feed.ErrNotSent) {
		t.Errorf("%v, want ErrNotSent", err)
	}
}

// Datagrams that were received and find no room are sent by Finish, and counted where the context ends.
func TestEndDatagramsFullRing(t *testing.T) {
	const n = 100 // received by one call
	for _, config := range fullRings {
		for _, finish := range []bool{true, false} {
			t.Run(fmt.Sprintf("%v/finish=%v", config.Topology, finish), func(t *testing.T) {
				p, c := heapRing(t, config)
				path := filepath.Join(t.TempDir(), "s")
				source, err := feed.DatagramSource("unixgram://"+path, feed.Datagrams{})
				if errors.Is(err, errors.ErrUnsupported) {
					testutil.Absent(t, "datagrams: %v", err)
				}
				must(t, err)
				to, err := net.Dial("unixgram", path)
				must(t, err)
				defer to.Close()
				pump := feed.Into(p, source, feed.WithLinger(time.Hour))
				ctx, cancel := context.WithCancel(context.Background())
				defer cancel()
				ran := make(chan error, 1)
				go func() { ran <- pump.Run(ctx) }()
				sent := make(chan error, 1)
				go func() { // it waits while the queue of the socket is full
					for i := range n {
						if _, err := to.Write(append(word(i), make([]byte, 48)...)); err != nil {
							sent <- fmt.Errorf("datagram %d: %w", i, err)
							return
						}
					}
					sent <- nil
				}()
				waits(t, p)
				if finish {
					must(t, pump.Finish())
				} else {
					cancel()
				}
				next := uint64(0)
				recv := func() bool {
					b, err := c.TryRecv(nil)
					if err == nil {
						next = inOrder(t, []uint64{binary.LittleEndian.Uint64(b)}, next)
					} else if err != ring.ErrEmpty && err != io.EOF {
						t.Fatal(err)
					}
					return err == nil
				}
				if finish {
					testutil.Eventually(t, "the pump ends", func() bool {
						recv()
						select {
						case err = <-ran:
							return true
						default:
							return false
						}
					})
					must(t, err)
				} else if err = <-ran; !errors.Is(err, feed.ErrNotSent) || !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "received and are lost: ") {
					t.Errorf("%v, want ErrNotSent, context.Canceled and how many", err)
				}
				for recv() {
				}
				if got := pump.Stats().Messages; got != next || got == 0 {
					t.Errorf("%d messages count as sent, %d came", got, next)
				}
				to.Close()
				<-sent
			})
		}
	}
}
