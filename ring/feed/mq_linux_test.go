package feed_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"

	"golang.org/x/sys/unix"
)

// testQueue is a queue that goes with the test.
func testQueue(t *testing.T) feed.MessageQueue {
	q := feed.MessageQueue{Name: ipcName(), Create: true, MaxMessages: 8, MaxSize: 64}
	t.Cleanup(func() {
		if err := q.Remove(); err != nil && !errors.Is(err, os.ErrNotExist) {
			t.Error(err)
		}
	})
	return q
}

// A C program sends more than the queue holds, and than the ring does.
func TestMessageQueueFromC(t *testing.T) {
	const n = 500
	inRings(t, func(t *testing.T, p *ring.Producer, k *ring.Consumer) {
		q := testQueue(t)
		s, err := q.Source()
		must(t, err)
		pump := feed.Into(p, s)
		done := running(t, pump)
		c := started(t, cPeer(t, "mqsend", q.Name, n))
		got := received(t, k, n)
		c.rest(t)
		slices.Sort(got) // priorities have mixed them
		if want := slices.Sorted(slices.Values(numbers(n))); !slices.Equal(got, want) {
			t.Errorf("got %q", got)
		}
		must(t, pump.Finish())
		must(t, <-done)
		if s := pump.Stats(); s.Messages != n {
			t.Errorf("%+v", s)
		}
	})
}

// A C program receives more than the queue holds, in order.
func TestMessageQueueToC(t *testing.T) {
	const n = 500
	q := testQueue(t)
	q.Priority = 7
	s, err := q.Sink()
	must(t, err)
	p, k := heapRing(t, ring.Config{Capacity: 1 << 16})
	sent(t, p, numbers(n)...)
	done := running(t, feed.OutOf(k, s))
	got := lines(t, cPeer(t, "mqrecv", q.Name, n))
	must(t, <-done)
	for i, line := range got[:n] {
		if line != fmt.Sprintf("7:%d", i) {
			t.Fatalf("line %d is %q", i, line)
		}
	}
}

