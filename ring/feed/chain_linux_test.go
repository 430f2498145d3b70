package feed_test

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"net"
	"path/filepath"
	"strings"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// lengthy is message i of random length, from a few bytes to more than a socket holds.
func lengthy(rng *rand.Rand, i int) []byte {
	n := rng.IntN(200)
	switch rng.IntN(20) {
	case 0:
		n = rng.IntN(60_000)
	case 1:
		n = rng.IntN(4000)
	}
	b := word(i)
	for len(b) < 8+n {
		b = append(b, byte(i))
	}
	return b
}

// whole checks what lengthy has made, and returns its number.
func whole(t *testing.T, b []byte) int {
	t.Helper()
	i := int(binary.LittleEndian.Uint64(b))
	for _, v := range b[8:] {
		if v != byte(i) {
			t.Fatalf("message %d is torn", i)
		}
	}
	return i
}

// A peer on a Unix socket that reads so many bytes as it likes, within messages too, and then is gone
// misses nothing: the next connection begins, at the latest, with the first message that was not read whole.
func TestChainPeerLeaves(t *testing.T) {
	const messages = 3000
	for _, scheme := range []string{"unix", "unixpacket"} {
		for name, config := range map[string]ring.Config{"spsc": {Capacity: 1 << 20}, "mpsc": {Topology: ring.MPSC, Members: 2, Capacity: 1 << 20},
			"mpmc": {Topology: ring.MPMC, Kind: ring.Slots, Capacity: 64, SlotSize: 64 << 10}} {
			t.Run(scheme+"/"+name, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(3, 4))
				path := filepath.Join(t.TempDir(), "s")
				l, err := net.Listen(scheme, path)
				must(t, err)
				defer l.Close()
				p, k := heapRing(t, config)
				sink, err := feed.DialSink(scheme+"://"+path, feed.Length(), feed.Dial{Retry: feed.Retry{Min: 1, Max: 1}})
				must(t, err)
				pump := feed.OutOf(k, sink)
				done := run(pump)
				sent := make(chan error, 1)
				go func() {
					rng := rand.New(rand.NewPCG(1, 2))
					var err error
					for i := 0; i < messages && err == nil; i++ {
						err = p.Send(context.Background(), lengthy(rng, i))
					}
					sent <- errors.Join(err, p.Close())
				}()
				most := 400_000 // what has been read is known late: who reads less gets the same again and again
				if scheme == "unixpacket" {
					most = 200_000
				}
				next, twice := 0, 0 // the first that was not read whole yet
				for next < messages {
					c, err := l.Accept()
					must(t, err)
					due, first := 0, true
					for left := 1 + rng.IntN(most); left > 0 && next < messages; {
						b, err := readOne(c, scheme, left)
						if err != nil || b == nil {
							break
						}
						left -= len(b)
						i := whole(t, b)
						if first && i > next {
							t.Fatalf("a connection begins with message %d, %d was not read", i, next)
						} else if !first && i != due {
							t.Fatalf("message %d came, want %d", i, due)
						}
						if i < next {
							twice++
						}
						due, first = i+1, false
						next = max(next, due)
					}
					if next < messages {
						c.Close()
						continue
					}
					rest, err := io.ReadAll(c)
					if len(rest) > 0 || err != nil {
						t.Errorf("%d bytes more, %v", len(rest), err)
					}
					c.Close()
				}
				must(t, <-sent)
				must(t, <-done)
				s := pump.Stats()
				if s.Messages != messages || uint64(twice) > s.Again || s.Failed+1 != s.Opened {
					t.Errorf("%+v; %d came twice", s, twice)
				}
			})
		}
	}
}

// readOne reads a message; nil: it was left half read, with no more than left bytes.
func readOne(c net.Conn, scheme string, left int) ([]byte, error) {
	if scheme == "unixpacket" {
		b := make([]byte, 128<<10)
		n, err := c.Read(b)
		if n == 0 && err == nil {
			err = io.EOF
		}
		return b[:n], err
	}
	var head [4]byte
	if _, err := io.ReadFull(c, head[:]); err != nil {
		return nil, err
	}
	b := make([]byte, binary.LittleEndian.Uint32(head[:]))
	if len(b) > left {
		_, err := io.ReadFull(c, b[:left])
		return nil, err
	}
	_, err := io.ReadFull(c, b)
	return b, err
}

