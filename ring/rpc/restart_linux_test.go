package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/rpc"
)

func init() {
	// works NAME WORKERS: a server that says each call of "hang", and waits; "panic" panics.
	roles["works"] = func(args []string) error {
		var c rpc.Config
		if _, err := fmt.Sscan(args[1], &c.Workers); err != nil {
			return err
		}
		s, err := rpc.Listen(args[0], c)
		if err != nil {
			return err
		}
		s.Handle("hang", func(ctx context.Context, dst, _ []byte) ([]byte, error) {
			fmt.Println("hanging")
			<-ctx.Done()
			return dst, nil
		})
		add.Handle(s, func(_ context.Context, v [2]int) (int, error) { return v[0] + v[1], nil })
		s.Handle("panic", func(context.Context, []byte, []byte) ([]byte, error) { panic("as told") })
		fmt.Println("serving")
		return s.Serve(context.Background())
	}
}

// works starts a server in a process of its own.
func works(t *testing.T, name string, workers int) *testutil.Process {
	t.Helper()
	p := testutil.Start(t, testutil.Child(t, "works", name, fmt.Sprint(workers)))
	p.Expect("serving")
	return p
}

// later makes a call whose error comes through the channel.
func later(c *rpc.Client, method string) <-chan error {
	called := make(chan error, 1)
	go func() {
		_, err := c.Call(context.Background(), method, nil, nil)
		called <- err
	}()
	return called
}

// A successor that comes before anybody has seen the server dead: calls under way end, although
// nothing is left of their requests.
func TestRestartAtOnce(t *testing.T) {
	for i := range 5 {
		name := fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
		p := works(t, name, 3)
		c := client(t, name)
		var calls []<-chan error
		for range 3 { // one leads, two wait
			calls = append(calls, later(c, "hang"))
			p.Expect("hanging")
		}
		p.Kill()
		serveAs(t, name, rpc.Config{})
		for _, called := range calls {
			if err := <-called; !errors.Is(err, rpc.ErrNoServer) {
				t.Errorf("round %d: a call of the dead server: %v", i, err)
			}
		}
		testutil.Eventually(t, "the client finds the new server", func() bool {
			sum, err := add.Call(context.Background(), c, [2]int{1, 2})
			return err == nil && sum == 3
		})
	}
}

// What was requested of a dead server is not run by the next one: neither what it was about,
// nor what lay behind, nor what was tried while it was dead.
func TestNotRunTwice(t *testing.T) {
	name := fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
	p := works(t, name, 0)
	c := client(t, name)
	var calls []<-chan error
	calls = append(calls, later(c, "hang"))
	p.Expect("hanging")
	for range 5 {
		calls = append(calls, later(c, "hang"))
	}
	p.Kill()
	for _, called := range calls {
		if err := <-called; !errors.Is(err, rpc.ErrNoServer) {
			t.Error(err)
		}
	}
	for range 20 {
		if err := <-later(c, "hang"); !errors.Is(err, rpc.ErrNoServer) {
			t.Error(err)
		}
	}
	var runs atomic.Int64
	_, s := serveAs(t, name, rpc.Config{}, func(s *rpc.Server) {
		s.Handle("hang", func(_ context.Context, dst, _ []byte) ([]byte, error) {
			runs.Add(1)
			return dst, nil
		})
	})
	testutil.Eventually(t, "the client finds the new server", func() bool {
		return <-later(c, "hang") == nil
	})
	if n := runs.Load(); n != 1 { // a call that finds it has no reason to fail: the greeting is not about it
		t.Errorf("run %d times, want once; %+v", n, s.Stats())
	}
}

// A handler that panics ends its program, as anywhere; its caller is told, and the next server
// does not die of the same request.
func TestPanic(t *testing.T) {
	for _, workers := range []int{0, 2} {
		name := fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
		p := works(t, name, workers)
		c := client(t, name)
		var remote *rpc.RemoteError
		if err := <-later(c, "panic"); !errors.As(err, &remote) || !strings.Contains(remote.Text, "panic") {
			t.Errorf("%d workers: %v", workers, err)
		}
		if said := p.Fails(); !strings.Contains(said, "panic: as told") {
			t.Errorf("%d workers: %q", workers, said)
		}
		_, s := serveAs(t, name, rpc.Config{})
		must(t, c.Close())
		c = client(t, name)
		if sum, err := add.Call(context.Background(), c, [2]int{1, 2}); err != nil || sum != 3 {
			t.Error(sum, err)
		}
		if got := s.Stats(); got.Calls != 1 || got.Unknown != 0 {
			t.Errorf("%d workers: %+v", workers, got)
		}
	}
}

// A dead server has no new clients: they would take the places, also that of its successor.
func TestDialTheDead(t *testing.T) {
	name := fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
	works(t, name, 0).Kill()
	for range 20 {
		c, err := rpc.Dial(name)
		if !errors.Is(err, rpc.ErrNoServer) {
			t.Fatalf("%v, %v", c, err)
		}
	}
	serveAs(t, name, rpc.Config{})
	client(t, name)
}

