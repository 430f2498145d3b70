//go:build amd64 || arm64 || loong64 || riscv64

package feed_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"

	"golang.org/x/sys/unix"
)

// testSysV is a new queue that goes with the test.
func testSysV(t *testing.T, bytes int) feed.SysVQueue {
	t.Helper()
	q, err := feed.SysVQueue{Create: true, Bytes: bytes}.Open()
	must(t, err)
	t.Cleanup(func() {
		if err := q.Remove(); err != nil && !errors.Is(err, unix.EINVAL) {
			t.Error(err)
		}
	})
	return q
}

// inbound starts a pump from q into a ring.
func inbound(t *testing.T, q feed.SysVQueue, p *ring.Producer, opts ...feed.Option) (*feed.Pump, chan error) {
	t.Helper()
	s, err := q.Source()
	must(t, err)
	pump := feed.Into(p, s, opts...)
	return pump, running(t, pump)
}

// The types of messages: a source takes those that it is for, and tagged ones carry it.
func TestSysVTypes(t *testing.T) {
	q := testSysV(t, 0)
	out := q
	out.Tagged = true
	sink, err := out.Sink()
	must(t, err)
	tag := func(typ byte, text string) string { return string([]byte{typ, 0, 0, 0, 0, 0, 0, 0}) + text }
	_, err = sink.Take([][]byte{[]byte(tag(3, "c")), []byte(tag(1, "a")), []byte(tag(2, "b")), []byte(tag(3, ""))})
	must(t, err)
	for _, bad := range []string{"1234567", tag(0, "x")} {
		if _, err := sink.Take([][]byte{[]byte(bad)}); !errors.Is(err, ring.ErrSize) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	must(t, sink.Close())
	for _, c := range []struct {
		typ    int
		tagged bool
		want   []string
	}{{2, false, []string{"b"}}, {-2, false, []string{"a"}}, {0, true, []string{tag(3, "c"), tag(3, "")}}} {
		q.Type, q.Tagged = c.typ, c.tagged
		p, k := heapRing(t, ring.Config{})
		pump, done := inbound(t, q, p)
		if got := received(t, k, len(c.want)); !slices.Equal(got, c.want) {
			t.Errorf("type %d: %q, want %q", c.typ, got, c.want)
		}
		must(t, pump.Finish())
		must(t, <-done)
	}
}

// anyInCall tells whether a thread of this process sleeps in a system call.
func anyInCall(number int) bool {
	files, _ := filepath.Glob("/proc/self/task/*/syscall")
	for _, f := range files {
		if b, err := os.ReadFile(f); err == nil && strings.HasPrefix(string(b), fmt.Sprint(number, " ")) {
			return true
		}
	}
	return false
}

// Signals that interrupt a wait (EINTR) do not end it.
func TestQueueInterrupted(t *testing.T) {
	sv, mq := testSysV(t, 0), testQueue(t)
	p, k := heapRing(t, ring.Config{})
	_, svDone := inbound(t, sv, p)
	source, err := mq.Source()
	must(t, err)
	p2, k2 := heapRing(t, ring.Config{})
	mqDone := running(t, feed.Into(p2, source))
	testutil.Eventually(t, "the source waits", func() bool { return anyInCall(unix.SYS_MSGRCV) })
	for range 100 {
		files, err := filepath.Glob("/proc/self/task/*")
		must(t, err)
		for _, f := range files {
			var thread int
			_, err := fmt.Sscan(filepath.Base(f), &thread)
			must(t, err)
			_ = unix.Tgkill(os.Getpid(), thread, unix.SIGURG) // it may have ended
		}
	}
	lines(t, cPeer(t, "msgsend", sv.ID, 1))
	lines(t, cPeer(t, "mqsend", mq.Name, 1))
	if a, b := received(t, k, 1), received(t, k2, 1); a[0] != "0" || b[0] != "0" {
		t.Errorf("%q, %q", a, b)
	}
	select {
	case err := <-svDone:
		t.Errorf("System V: %v", err)
	case err := <-mqDone:
		t.Errorf("POSIX: %v", err)
	default:
	}
}

// A queue that is removed ends who waits for it, and who comes later.
func TestSysVRemoved(t *testing.T) {
	q := testSysV(t, 8)
	p, _ := heapRing(t, ring.Config{})
	_, done := inbound(t, q, p)
	testutil.Eventually(t, "the source waits", func() bool { return anyInCall(unix.SYS_MSGRCV) })
	late, err := q.Sink()
	must(t, err)
	must(t, q.Remove())
	if err := <-done; !errors.Is(err, unix.EIDRM) || !strings.Contains(err.Error(), "removed") {
		t.Errorf("source: %v", err)
	}
	if _, err := late.Take([][]byte{nil}); !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EIDRM) {
		t.Errorf("sink: %v", err)
	}
	q = testSysV(t, 8)
	sink, err := q.Sink()
	must(t, err)
	p, k := heapRing(t, ring.Config{})
	sent(t, p, "12345678", "9")
	done = running(t, feed.OutOf(k, sink))
	testutil.Eventually(t, "the sink waits", func() bool { return anyInCall(unix.SYS_MSGSND) })
	must(t, q.Remove())
	if err := <-done; !errors.Is(err, unix.EIDRM) {
		t.Errorf("sink: %v", err)
	}
}