// Ring, Unix socket, ring: a receiver that is finished again and again, also while its ring is
// full, and each time followed by another, gets every message, in order.
func TestChainFinish(t *testing.T) {
	const messages = 2000
	for _, kind := range []string{"unix", "unixpacket", "unixpacket long"} {
		t.Run(kind, func(t *testing.T) {
			scheme, _, long := strings.Cut(kind, " ") // each of these is received straight into the ring
			path := filepath.Join(t.TempDir(), "s")
			p, k := heapRing(t, ring.Config{Capacity: 1 << 20})
			p2, k2 := heapRing(t, ring.Config{Capacity: 256 << 10})
			sink, err := feed.DialSink(scheme+"://"+path, feed.Length(), feed.Dial{Retry: feed.Retry{Min: 1, Max: 1}})
			must(t, err)
			pump := feed.OutOf(k, sink)
			done := run(pump)
			sent := make(chan error, 1)
			go func() {
				rng := rand.New(rand.NewPCG(1, 2))
				var err error
				for i := 0; i < messages && err == nil; i++ {
					b := lengthy(rng, i)
					for long && len(b) < 9000 {
						b = append(b, byte(i))
					}
					err = p.Send(context.Background(), b)
				}
				sent <- errors.Join(err, p.Close())
			}()
			rng := rand.New(rand.NewPCG(5, 6))
			next, twice := 0, 0
			recv := func() bool {
				b, err := k2.TryRecv(nil)
				if err == ring.ErrEmpty {
					return false
				}
				must(t, err)
				i := whole(t, b)
				if i > next {
					t.Fatalf("message %d came, want %d", i, next)
				} else if i < next {
					twice++
				}
				next = max(next, i+1)
				return true
			}
			for rounds := 0; next < messages; rounds++ {
				l, err := feed.Listen(context.Background(), scheme+"://"+path, nil)
				must(t, err)
				into := feed.ListenInto(l, feed.Length(), []*ring.Producer{p2})
				ran := run(into)
				if rounds%2 == 0 {
					until := next + 1 + rng.IntN(200)
					testutil.Eventually(t, "messages come", func() bool {
						for next < until && recv() {
						}
						return next >= min(until, messages)
					})
				} else {
					testutil.Eventually(t, "the ring is full, or all have come", func() bool {
						return p2.Waiting() || pump.Stats().Messages == messages
					})
				}
				must(t, into.Finish())
				testutil.Eventually(t, "the receiver ends", func() bool {
					for recv() {
					}
					select {
					case err = <-ran:
						return true
					default:
						return false
					}
				})
				must(t, err)
				for recv() {
				}
			}
			must(t, <-sent)
			must(t, <-done)
			s := pump.Stats()
			if s.Messages != messages || uint64(twice) > s.Again {
				t.Errorf("%+v; %d came twice", s, twice)
			}
		})
	}
}

// One consumer, and one pump after the other, each stopped at any time: the peer misses nothing.
func TestChainPumps(t *testing.T) {
	const messages = 3000
	for _, scheme := range []string{"tcp", "unix", "unixpacket"} {
		for name, config := range map[string]ring.Config{"spsc": {Capacity: 1 << 20}, "mpsc": {Topology: ring.MPSC, Members: 2, Capacity: 1 << 20},
			"ordered": {Topology: ring.MPSCOrdered, Capacity: 1 << 20}, "mpmc": {Topology: ring.MPMC, Kind: ring.Slots, Capacity: 64, SlotSize: 64 << 10},
			"broadcast": {Topology: ring.Broadcast, Overrun: ring.OverrunBlock, Capacity: 1 << 20, Members: 2}} {
			t.Run(scheme+"/"+name, func(t *testing.T) {
				address := "127.0.0.1:0"
				if scheme != "tcp" {
					address = filepath.Join(t.TempDir(), "s")
				}
				l, err := net.Listen(scheme, address)
				must(t, err)
				defer l.Close()
				p, k := heapRing(t, config)
				sent := make(chan error, 1)
				go func() {
					rng := rand.New(rand.NewPCG(1, 2))
					var err error
					for i := 0; i < messages && err == nil; i++ {
						err = p.Send(context.Background(), lengthy(rng, i))
					}
					sent <- errors.Join(err, p.Close())
				}()
				rng := rand.New(rand.NewPCG(7, 8))
				next, released := 0, 0
				for ended := false; !ended; {
					sink, err := feed.DialSink(scheme+"://"+l.Addr().String(), feed.Length(), feed.Dial{})
					must(t, err)
					ctx, cancel := context.WithCancel(context.Background())
					pump := feed.OutOf(k, sink)
					done := aside(ctx, pump)
					if released == messages { // the one before was stopped behind the last
						must(t, <-done)
						cancel()
						break
					}
					c, err := l.Accept()
					must(t, err)
					stopAt := rng.IntN(150)
					for n := 0; ; n++ {
						if n == stopAt {
							cancel()
						}
						b, err := readOne(c, scheme, 1<<20)
						if err != nil {
							break
						}
						i := whole(t, b)
						if i > next || n == 0 && i < released {
							t.Fatalf("message %d came, want %d; %d were released", i, next, released)
						}
						next = max(next, i+1)
					}
					c.Close()
					cancel()
					if err := <-done; err == nil {
						ended = true
					} else if !errors.Is(err, context.Canceled) {
						t.Fatal(err)
					}
					released += int(pump.Stats().Messages)
					if released > next {
						t.Fatalf("%d messages were released, %d read", released, next)
					}
				}
				must(t, <-sent)
				if next != messages || released != messages {
					t.Errorf("%d messages were read, %d released, of %d", next, released, messages)
				}
			})
		}
	}
}
