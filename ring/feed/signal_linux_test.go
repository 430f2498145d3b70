//go:build amd64 || arm64 || loong64 || riscv64

package feed_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
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

// value is a message that is the value of a signal.
func value(n int) string { return string(binary.LittleEndian.AppendUint64(nil, uint64(n))) }

// openProducer opens a ring by name.
func openProducer(name string) (*ring.Producer, error) {
	r, err := ring.Open(name)
	if err != nil {
		return nil, err
	}
	return r.Producer()
}

func init() {
	// The goroutine that os/signal keeps from the first Notify on is no leak.
	c := make(chan os.Signal, 1)
	signal.Notify(c, syscall.SIGUSR2)
	signal.Stop(c)

	roles["signalsIn"] = func(args []string) error {
		if err := feed.BlockSignals(40, 41); err != nil {
			return err
		}
		// More threads than those that are there anyway.
		for range 4 {
			go func() { runtime.LockOSThread(); select {} }()
		}
		p, err := openProducer(args[0])
		if err != nil {
			return err
		}
		s, err := feed.Signals(40, 41)
		if err != nil {
			return err
		}
		pump := feed.Into(p, s)
		stop, err := feed.Signals(syscall.SIGTERM)
		if err == nil {
			return errors.Join(errors.New("SIGTERM is blocked"), stop.Close())
		}
		comm, err := os.ReadFile("/proc/self/comm")
		fmt.Println("ready", os.Getpid(), strings.TrimSpace(string(comm)), err)
		if len(args) > 1 {
			if err := pump.Finish(); err != nil {
				return err
			}
		}
		return pump.Run(context.Background())
	}
	roles["signalsBad"] = func([]string) error {
		if err := feed.BlockSignals(syscall.SIGSEGV); err == nil || !strings.Contains(err.Error(), "although it was started with them blocked") {
			return fmt.Errorf("SIGSEGV: %w", err)
		}
		return nil
	}
}

// signalRing is a ring that another process fills from signals.
func signalRing(t *testing.T) (name string, k *ring.Consumer) {
	t.Helper()
	name = fmt.Sprintf("annulus-feed-%d-%d", os.Getpid(), ipcNames.Add(1))
	r, err := ring.Create(name, ring.Config{Capacity: 4096}) // room for 100 or so
	must(t, err)
	k, err = r.Consumer()
	must(t, err)
	t.Cleanup(func() {
		if err := errors.Join(closed(k.Close()), r.Close(), ring.Remove(name)); err != nil {
			t.Error(err)
		}
	})
	return name, k
}

// A ring whose messages are too short for a signal is told before any is taken.
func TestSignalsTooLong(t *testing.T) {
	name := fmt.Sprintf("annulus-feed-%d-%d", os.Getpid(), ipcNames.Add(1))
	r, err := ring.Create(name, ring.Config{Kind: ring.Slots, SlotSize: 16, Capacity: 8})
	must(t, err)
	defer func() { must(t, errors.Join(r.Close(), ring.Remove(name))) }()
	c := testutil.Start(t, testutil.Child(t, "signalsIn", name))
	c.Line() // it is ready
	if said := c.Fails(); !strings.Contains(said, "a source of signals has messages of up to 24 bytes") {
		t.Error(said)
	}
}

// A C program queues signals with values: none is lost, none changed, in order; the process
// that takes them is still the one that was started.
func TestSignalsFromC(t *testing.T) {
	const n = 2000
	name, k := signalRing(t)
	c := testutil.Start(t, testutil.Child(t, "signalsIn", name))
	exe, err := os.Executable()
	must(t, err)
	comm := exe[strings.LastIndexByte(exe, '/')+1:]
	if got, want := c.Line(), fmt.Sprintf("ready %d %.15s <nil>", c.PID(), comm); got != want {
		t.Fatalf("%q, want %q", got, want)
	}
	peer := testutil.Start(t, cPeer(t, "sigqueue", c.PID(), 40, n))
	for i := range n {
		b, err := k.Recv(t.Context(), nil)
		must(t, err)
		s, err := feed.ParseSignal(b)
		must(t, err)
		if want := (feed.Signal{Number: 40, Code: -1, PID: uint32(peer.PID()), UID: uint32(os.Getuid()), Value: uint64(i)}); s != want {
			t.Fatalf("%+v, want %+v", s, want)
		}
	}
	peer.Done()
	killed(c)

	// The next one begins where the killed one was; what was sent to nobody is told.
	cmd := testutil.Child(t, "signalsIn", name)
	c = testutil.Start(t, cmd)
	c.Line()
	sink, err := feed.SignalTo(cmd.Process, 41)
	must(t, err)
	_, err = sink.Take([][]byte{[]byte(value(1 << 60))})
	must(t, err)
	b, err := k.Recv(t.Context(), nil)
	must(t, err)
	if s, err := feed.ParseSignal(b); err != nil || s.Number != 41 || s.Value != 1<<60 || s.PID != uint32(os.Getpid()) {
		t.Errorf("%+v, %v", s, err)
	}
	killed(c)
	if n, err := sink.Take([][]byte{[]byte(value(1))}); n != 0 || !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("to a process that was killed: %d, %v", n, err)
	}
	must(t, sink.Close())
	ended := testutil.Start(t, testutil.Child(t, "signalsIn", name, "stopped"))
	ended.Line()
	ended.Done()
}