// A Listen that fails changes nothing: neither what a dead server has left to one who knows how it was
// made, nor a ring that is no server's.
func TestListenFails(t *testing.T) {
	name := fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
	p := works(t, name, 0)
	c := client(t, name)
	called := later(c, "hang")
	p.Expect("hanging")
	if s, err := rpc.Listen(name, rpc.Config{}); !errors.Is(err, ring.ErrAttached) {
		t.Errorf("beside another: %v, %v", s, err)
	}
	p.Kill()
	if err := <-called; !errors.Is(err, rpc.ErrNoServer) {
		t.Error(err)
	}
	for _, other := range []rpc.Config{{ReplyBytes: 8192}, {RequestBytes: 8192}, {Clients: 3}} {
		if s, err := rpc.Listen(name, other); !errors.Is(err, ring.ErrMismatch) {
			t.Errorf("%+v: %v, %v", other, s, err)
		}
	}
	serveAs(t, name, rpc.Config{})
	testutil.Eventually(t, "the client finds the new server", func() bool {
		sum, err := add.Call(context.Background(), c, [2]int{1, 2})
		return err == nil && sum == 3
	})

	name = fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
	for _, of := range []ring.Config{
		{Topology: ring.MPSC, Members: 17, Capacity: 64 << 10},
		{Kind: ring.Slots, Capacity: 64 << 10, SlotSize: 8},
		{Capacity: 4096},
	} {
		r, err := ring.Create(name+".reply.3", of)
		must(t, err)
		if s, err := rpc.Listen(name, rpc.Config{}); !errors.Is(err, ring.ErrMismatch) {
			t.Errorf("%+v: %v, %v", of, s, err)
		}
		must(t, r.Close())
		must(t, ring.Remove(name+".reply.3")) // it is still there
		left(t, name)
	}
	for _, c := range []rpc.Config{{Clients: -1}, {Clients: -5}, {Clients: rpc.MaxClients + 1}, {Workers: -1}, {ReplyBytes: 5000}, {RequestBytes: -1}} {
		if s, err := rpc.Listen(name, c); !errors.Is(err, ring.ErrGeometry) {
			t.Errorf("%+v: %v, %v", c, s, err)
		}
		left(t, name)
	}
}

// What a dead server has left is removed whole, or, while one lives, not at all.
func TestRemove(t *testing.T) {
	name := fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
	if err := rpc.Remove(name); !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
	p := works(t, name, 0)
	c := client(t, name)
	if err := rpc.Remove(name); !errors.Is(err, ring.ErrAttached) {
		t.Error(err)
	}
	called := later(c, "hang")
	p.Expect("hanging")
	p.Kill()
	must(t, ring.Remove(name+".reply.7")) // by hand, or by a Remove that was killed
	must(t, rpc.Remove(name))
	left(t, name)
	if err := <-called; !errors.Is(err, rpc.ErrNoServer) {
		t.Error(err)
	}
	r, err := ring.Create(name, ring.Config{})
	must(t, err)
	if err := rpc.Remove(name); !errors.Is(err, ring.ErrMismatch) {
		t.Error(err)
	}
	if c, err := rpc.Dial(name); !errors.Is(err, rpc.ErrNoServer) {
		t.Error(c, err)
	}
	must(t, errors.Join(r.Close(), ring.Remove(name)))
}

// A server whose names were taken away by hand does not take those of the next one with it.
func TestCloseOfTheRemoved(t *testing.T) {
	name, old := serve(t, rpc.Config{Clients: 2})
	for i := range 3 {
		must(t, ring.Remove(fmt.Sprint(name, ".reply.", i)))
	}
	must(t, ring.Remove(name))
	serveAs(t, name, rpc.Config{Clients: 2})
	must(t, old.Close())
	if sum, err := add.Call(context.Background(), client(t, name), [2]int{1, 2}); err != nil || sum != 3 {
		t.Error(sum, err)
	}
}

// A server that begins while its predecessor closes is to be found by its name.
func TestListenDuringClose(t *testing.T) {
	name := fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
	old, err := rpc.Listen(name, rpc.Config{Clients: 1})
	must(t, err)
	for i := range 300 {
		var both sync.WaitGroup
		var next *rpc.Server
		both.Go(func() {
			for {
				var err error
				if next, err = rpc.Listen(name, rpc.Config{Clients: 1}); !errors.Is(err, ring.ErrAttached) {
					if err != nil {
						t.Error(err)
					}
					return
				}
			}
		})
		if err := old.Close(); err != nil {
			t.Error(err)
		}
		both.Wait()
		if next == nil {
			return
		}
		c, err := rpc.Dial(name)
		if err != nil {
			t.Errorf("round %d: %v", i, err)
		} else {
			must(t, c.Close())
		}
		old = next
	}
	must(t, old.Close())
	left(t, name)
	if _, err := rpc.Dial(name); !errors.Is(err, rpc.ErrNoServer) || !errors.Is(err, fs.ErrNotExist) {
		t.Error(err)
	}
}
