//go:build amd64 || arm64 || loong64 || riscv64

package feed_test

import (
	"context"
	"errors"
	"fmt"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"

	"golang.org/x/sys/unix"
)

// kernelQueue is a queue of either kind, which is there, is empty, and takes messages of 64 bytes at most.
type kernelQueue struct {
	kind, name string // as the role queueFeed and the C peer have it
	queue      interface {
		Source() (feed.Source, error)
		Sink() (feed.Sink, error)
	}
	five       func() (feed.Sink, error) // of messages with the priority, or type, 5
	queued     func() int
	send, recv string // of the C peer
	recvMore   []any  // what recv is told behind the count
	inRecv     int    // the call that the C peer waits in
	recvWaits  func() bool
	sendWaits  func() bool
	before     int    // messages that are sent before one that is too long
	stays      string // what is said of that one
}

// eachQueue runs f with a queue that holds 8 messages of one byte.
func eachQueue(t *testing.T, f func(t *testing.T, q kernelQueue)) {
	t.Run("POSIX", func(t *testing.T) {
		q := testQueue(t)
		s, err := q.Sink() // makes it
		must(t, err)
		must(t, s.Close())
		always := func() bool { return true } // it waits in the poller
		f(t, kernelQueue{"mq", q.Name, feed.MessageQueue{Name: q.Name}, feed.MessageQueue{Name: q.Name, Priority: 5}.Sink, func() int { return queued(t, q) }, "mqsend", "mqrecv", nil,
			unix.SYS_MQ_TIMEDRECEIVE, always, always, 0, "WithSkip"})
	})
	t.Run("SysV", func(t *testing.T) {
		q := testSysV(t, 8)
		f(t, kernelQueue{"sysv", fmt.Sprint(q.ID), q, feed.SysVQueue{ID: q.ID, Type: 5}.Sink, func() int { return svQueued(t, q) }, "msgsend", "msgrecv", []any{0},
			unix.SYS_MSGRCV, func() bool { return anyInCall(unix.SYS_MSGRCV) }, func() bool { return anyInCall(unix.SYS_MSGSND) }, 3, "stays there"})
	})
}

func (q kernelQueue) into(t *testing.T, p *ring.Producer, opts ...feed.Option) *feed.Pump {
	t.Helper()
	s, err := q.queue.Source()
	must(t, err)
	return feed.Into(p, s, opts...)
}

func (q kernelQueue) outOf(t *testing.T, k *ring.Consumer, opts ...feed.Option) *feed.Pump {
	t.Helper()
	s, err := q.queue.Sink()
	must(t, err)
	return feed.OutOf(k, s, opts...)
}

func (q kernelQueue) feeder(t *testing.T, name, way string) *testutil.Process {
	t.Helper()
	return testutil.Start(t, testutil.Child(t, "queueFeed", name, q.kind, q.name, way))
}

func (q kernelQueue) sender(t *testing.T, n int) *testutil.Process {
	t.Helper()
	return testutil.Start(t, cPeer(t, q.send, q.name, n))
}

func (q kernelQueue) receiver(t *testing.T, n int) *testutil.Process {
	t.Helper()
	return testutil.Start(t, cPeer(t, append([]any{q.recv, q.name, n}, q.recvMore...)...))
}

func init() {
	roles["queueFeed"] = func(args []string) error {
		mq, sv := feed.MessageQueue{Name: args[2]}, feed.SysVQueue{}
		source, sink := mq.Source, mq.Sink
		if args[1] == "sysv" {
			if _, err := fmt.Sscan(args[2], &sv.ID); err != nil {
				return err
			}
			source, sink = sv.Source, sv.Sink
		}
		if args[3] == "in" {
			p, err := openProducer(args[0])
			if err != nil {
				return err
			}
			s, err := source()
			if err != nil {
				return err
			}
			return feed.Into(p, s).Run(context.Background())
		}
		r, err := ring.Open(args[0])
		if err != nil {
			return err
		}
		k, err := r.Consumer()
		if err != nil {
			return err
		}
		s, err := sink()
		if err != nil {
			return err
		}
		return feed.OutOf(k, s).Run(context.Background())
	}
	roles["unwakeable"] = func(args []string) error {
		signal.Ignore(syscall.SIGURG)
		_, err := feed.SysVQueue{Create: true}.Open()
		_, serr := feed.OpenSysVSemaphore(feed.SysVSet{Create: true})
		fmt.Printf("%v\n%v\n", err, serr)
		return nil
	}
}