// A C program gets a signal for each message, none lost though more are sent than may be pending.
func TestSignalToC(t *testing.T) {
	const n = 500
	cmd := cPeer(t, "sigwait", 40, n)
	c := testutil.Start(t, cmd)
	c.Line()
	must(t, unix.Prlimit(c.PID(), unix.RLIMIT_SIGPENDING, &unix.Rlimit{Cur: 20, Max: 20}, nil))
	c.Signal(syscall.SIGSTOP)
	c.Stopped()
	sink, err := feed.SignalTo(cmd.Process, 40)
	must(t, err)
	p, k := heapRing(t, ring.Config{Capacity: 1 << 16})
	for i := range n {
		must(t, p.Send(t.Context(), []byte(value(i))))
	}
	must(t, p.Close())
	pump := feed.OutOf(k, sink)
	done := running(t, pump)
	testutil.Eventually(t, "no more may be pending", func() bool { return pump.Stats().Messages > 0 })
	if m := pump.Stats().Messages; m > 20 {
		t.Errorf("%d signals are pending, at most 20 may be", m)
	}
	c.Signal(syscall.SIGCONT)
	got := strings.Split(c.Done(), "\n")
	must(t, <-done)
	want := []string{}
	for i := range n {
		want = append(want, fmt.Sprintf("40 -1 %d %d", os.Getpid(), i))
	}
	if !slices.Equal(got, append(want, "done")) {
		t.Errorf("%d lines, %q ...", len(got), got[:min(5, len(got))])
	}
}

// A sink that waits for a process that takes nothing is stopped; the rest stays in the ring.
func TestSignalToStop(t *testing.T) {
	cmd := cPeer(t, "sigwait", 40, 1000)
	c := testutil.Start(t, cmd)
	c.Line()
	must(t, unix.Prlimit(c.PID(), unix.RLIMIT_SIGPENDING, &unix.Rlimit{}, nil))
	sink, err := feed.SignalTo(cmd.Process, 40)
	must(t, err)
	p, k := heapRing(t, ring.Config{})
	sent(t, p, value(1))
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- feed.OutOf(k, sink).Run(ctx) }()
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if got := received(t, reopened(t, k), 1); got[0] != value(1) {
		t.Errorf("%q", got)
	}
	killed(c)
}

func TestSignalsBad(t *testing.T) {
	if _, err := feed.Signals(40); !errors.Is(err, os.ErrInvalid) || !strings.Contains(err.Error(), "call BlockSignals first thing in main") {
		t.Error(err)
	}
	for _, bad := range []syscall.Signal{0, 32, 33, 65, syscall.SIGKILL, syscall.SIGURG} {
		_, err := feed.Signals(bad)
		if berr := feed.BlockSignals(bad); !errors.Is(err, os.ErrInvalid) || !errors.Is(berr, os.ErrInvalid) {
			t.Errorf("%d: %v, %v", int(bad), err, berr)
		}
	}
	if err := feed.BlockSignals(); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	lines(t, testutil.Child(t, "signalsBad"))
	self, err := os.FindProcess(os.Getpid())
	must(t, err)
	defer self.Release()
	if _, err := feed.SignalTo(self, syscall.SIGUSR1); !errors.Is(err, os.ErrInvalid) {
		t.Error(err)
	}
	sink, err := feed.SignalTo(self, 40)
	must(t, err)
	if _, err := sink.Take([][]byte{[]byte("four")}); !errors.Is(err, ring.ErrSize) {
		t.Error(err)
	}
	must(t, sink.Close())
	if _, err := feed.ParseSignal(nil); !errors.Is(err, ring.ErrSize) {
		t.Error(err)
	}
	cmd := exec.Command("true")
	must(t, cmd.Run())
	if _, err := feed.SignalTo(cmd.Process, 40); !errors.Is(err, os.ErrProcessDone) && !errors.Is(err, errors.ErrUnsupported) {
		t.Error(err)
	}
}

// Signals that os/signal delivers, in any process.
func TestNotified(t *testing.T) {
	p, k := heapRing(t, ring.Config{})
	pump := feed.Into(p, feed.Notified(syscall.SIGUSR2))
	done := running(t, pump)
	for range 3 {
		must(t, unix.Kill(os.Getpid(), unix.SIGUSR2))
		b, err := k.Recv(t.Context(), nil)
		must(t, err)
		if s, err := feed.ParseSignal(b); err != nil || s != (feed.Signal{Number: syscall.SIGUSR2}) {
			t.Errorf("%+v, %v", s, err)
		}
	}
	must(t, pump.Finish())
	must(t, <-done)
}