// Tagged messages carry their priority both ways, and the highest comes first.
func TestMessageQueueTagged(t *testing.T) {
	q := testQueue(t)
	q.Tagged = true
	sink, err := q.Sink()
	must(t, err)
	p, k := heapRing(t, ring.Config{})
	sent(t, p, "\x01\x00\x00\x00low", "\xff\x7f\x00\x00high", "\x02\x00\x00\x00", "\x01\x00\x00\x00last")
	must(t, feed.OutOf(k, sink).Run(t.Context()))

	source, err := q.Source()
	must(t, err)
	p, k = heapRing(t, ring.Config{})
	pump := feed.Into(p, source)
	done := running(t, pump)
	got := received(t, k, 4)
	if want := []string{"\xff\x7f\x00\x00high", "\x02\x00\x00\x00", "\x01\x00\x00\x00low", "\x01\x00\x00\x00last"}; !slices.Equal(got, want) {
		t.Errorf("%q", got)
	}
	must(t, pump.Finish())
	must(t, <-done)

	for _, bad := range []string{"\x01\x00", "\x00\x80\x00\x00x"} {
		sink, err := q.Sink()
		must(t, err)
		p, k := heapRing(t, ring.Config{})
		sent(t, p, bad)
		if err := feed.OutOf(k, sink).Run(t.Context()); !errors.Is(err, ring.ErrSize) {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

// A wait on either side ends by the context, and what was not taken stays in the ring.
func TestMessageQueueStop(t *testing.T) {
	q := testQueue(t)
	source, err := q.Source()
	must(t, err)
	p, _ := heapRing(t, ring.Config{})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- feed.Into(p, source).Run(ctx) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("source: %v", err)
	}

	sink, err := q.Sink()
	must(t, err)
	p, k := heapRing(t, ring.Config{})
	sent(t, p, numbers(20)...)
	ctx, cancel = context.WithCancel(t.Context())
	pump := feed.OutOf(k, sink)
	go func() { done <- pump.Run(ctx) }()
	testutil.Eventually(t, "the queue is full", func() bool { return pump.Stats().Messages == 8 })
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("sink: %v", err)
	}
	if got := received(t, reopened(t, k), 12); got[0] != "8" || got[11] != "19" {
		t.Errorf("left in the ring: %q", got)
	}
}

// A message that one side does not take ends the pump there, or is passed over and counted.
func TestMessageQueueTooLong(t *testing.T) {
	q := testQueue(t)
	long := strings.Repeat("x", 65)
	for _, skip := range []bool{false, true} {
		sink, err := q.Sink()
		must(t, err)
		p, k := heapRing(t, ring.Config{})
		sent(t, p, "1", long, "2")
		var opts []feed.Option
		if skip {
			opts = append(opts, feed.WithSkip(func(error) bool { return true }))
		}
		pump := feed.OutOf(k, sink, opts...)
		err = pump.Run(t.Context())
		switch s := pump.Stats(); {
		case skip && (err != nil || s.Messages != 2 || s.Refused != 1):
			t.Errorf("%+v, %v", s, err)
		case !skip && (!errors.Is(err, ring.ErrTooLarge) || s.Messages != 1):
			t.Errorf("%+v, %v", s, err)
		}
	}
	slots := ring.Config{Kind: ring.Slots, SlotSize: 1}
	p, k := heapRing(t, slots)
	source, err := q.Source()
	must(t, err)
	if err := feed.Into(p, source).Run(t.Context()); !errors.Is(err, ring.ErrTooLarge) {
		t.Errorf("a ring of short slots: %v", err)
	}
	source, err = q.Source()
	must(t, err)
	sent := feed.MessageQueue{Name: q.Name}
	sink, err := sent.Sink()
	must(t, err)
	_, err = sink.Take([][]byte{[]byte("too long"), []byte("3")})
	must(t, err)
	must(t, sink.Close())
	pump := feed.Into(p, source, feed.WithSkip(func(error) bool { return true }))
	done := running(t, pump)
	if got := received(t, k, 4); !slices.Equal(got, []string{"1", "1", "2", "3"}) {
		t.Errorf("%q", got)
	}
	must(t, pump.Finish())
	must(t, <-done)
	if s := pump.Stats(); s.Refused != 1 {
		t.Errorf("%+v", s)
	}
}

// What cannot be opened says why, and a limit that is too low its name, its value and
// the one that is wanted.
func TestMessageQueueLimits(t *testing.T) {
	name := ipcName()
	for _, c := range []struct {
		q    feed.MessageQueue
		is   error
		says string
	}{
		{feed.MessageQueue{Name: name}, os.ErrNotExist, "Create makes one"},
		{feed.MessageQueue{Name: "/a/b"}, os.ErrInvalid, "one slash"},
		{feed.MessageQueue{}, os.ErrInvalid, "one slash"},
		{feed.MessageQueue{Name: name, Create: true, MaxSize: -1}, os.ErrInvalid, "expected more than none"},
		{feed.MessageQueue{Name: name, Create: true, MaxMessages: 1 << 20}, unix.EINVAL, "wanted fs.mqueue.msg_max 1048576, the kernel allows 65536 at most"},
		{feed.MessageQueue{Name: name, Create: true, MaxSize: 1 << 30}, unix.EINVAL, "wanted fs.mqueue.msgsize_max 1073741824, the kernel allows 16777216 at most"},
	} {
		if _, err := c.q.Source(); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v, want %q", c.q, err, c.says)
		}
	}
	if _, err := (feed.MessageQueue{Name: name, Priority: 32768}).Sink(); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	q := testQueue(t)
	s, err := q.Sink()
	must(t, err)
	must(t, s.Close())
	q.MaxSize *= 2
	if _, err := q.Source(); !errors.Is(err, os.ErrInvalid) || !strings.Contains(err.Error(), "remove it first") {
		t.Errorf("a queue that is too small: %v", err)
	}
}

func init() {
	// mqLimited makes queues until there is no more room for one, and prints what it is told.
	roles["mqLimited"] = func(args []string) error {
		if args[1] == "bytes" {
			lim := unix.Rlimit{Cur: 1000, Max: 1000}
			if err := unix.Setrlimit(unix.RLIMIT_MSGQUEUE, &lim); err != nil {
				return err
			}
		}
		if args[1] == "most" || args[1] == "size" {
			if err := withoutResource(); err != nil {
				return err
			}
		}
		for i := range 2000 {
			q := feed.MessageQueue{Name: fmt.Sprint(args[0], "-", i), Create: true, MaxMessages: 1, MaxSize: 8}
			switch args[1] {
			case "bytes":
				q.MaxSize = 4096
			case "most":
				q.MaxMessages = 60000
			case "size":
				q.MaxSize = 16 << 20
			}
			s, err := q.Sink()
			if err != nil {
				fmt.Println(err)
				return nil
			}
			defer q.Remove()
			if err := s.Close(); err != nil {
				return err
			}
		}
		return errors.New("there is no limit")
	}
}

// withoutResource takes the capability that is above the settings from this goroutine.
func withoutResource() error {
	runtime.LockOSThread()
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var caps [2]unix.CapUserData
	if err := unix.Capget(&h, &caps[0]); err != nil {
		return err
	}
	caps[0].Effective &^= 1 << unix.CAP_SYS_RESOURCE
	return unix.Capset(&h, &caps[0])
}