// A C program sends more than the queue holds, and than the ring does.
func TestQueueFromC(t *testing.T) {
	const n = 500
	eachQueue(t, func(t *testing.T, q kernelQueue) {
		inRings(t, func(t *testing.T, p *ring.Producer, k *ring.Consumer) {
			pump := q.into(t, p)
			done := running(t, pump)
			c := q.sender(t, n)
			got, want := received(t, k, n), numbers(n)
			c.Done()
			if q.kind == "mq" { // priorities have mixed them
				slices.Sort(got)
				slices.Sort(want)
			}
			if !slices.Equal(got, want) {
				t.Errorf("got %q", got)
			}
			must(t, pump.Finish())
			must(t, <-done)
			if s := pump.Stats(); s.Messages != n {
				t.Errorf("%+v", s)
			}
		})
	})
}

// A C program receives more than the queue holds, in order.
func TestQueueToC(t *testing.T) {
	const n = 500
	eachQueue(t, func(t *testing.T, q kernelQueue) {
		s, err := q.five()
		must(t, err)
		p, k := heapRing(t, ring.Config{Capacity: 1 << 16})
		sent(t, p, numbers(n)...)
		done := running(t, feed.OutOf(k, s))
		c := q.receiver(t, n)
		for i := range n {
			c.Expect(fmt.Sprintf("5 %d", i))
		}
		must(t, <-done)
		c.Done()
	})
}

// A wait on either side ends by Finish or by the context, and what was not taken stays in the ring.
func TestQueueStop(t *testing.T) {
	eachQueue(t, func(t *testing.T, q kernelQueue) {
		p, _ := heapRing(t, ring.Config{})
		for range 20 { // a signal that came too early is sent again
			pump := q.into(t, p)
			done := running(t, pump)
			must(t, pump.Finish())
			must(t, <-done)
		}
		stopped := func(pump *feed.Pump, waits func() bool) {
			t.Helper()
			ctx, cancel := context.WithCancel(t.Context())
			done := make(chan error, 1)
			go func() { done <- pump.Run(ctx) }()
			testutil.Eventually(t, "the pump waits", waits)
			cancel()
			if err := <-done; !errors.Is(err, context.Canceled) {
				t.Error(err)
			}
		}
		stopped(q.into(t, p), q.recvWaits)

		p, k := heapRing(t, ring.Config{})
		sent(t, p, numbers(20)...)
		pump := q.outOf(t, k)
		stopped(pump, func() bool { return pump.Stats().Messages == 8 && q.sendWaits() })
		if got := received(t, reopened(t, k), 12); got[0] != "8" || got[11] != "19" {
			t.Errorf("left in the ring: %q", got)
		}
	})
}

// What a queue or a ring does not take ends the pump there, or is passed over and counted.
func TestQueueTooLong(t *testing.T) {
	skip := feed.WithSkip(func(error) bool { return true })
	eachQueue(t, func(t *testing.T, q kernelQueue) {
		for _, opts := range [][]feed.Option{nil, {skip}} {
			p, k := heapRing(t, ring.Config{})
			sent(t, p, "1", strings.Repeat("x", 65), "2")
			pump := q.outOf(t, k, opts...)
			err := pump.Run(t.Context())
			switch s := pump.Stats(); {
			case opts != nil && (err != nil || s.Messages != 2 || s.Refused != 1):
				t.Errorf("%+v, %v", s, err)
			case opts == nil && (!errors.Is(err, ring.ErrTooLarge) || s.Messages != 1):
				t.Errorf("%+v, %v", s, err)
			}
		}
		p, k := heapRing(t, ring.Config{Kind: ring.Slots, SlotSize: 1})
		sink, err := q.queue.Sink()
		must(t, err)
		_, err = sink.Take([][]byte{[]byte("long"), []byte("3")})
		must(t, err)
		must(t, sink.Close())
		pump := q.into(t, p)
		if err := pump.Run(t.Context()); !errors.Is(err, ring.ErrTooLarge) || !strings.Contains(err.Error(), q.stays) {
			t.Errorf("a ring of short slots: %v", err)
		}
		if s := pump.Stats(); s.Messages != uint64(q.before) {
			t.Errorf("%+v", s)
		}
		pump = q.into(t, p, skip)
		done := running(t, pump)
		if got := received(t, k, 4); !slices.Equal(got, []string{"1", "1", "2", "3"}) {
			t.Errorf("%q", got)
		}
		must(t, pump.Finish())
		must(t, <-done)
		if s := pump.Stats(); s.Refused != 1 || s.Messages != uint64(4-q.before) {
			t.Errorf("%+v", s)
		}
	})
}