// A limit that is too low is named, with its value and the one that is wanted.
func TestSysVLimits(t *testing.T) {
	most, err := os.ReadFile("/proc/sys/kernel/msgmax")
	must(t, err)
	q := testSysV(t, 0)
	sink, err := q.Sink()
	must(t, err)
	_, err = sink.Take([][]byte{make([]byte, 10_000_000)})
	if want := fmt.Sprintf("the limit kernel.msgmax is %s, wanted 10000000", strings.TrimSpace(string(most))); !errors.Is(err, ring.ErrTooLarge) || !strings.Contains(err.Error(), want) {
		t.Errorf("%v, want %q", err, want)
	}
	small := testSysV(t, 8)
	sink, err = small.Sink()
	must(t, err)
	if _, err = sink.Take([][]byte{make([]byte, 9)}); !errors.Is(err, ring.ErrTooLarge) || !strings.Contains(err.Error(), "the queue holds 8 bytes") {
		t.Error(err)
	}
	small.Bytes = 9
	if _, err := small.Source(); !errors.Is(err, os.ErrInvalid) || !strings.Contains(err.Error(), "remove it first") {
		t.Error(err)
	}
	key, err := feed.Ftok(t.TempDir(), 1)
	must(t, err)
	if _, err := (feed.SysVQueue{Key: key}).Source(); !errors.Is(err, os.ErrNotExist) || !strings.Contains(err.Error(), "Create makes one") {
		t.Error(err)
	}
	if _, err := (feed.SysVQueue{Create: true}).Source(); !errors.Is(err, os.ErrInvalid) || !strings.Contains(err.Error(), "made by Open") {
		t.Error(err)
	}
	if _, err := (feed.SysVQueue{Type: -1}).Sink(); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
}

func init() {
	// sysvLimited, in a namespace of its own, meets the limits that root's children can set.
	roles["sysvLimited"] = func([]string) error {
		if err := os.WriteFile("/proc/sys/kernel/msgmni", []byte("1"), 0); err != nil {
			return fmt.Errorf("skip: %w", err)
		}
		if _, err := (feed.SysVQueue{Create: true}).Open(); err != nil {
			return err
		}
		_, err := feed.SysVQueue{Create: true}.Open()
		fmt.Println(err)
		if err := os.WriteFile("/proc/sys/kernel/msgmni", []byte("2"), 0); err != nil {
			return err
		}
		if err := withoutResource(); err != nil {
			return err
		}
		_, err = feed.SysVQueue{Create: true, Bytes: 1 << 20}.Open()
		fmt.Println(err)
		// The one that could not be had is not left behind: there is room for it.
		_, err = feed.SysVQueue{Create: true}.Open()
		return err
	}
}

// The limits of all queues, which are of an IPC namespace.
func TestSysVLimitsOfAll(t *testing.T) {
	cmd := testutil.Child(t, "sysvLimited")
	cmd.SysProcAttr = ipcNamespace()
	out, err := cmd.CombinedOutput()
	if err != nil && (errors.Is(err, os.ErrPermission) || strings.Contains(string(out), "skip: ")) {
		testutil.Absent(t, "no namespaces here: %v, %s", err, out)
	}
	if err != nil {
		t.Errorf("%v: %s", err, out)
	}
	for _, want := range []string{"the limit kernel.msgmni is 1 and there are as many", "the limit kernel.msgmnb is ", "wanted 1048576; sysctl -w kernel.msgmnb=1048576"} {
		if !strings.Contains(string(out), want) {
			t.Errorf("%q, want %q", out, want)
		}
	}
}

// Go and C make the same key of a file, and find the same queue by it.
func TestSysVKey(t *testing.T) {
	path := t.TempDir()
	key, err := feed.Ftok(path, 'x')
	must(t, err)
	if got := lines(t, cPeer(t, "ftok", path, int('x')))[0]; got != fmt.Sprint(key) {
		t.Errorf("ftok: C has %s, Go %d", got, key)
	}
	if _, err := feed.Ftok(filepath.Join(path, "none"), 1); !errors.Is(err, os.ErrNotExist) {
		t.Error(err)
	}
	q := feed.SysVQueue{Key: key, Create: true}
	made, err := q.Open()
	must(t, err)
	defer func() { must(t, q.Remove()) }()
	found, err := feed.SysVQueue{Key: key}.Open()
	must(t, err)
	again, err := q.Open()
	must(t, err)
	if found.ID != made.ID || again.ID != made.ID {
		t.Errorf("IDs %d, %d and %d", made.ID, found.ID, again.ID)
	}
}

// svQueued is how many messages are in the queue, as the kernel has it.
func svQueued(t *testing.T, q feed.SysVQueue) int {
	t.Helper()
	n, err := feed.SysVQueued(q)
	must(t, err)
	return n
}
