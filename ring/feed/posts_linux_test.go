//go:build amd64 || arm64 || loong64 || riscv64

package feed_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"annulus/futex"
	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"

	"golang.org/x/sys/unix"
)

// semaphores are one of each kind, with the commands and the name that C has for it.
func semaphores(t *testing.T, f func(t *testing.T, s feed.Semaphore, post, wait, name string, value func() int)) {
	t.Run("POSIX", func(t *testing.T) {
		name := ipcName()
		lines(t, cPeer(t, "semmake", name, 0))
		defer futex.RemoveSemaphore(name)
		s, err := futex.OpenSemaphore(name)
		must(t, err)
		defer s.Close()
		f(t, s, "sempost", "semwait", name, s.Value)
	})
	for _, undo := range []bool{false, true} {
		t.Run(fmt.Sprintf("SysV/undo=%v", undo), func(t *testing.T) {
			s := testSet(t, feed.SysVSet{Create: true, Undo: undo})
			f(t, s, "svpost", "svwait", fmt.Sprint(s.ID), func() int {
				n, err := s.Value()
				must(t, err)
				return n
			})
		})
	}
}

// testSet is a semaphore that goes with the test.
func testSet(t *testing.T, set feed.SysVSet) *feed.SysVSemaphore {
	t.Helper()
	s, err := feed.OpenSysVSemaphore(set)
	must(t, err)
	t.Cleanup(func() {
		if err := s.Remove(); err != nil && !errors.Is(err, unix.EINVAL) {
			t.Error(err)
		}
	})
	return s
}

// A C program posts, and each post is a message.
func TestPostsFromC(t *testing.T) {
	const n = 1000
	semaphores(t, func(t *testing.T, s feed.Semaphore, post, _, name string, value func() int) {
		p, k := heapRing(t, ring.Config{Capacity: 4096})
		pump := feed.Into(p, feed.Posts(s))
		done := running(t, pump)
		c := testutil.Start(t, cPeer(t, post, name, n))
		for i, m := range received(t, k, n) {
			if got := binary.LittleEndian.Uint64([]byte(m)); got != uint64(i+1) {
				t.Fatalf("message %d is %d", i, got)
			}
		}
		c.Done()
		must(t, pump.Finish())
		must(t, <-done)
		if v, s := value(), pump.Stats(); v != 0 || s.Messages != n {
			t.Errorf("value %d, %+v", v, s)
		}
	})
}

// A C program waits for a semaphore that is posted for each message.
func TestPostingToC(t *testing.T) {
	const n = 1000
	semaphores(t, func(t *testing.T, s feed.Semaphore, _, wait, name string, value func() int) {
		c := testutil.Start(t, cPeer(t, wait, name, n))
		p, k := heapRing(t, ring.Config{Capacity: 1 << 16})
		sent(t, p, numbers(n)...)
		var out strings.Builder
		pump := feed.OutOf(k, feed.Posting(feed.Writer(&out, feed.Lines()), s, false))
		must(t, pump.Run(t.Context()))
		c.Done()
		if want := strings.Join(numbers(n), "\n") + "\n"; out.String() != want || value() != 0 {
			t.Errorf("%d bytes went to the sink, value %d", out.Len(), value())
		}
	})
}

// One post for a batch, and none for what the sink has not taken.
func TestPostingBatch(t *testing.T) {
	s := testSet(t, feed.SysVSet{Create: true})
	p, k := heapRing(t, ring.Config{})
	sent(t, p, numbers(10)...)
	pump := feed.OutOf(k, feed.Posting(nil, s, true))
	must(t, pump.Run(t.Context()))
	if v, err := s.Value(); err != nil || uint64(v) != pump.Stats().Batches || pump.Stats().Messages != 10 {
		t.Errorf("value %d, %v, %+v", v, err, pump.Stats())
	}
	sink := feed.Posting(feed.Writer(new(strings.Builder), feed.Fixed(1)), s, false)
	before, err := s.Value()
	must(t, err)
	if n, err := sink.Take([][]byte{[]byte("a"), []byte("bc")}); n != 1 || !errors.Is(err, ring.ErrSize) {
		t.Errorf("%d, %v", n, err)
	}
	if v, err := s.Value(); err != nil || v != before+1 {
		t.Errorf("value %d, %v, want %d", v, err, before+1)
	}
}

// A wait ends by the context; posts that could not be passed on are given back.
func TestPostsStop(t *testing.T) {
	semaphores(t, func(t *testing.T, s feed.Semaphore, post, _, name string, value func() int) {
		p, k := heapRing(t, ring.Config{})
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan error, 1)
		go func() { done <- feed.Into(p, feed.Posts(s)).Run(ctx) }()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		must(t, k.Close())
		lines(t, cPeer(t, post, name, 3))
		if err := feed.Into(p, feed.Posts(s)).Run(t.Context()); !errors.Is(err, ring.ErrClosed) {
			t.Error(err)
		}
		if v := value(); v != 3 {
			t.Errorf("value %d, want 3", v)
		}
	})
}

func init() {
	// postsIn takes posts of a semaphore with Undo and stops before it has passed them on.
	roles["postsHeld"] = func(args []string) error {
		var id int
		if _, err := fmt.Sscan(args[0], &id); err != nil {
			return err
		}
		s, err := feed.OpenSysVSemaphore(feed.SysVSet{ID: id, Undo: args[1] == "undo"})
		if err != nil {
			return err
		}
		for range 5 {
			if err := s.Acquire(context.Background()); err != nil {
				return err
			}
		}
		if err := s.Confirm(2); err != nil {
			return err
		}
		fmt.Println("holds")
		select {}
	}
}