// A sink that is killed where the queue is full leaves that and the ring to the next, which sends a part of it again.
func TestQueueSinkKilled(t *testing.T) {
	eachQueue(t, func(t *testing.T, q kernelQueue) {
		name, k := signalRing(t)
		must(t, k.Close())
		p, err := openProducer(name)
		must(t, err)
		for _, m := range numbers(20) {
			must(t, p.Send(t.Context(), []byte(m)))
		}
		first := q.feeder(t, name, "out")
		testutil.Eventually(t, "the queue is full", func() bool { return q.queued() == 8 })
		killed(first)
		must(t, p.Close())
		next := q.feeder(t, name, "out")
		got := map[string]int{}
		peer := q.receiver(t, 20)
		for range 20 {
			_, m, _ := strings.Cut(peer.Line(), " ")
			got[m]++
		}
		// What was sent and not yet given back comes twice: drain it, up to the end.
		p2, k2 := heapRing(t, ring.Config{})
		pump := q.into(t, p2)
		done := running(t, pump)
		next.Done()
		testutil.Eventually(t, "the queue is empty", func() bool { return q.queued() == 0 })
		must(t, pump.Finish())
		must(t, <-done)
		for {
			b, err := k2.TryRecv(nil)
			if err != nil {
				break
			}
			got[string(b)]++
		}
		for _, m := range numbers(20) {
			if got[m] < 1 || got[m] > 2 {
				t.Errorf("message %s came %d times", m, got[m])
			}
		}
		peer.Done()
		must(t, p.Ring().Close())
	})
}

// A source that is killed in its wait leaves the queue and the ring to the next.
func TestQueueSourceKilled(t *testing.T) {
	eachQueue(t, func(t *testing.T, q kernelQueue) {
		name, k := signalRing(t)
		for i := range 3 {
			c := q.feeder(t, name, "in")
			q.sender(t, 10).Done()
			got := received(t, k, 10)
			slices.Sort(got) // POSIX priorities have mixed them
			if !slices.Equal(got, numbers(10)) {
				t.Errorf("round %d: %q", i, got)
			}
			killed(c)
		}
	})
}

// The other side is killed in a wait, or between messages.
func TestQueuePeerKilled(t *testing.T) {
	eachQueue(t, func(t *testing.T, q kernelQueue) {
		for range 2 {
			c := q.receiver(t, 1)
			testutil.Eventually(t, "the peer waits", func() bool { return inCall(t, c.PID(), q.inRecv) })
			killed(c)
		}
		p, k := heapRing(t, ring.Config{})
		pump := q.into(t, p)
		done := running(t, pump)
		c := q.sender(t, 1<<30)
		received(t, k, 100)
		killed(c)
		must(t, pump.Finish())
		drained(t, k, done)
	})
}

// Where the signal that ends waits is ignored, nothing is opened, nor made.
func TestSysVUnwakeable(t *testing.T) {
	said := strings.Split(testutil.Start(t, testutil.Child(t, "unwakeable")).Done(), "\n")
	for i, what := range []string{"new System V queue", "new System V semaphore"} {
		if want := "feed: " + what + ": SIGURG is ignored, so that no wait can be ended: signal.Reset(syscall.SIGURG): invalid argument"; len(said) != 2 || said[i] != want {
			t.Errorf("%q, want %q", said, want)
		}
	}
}
