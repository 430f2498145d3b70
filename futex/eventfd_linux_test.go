package futex

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() {
	roles["eventfd signal"] = roleEventfdSignal
	roles["eventfd crowd"] = roleEventfdCrowd
}

func newTestEventfd(t *testing.T) *Eventfd {
	t.Helper()
	e, err := NewEventfd()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { e.Close() })
	return e
}

func TestEventfdDrains(t *testing.T) {
	e := newTestEventfd(t)
	for range 3 {
		if err := e.Signal(); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Wait(time.Now().Add(patience)); err != nil {
		t.Error(err)
	}
	deadline := time.Now().Add(time.Millisecond)
	if err := e.Wait(deadline); err != os.ErrDeadlineExceeded || time.Now().Before(deadline) {
		t.Errorf("after all was drained: %v", err)
	}
	e.Signal()
	if err := e.Wait(past()); err != os.ErrDeadlineExceeded {
		t.Errorf("deadline in the past: %v", err)
	}
	if err := e.Wait(time.Time{}); err != nil {
		t.Errorf("the signal must still be pending: %v", err)
	}
}

// ioWaiters counts the goroutines on the netpoller.
func ioWaiters() int {
	buf := make([]byte, 8<<20)
	return bytes.Count(buf[:runtime.Stack(buf, true)], []byte("[IO wait"))
}

func TestEventfdEndsASleep(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*Eventfd) error
		want error
	}{
		"Signal": {(*Eventfd).Signal, nil},
		"Close":  {(*Eventfd).Close, os.ErrClosed},
	} {
		e, done := newTestEventfd(t), make(chan error, 1)
		go func() { done <- e.Wait(time.Time{}) }()
		eventually(t, "a goroutine on the netpoller", func() bool { return ioWaiters() == 1 })
		if err := c.end(e); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if err := receive(t, done); !errors.Is(err, c.want) {
			t.Errorf("%s: Wait: %v", name, err)
		}
	}
}

func TestEventfdClosed(t *testing.T) {
	e := newTestEventfd(t)
	if err := e.Close(); err != nil {
		t.Error(err)
	}
	for name, err := range map[string]error{
		"Signal": e.Signal(), "Wait": e.Wait(time.Time{}), "Wait past": e.Wait(past()), "Close": e.Close(),
	} {
		if !errors.Is(err, os.ErrClosed) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := EventfdFromFile(e.File()); !errors.Is(err, os.ErrClosed) {
		t.Errorf("EventfdFromFile: %v", err)
	}
}

// A peer that fills the counter cannot make Signal block.
func TestEventfdSaturated(t *testing.T) {
	e := newTestEventfd(t)
	full := make([]byte, 8)
	for i, v := 0, uint64(math.MaxUint64-1); i < 8; i++ { // the limit, in either byte order
		full[i] = byte(v >> (8 * i))
	}
	if n, err := e.File().Write(full); n != 8 || err != nil {
		t.Skipf("cannot fill the counter (big-endian?): %d, %v", n, err)
	}
	for range 3 {
		if err := e.Signal(); err != nil {
			t.Error(err)
		}
	}
	if err := e.Wait(time.Time{}); err != nil {
		t.Error(err)
	}
}

func TestEventfdFromFile(t *testing.T) {
	fd, err := unix.Eventfd(0, unix.EFD_CLOEXEC) // blocking, as a C peer may have made it
	if err != nil {
		t.Fatal(err)
	}
	f := os.NewFile(uintptr(fd), "received")
	e, err := EventfdFromFile(f)
	if err != nil {
		t.Fatal(err)
	}
	defer e.Close()
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if err := e.Wait(time.Now().Add(time.Millisecond)); err != os.ErrDeadlineExceeded {
		t.Errorf("nothing signalled: %v", err)
	}
	if err := e.Signal(); err != nil {
		t.Error(err)
	}
	if err := e.Wait(time.Time{}); err != nil {
		t.Error(err)
	}

	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	if _, err := EventfdFromFile(null); !errors.Is(err, os.ErrInvalid) {
		t.Errorf("of %s: %v", os.DevNull, err)
	}
	if _, err := EventfdFromFile(nil); err == nil {
		t.Error("of nil: no error")
	}
}

// roleEventfdSignal answers descriptor 3 on descriptor 4, so many times.
func roleEventfdSignal(args []string) error {
	var fds [2]*Eventfd
	for i := range fds {
		var err error
		if fds[i], err = EventfdFromFile(os.NewFile(uintptr(3+i), "inherited")); err != nil {
			return err
		}
	}
	rounds, err := strconv.Atoi(args[0])
	for i := 0; i < rounds && err == nil; i++ {
		if err = fds[0].Wait(time.Now().Add(patience)); err == nil {
			err = fds[1].Signal()
		}
	}
	return err
}

func TestEventfdBetweenProcesses(t *testing.T) {
	const rounds = 2000
	to, from := newTestEventfd(t), newTestEventfd(t)
	cmd := child(t, "eventfd signal", strconv.Itoa(rounds))
	cmd.ExtraFiles = []*os.File{to.File(), from.File()}
	p := start(t, cmd)
	for i := range rounds {
		if err := to.Signal(); err != nil {
			t.Fatal(err)
		}
		if err := from.Wait(time.Now().Add(patience)); err != nil {
			t.Fatalf("round %d: %v", i, err)
		}
	}
	p.Done()
}

// roleEventfdCrowd reports how many threads a crowd of sleepers takes.
func roleEventfdCrowd(args []string) error {
	n, err := strconv.Atoi(args[0])
	if err != nil {
		return err
	}
	fds, done := make([]*Eventfd, n), make(chan error, n)
	for i := range fds {
		if fds[i], err = NewEventfd(); err != nil {
			return err
		}
		go func() { done <- fds[i].Wait(time.Time{}) }()
	}
	if err := until("all on the netpoller", func() bool { return ioWaiters() == n }); err != nil {
		return err
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	for _, e := range fds {
		if err := e.Signal(); err != nil {
			return err
		}
	}
	for range n {
		if err := <-done; err != nil {
			return err
		}
	}
	for line := range strings.Lines(string(status)) {
		if threads, ok := strings.CutPrefix(line, "Threads:"); ok {
			fmt.Println(strings.TrimSpace(threads))
			return nil
		}
	}
	return errors.New("no Threads in /proc/self/status")
}

func TestEventfdSleepersCostNoThreads(t *testing.T) {
	const crowd = 1000
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || limit.Max < crowd+100 {
		t.Skipf("needs %d descriptors, the limit is %d, %v", crowd+100, limit.Max, err)
	}
	out := start(t, child(t, "eventfd crowd", strconv.Itoa(crowd))).Done()
	if threads, err := strconv.Atoi(out); err != nil || threads >= 100 {
		t.Errorf("%d sleepers, threads: %s", crowd, out)
	}
}

func TestEventfdAllocatesNothing(t *testing.T) {
	e := newTestEventfd(t)
	for name, f := range map[string]func(){
		"Signal":          func() { e.Signal() },
		"Signal and Wait": func() { e.Signal(); e.Wait(time.Time{}) },
		"with a deadline": func() { e.Signal(); e.Wait(time.Now().Add(time.Hour)) },
	} {
		if n := testing.AllocsPerRun(100, f); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