// A process that is killed gives back what it has not confirmed, if it was to; and a C program
// that is killed in its wait, or between posts, is no trouble.
func TestPostsKilled(t *testing.T) {
	for _, c := range []struct {
		mode string
		left int
	}{{"undo", 3}, {"no", 0}} {
		s := testSet(t, feed.SysVSet{Create: true, Value: 5})
		p := testutil.Start(t, testutil.Child(t, "postsHeld", fmt.Sprint(s.ID), c.mode))
		p.Line()
		killed(p)
		if v, err := s.Value(); err != nil || v != c.left {
			t.Errorf("%s: value %d, %v, want %d", c.mode, v, err, c.left)
		}
	}
	semaphores(t, func(t *testing.T, s feed.Semaphore, post, wait, name string, value func() int) {
		call := map[string]int{"semwait": unix.SYS_FUTEX, "svwait": unix.SYS_SEMOP}[wait]
		waiter := testutil.Start(t, cPeer(t, wait, name, 1))
		testutil.Eventually(t, "the peer waits", func() bool {
			return inCall(t, waiter.PID(), call) || inCall(t, waiter.PID(), unix.SYS_SEMTIMEDOP)
		})
		killed(waiter)
		p, k := heapRing(t, ring.Config{})
		pump := feed.Into(p, feed.Posts(s))
		done := running(t, pump)
		poster := testutil.Start(t, cPeer(t, post, name, 1<<30))
		received(t, k, 100)
		killed(poster)
		must(t, pump.Finish())
		drained(t, k, done)
	})
}

// Tokens are confirmed at any value of the semaphore, which stays.
func TestSysVConfirmAtEnds(t *testing.T) {
	for _, value := range []int{3, 32767} {
		s := testSet(t, feed.SysVSet{Create: true, Value: value, Undo: true})
		for range 3 {
			must(t, s.Acquire(t.Context()))
		}
		other, err := feed.OpenSysVSemaphore(feed.SysVSet{ID: s.ID})
		must(t, err)
		for range 3 * (value / 32767) { // full again
			must(t, other.Release())
		}
		before, err := s.Value()
		must(t, err)
		must(t, s.Confirm(3))
		if v, err := s.Value(); err != nil || v != before {
			t.Errorf("value %d, %v, want %d", v, err, before)
		}
	}
}

// A set that is removed ends those who wait; bad input, and a semaphore that is full.
func TestSysVSemaphore(t *testing.T) {
	s := testSet(t, feed.SysVSet{Create: true, Count: 3, Index: 2, Value: 7})
	other, err := feed.OpenSysVSemaphore(feed.SysVSet{ID: s.ID, Index: 1})
	must(t, err)
	for s, want := range map[*feed.SysVSemaphore]int{s: 7, other: 0} {
		if v, err := s.Value(); err != nil || v != want {
			t.Errorf("value %d, %v, want %d", v, err, want)
		}
	}
	for range 7 {
		must(t, s.Acquire(t.Context()))
	}
	done := make(chan error, 1)
	go func() { done <- s.Acquire(context.Background()) }()
	testutil.Eventually(t, "it waits", func() bool { return anyInCall(unix.SYS_SEMOP) || anyInCall(unix.SYS_SEMTIMEDOP) })
	must(t, s.Remove())
	if err := <-done; !errors.Is(err, unix.EIDRM) {
		t.Error(err)
	}
	if s.TryAcquire() || !errors.Is(s.Release(), unix.EINVAL) {
		t.Error("a set that was removed works")
	}
	full := testSet(t, feed.SysVSet{Create: true, Value: 32767})
	if err := full.Release(); !errors.Is(err, unix.ERANGE) || !strings.Contains(err.Error(), "nobody takes what is posted") {
		t.Error(err)
	}
	p, k := heapRing(t, ring.Config{})
	sent(t, p, "a")
	if err := feed.OutOf(k, feed.Posting(nil, full, false)).Run(t.Context()); !errors.Is(err, unix.ERANGE) {
		t.Error(err)
	}
	// WithSkip is not asked about that, although the next message is one that the sink refuses.
	p, k = heapRing(t, ring.Config{})
	sent(t, p, "a", "too long")
	sink := feed.Posting(feed.Writer(new(strings.Builder), feed.Fixed(1)), full, false)
	err = feed.OutOf(k, sink, feed.WithSkip(func(error) bool { return true })).Run(t.Context())
	if !errors.Is(err, unix.ERANGE) {
		t.Error(err)
	}
	key, err := feed.Ftok(t.TempDir(), 1)
	must(t, err)
	for _, c := range []struct {
		set  feed.SysVSet
		is   error
		says string
	}{
		{feed.SysVSet{Key: key}, os.ErrNotExist, ""},
		{feed.SysVSet{Create: true, Value: 32768}, os.ErrInvalid, "a value from 0 to 32767"},
		{feed.SysVSet{Create: true, Index: 1}, os.ErrInvalid, "index 1 of 1"},
		{feed.SysVSet{ID: full.ID, Index: 1}, unix.EINVAL, ""},
		{feed.SysVSet{Create: true, Count: 1 << 30}, unix.EINVAL, "the limits kernel.sem are "},
	} {
		if _, err := feed.OpenSysVSemaphore(c.set); !errors.Is(err, c.is) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%+v: %v", c.set, err)
		}
	}
}
