package feed_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// cPeer is the C program testdata/ipc_peer.c, compiled once and not started yet.
func cPeer(t *testing.T, args ...any) *exec.Cmd {
	t.Helper()
	exe := testutil.BuildC(t, "ipc_peer", "-O1", "-Wall", "-Werror", "-pthread", filepath.Join("testdata", "ipc_peer.c"), "-lrt")
	argv := make([]string, len(args))
	for i, a := range args {
		argv[i] = fmt.Sprint(a)
	}
	return exec.CommandContext(t.Context(), exe, argv...)
}

// lines runs cmd and returns what it prints.
func lines(t *testing.T, cmd *exec.Cmd) []string {
	t.Helper()
	return strings.Fields(strings.ReplaceAll(testutil.Start(t, cmd).Done(), " ", ":"))
}

// killed ends a process at once, as kill -9 does. It must not have ended before.
func killed(p *testutil.Process) {
	p.Kill()
	p.EndsBy(syscall.SIGKILL)
}

var ipcNames atomic.Int64

// ipcName is a name that no other test uses.
func ipcName() string {
	return fmt.Sprintf("/annulus-feed-%d-%d", os.Getpid(), ipcNames.Add(1))
}

// running runs a pump until the test has looked at what comes of it.
func running(t *testing.T, p *feed.Pump) (done chan error) {
	t.Helper()
	done = make(chan error, 1)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { done <- p.Run(ctx) })
	t.Cleanup(func() { cancel(); wg.Wait() })
	return done
}

// received takes n messages from a ring.
func received(t *testing.T, k *ring.Consumer, n int) []string {
	t.Helper()
	msgs := make([]string, n)
	for i := range msgs {
		b, err := k.Recv(t.Context(), nil)
		must(t, err)
		msgs[i] = string(b)
	}
	return msgs
}

// reopened is the consumer that comes after k.
func reopened(t *testing.T, k *ring.Consumer) *ring.Consumer {
	t.Helper()
	must(t, k.Close())
	next, err := k.Ring().Consumer()
	must(t, err)
	t.Cleanup(func() { must(t, closed(next.Close())) })
	return next
}

// sent sends messages into a ring and closes it.
func sent(t *testing.T, p *ring.Producer, msgs ...string) {
	t.Helper()
	for _, m := range msgs {
		must(t, p.Send(t.Context(), []byte(m)))
	}
	must(t, p.Close())
}

// numbers are the messages that the C peer sends.
func numbers(n int) []string {
	s := make([]string, n)
	for i := range s {
		s[i] = fmt.Sprint(i)
	}
	return s
}

// inRings runs f with a ring of each kind of claim.
func inRings(t *testing.T, f func(t *testing.T, p *ring.Producer, k *ring.Consumer)) {
	for _, c := range []ring.Config{{Capacity: 4096}, {Topology: ring.MPSCOrdered, Capacity: 4096}, {Topology: ring.MPSC, Members: 2, Capacity: 4096}, {Topology: ring.MPMC, Kind: ring.Slots, SlotSize: 64, Capacity: 16}} {
		t.Run(c.Topology.String(), func(t *testing.T) {
			p, k := heapRing(t, c)
			f(t, p, k)
		})
	}
}

// drained takes what comes until the pump has ended.
func drained(t *testing.T, k *ring.Consumer, done chan error) {
	t.Helper()
	for {
		select {
		case err := <-done:
			must(t, err)
			return
		default:
			_, _ = k.TryRecv(nil) // room for the last batch
		}
	}
}
