package feed_test

import (
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

// queued is how many messages are in the queue, as the kernel has it.
func queued(t *testing.T, q feed.MessageQueue) int {
	t.Helper()
	n, err := feed.Queued(q)
	must(t, err)
	return n
}

// inCall tells whether a process is in a system call.
func inCall(t *testing.T, pid, number int) bool {
	t.Helper()
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/syscall", pid))
	must(t, err)
	return strings.HasPrefix(string(b), fmt.Sprint(number, " "))
}