// ipcNamespace gives a child its own queues and semaphores, as root or not.
func ipcNamespace() *syscall.SysProcAttr {
	attr := &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWIPC}
	if os.Geteuid() != 0 {
		attr.Cloneflags |= unix.CLONE_NEWUSER
		attr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}}
		attr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}}
	}
	return attr
}

// The limits on the number of queues, which is of an IPC namespace, and of their bytes.
func TestMessageQueueLimitsOfAll(t *testing.T) {
	for what, says := range map[string]string{
		"bytes":  "the limit RLIMIT_MSGQUEUE is 1000 bytes for all queues of a user, this one wants about 4192; see ulimit -q",
		"queues": "the limit fs.mqueue.queues_max is ",
		"most":   "wanted 60000; sysctl -w fs.mqueue.msg_max=60000",
		"size":   "wanted 16777216; sysctl -w fs.mqueue.msgsize_max=16777216",
	} {
		cmd := testutil.Child(t, "mqLimited", ipcName(), what)
		cmd.SysProcAttr = ipcNamespace()
		out, err := cmd.CombinedOutput()
		if err != nil && errors.Is(err, os.ErrPermission) {
			testutil.Absent(t, "no namespaces here: %v", err)
		}
		if err != nil || !strings.Contains(string(out), says) {
			t.Errorf("%s: %v, %q", what, err, out)
		}
	}
}

func init() {
	roles["mqFeed"] = func(args []string) error {
		r, err := ring.Open(args[0])
		if err != nil {
			return err
		}
		q := feed.MessageQueue{Name: args[1]}
		if args[2] == "in" {
			p, err := r.Producer()
			if err != nil {
				return err
			}
			s, err := q.Source()
			if err != nil {
				return err
			}
			return feed.Into(p, s).Run(context.Background())
		}
		k, err := r.Consumer()
		if err != nil {
			return err
		}
		s, err := q.Sink()
		if err != nil {
			return err
		}
		return feed.OutOf(k, s).Run(context.Background())
	}
}

// A feed that waits is killed: the queue and its messages stay, and the next one goes on.
func TestMessageQueueKilled(t *testing.T) {
	name := fmt.Sprintf("annulus-feed-%d-mq", os.Getpid())
	r, err := ring.Create(name, ring.Config{})
	must(t, err)
	defer ring.Remove(name)
	defer r.Close()
	q := testQueue(t)
	p, err := r.Producer()
	must(t, err)
	for _, m := range numbers(20) {
		must(t, p.Send(t.Context(), []byte(m)))
	}
	sink, err := q.Sink() // makes the queue
	must(t, err)
	must(t, sink.Close())
	killed := started(t, testutil.Child(t, "mqFeed", name, q.Name, "out"))
	testutil.Eventually(t, "the queue is full", func() bool { return queued(t, q) == 8 })
	killed.kill(t)
	must(t, p.Close())
	next := started(t, testutil.Child(t, "mqFeed", name, q.Name, "out"))
	got := map[string]int{}
	peer := started(t, cPeer(t, "mqrecv", q.Name, 20))
	for range 20 {
		_, m, _ := strings.Cut(peer.line(t), " ")
		got[m]++
	}
	// What was sent and not yet given back comes twice: drain it, up to the end.
	source, err := feed.MessageQueue{Name: q.Name}.Source()
	must(t, err)
	p2, k2 := heapRing(t, ring.Config{})
	pump := feed.Into(p2, source)
	done := running(t, pump)
	next.rest(t)
	testutil.Eventually(t, "the queue is empty", func() bool { return queued(t, q) == 0 })
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
	peer.rest(t)
}

// queued is how many messages are in the queue, as the kernel has it.
func queued(t *testing.T, q feed.MessageQueue) int {
	t.Helper()
	n, err := feed.Queued(q)
	must(t, err)
	return n
}

// The other side is killed in a wait.
func TestMessageQueuePeerKilled(t *testing.T) {
	q := testQueue(t)
	source, err := q.Source()
	must(t, err)
	p, k := heapRing(t, ring.Config{})
	for range 2 {
		c := started(t, cPeer(t, "mqrecv", q.Name, 1))
		testutil.Eventually(t, "the peer waits", func() bool { return inCall(t, c.Process.Pid, unix.SYS_MQ_TIMEDRECEIVE) })
		c.kill(t)
	}
	pump := feed.Into(p, source)
	done := running(t, pump)
	killed := started(t, cPeer(t, "mqsend", q.Name, 1<<30))
	received(t, k, 100)
	killed.kill(t)
	must(t, pump.Finish())
	drained(t, k, done)
}

// inCall tells whether a process is in a system call.
func inCall(t *testing.T, pid, number int) bool {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
	must(t, err)
	return strings.HasPrefix(string(b), fmt.Sprint(number, " "))
}
