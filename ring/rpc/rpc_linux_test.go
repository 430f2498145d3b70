package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/rpc"
	"annulus/shm"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var (
	add  = rpc.Method[[2]int, int]{Name: "add"}
	echo = rpc.Method[string, string]{Name: "echo"}
)

// serve starts a server in this process that ends with the test.
func serve(t testing.TB, c rpc.Config, more ...func(*rpc.Server)) (name string, s *rpc.Server) {
	t.Helper()
	return serveAs(t, fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1)), c, more...)
}

// serveAs is serve by a name that may have had servers before.
func serveAs(t testing.TB, name string, c rpc.Config, more ...func(*rpc.Server)) (_ string, s *rpc.Server) {
	t.Helper()
	s, err := rpc.Listen(name, c)
	must(t, err)
	add.Handle(s, func(_ context.Context, v [2]int) (int, error) { return v[0] + v[1], nil })
	echo.Handle(s, func(_ context.Context, v string) (string, error) { return v, nil })
	for _, f := range more {
		f(s)
	}
	done, over := make(chan error, 1), make(chan bool)
	ended.Store(s, over)
	go func() {
		done <- s.Serve(context.Background())
		close(over)
	}()
	t.Cleanup(func() {
		ended.Delete(s)
		if err := s.Close(); err != nil && !errors.Is(err, rpc.ErrClosed) {
			t.Error(err)
		}
		if err := <-done; err != nil {
			t.Error(err)
		}
		left(t, name)
	})
	return name, s
}

var serial atomic.Int64

// ended has, for each server of serve, what is closed when its Serve has returned.
var ended sync.Map

// left fails if anything of a server is left in shared memory.
func left(t testing.TB, name string) {
	t.Helper()
	objects, err := shm.List()
	must(t, err)
	for _, o := range objects {
		if strings.HasPrefix(o.Name, name) {
			t.Errorf("%s is left behind", o.Name)
		}
	}
}

func client(t testing.TB, name string) *rpc.Client {
	t.Helper()
	c, err := rpc.Dial(name)
	must(t, err)
	t.Cleanup(func() { c.Close() })
	return c
}

func TestCall(t *testing.T) {
	for _, workers := range []int{0, 3} {
		t.Run(fmt.Sprint(workers, " workers"), func(t *testing.T) {
			name, s := serve(t, rpc.Config{Workers: workers}, func(s *rpc.Server) {
				s.Handle("nothing", func(_ context.Context, dst, _ []byte) ([]byte, error) { return dst, nil })
				s.Handle("fails", func(_ context.Context, dst, _ []byte) ([]byte, error) {
					return append(dst, "half"...), errors.New("as told")
				})
				s.Handle("large", func(_ context.Context, dst, _ []byte) ([]byte, error) {
					return append(dst, make([]byte, 1<<20)...), nil
				})
			})
			c := client(t, name)
			ctx := context.Background()
			for i := range 1000 {
				if sum, err := add.Call(ctx, c, [2]int{i, 1}); err != nil || sum != i+1 {
					t.Fatal(sum, err)
				}
			}
			if b, err := c.Call(ctx, "nothing", nil, nil); err != nil || len(b) != 0 {
				t.Error(b, err)
			}
			if b, err := c.Call(ctx, "echo", []byte("dst "), []byte("req")); err != nil || string(b) != "dst req" {
				t.Errorf("%q, %v", b, err)
			}
			var remote *rpc.RemoteError
			if b, err := c.Call(ctx, "fails", []byte("x"), nil); !errors.As(err, &remote) || remote.Text != "as told" || string(b) != "x" {
				t.Errorf("%q, %v", b, err)
			}
			if _, err := c.Call(ctx, "none", nil, nil); !errors.Is(err, rpc.ErrNoMethod) || !strings.Contains(err.Error(), `"none"`) {
				t.Error(err)
			}
			if _, err := c.Call(ctx, "large", nil, nil); !errors.Is(err, rpc.ErrTooLarge) || !strings.Contains(err.Error(), "ReplyBytes") {
				t.Error(err)
			}
			if _, err := c.Call(ctx, "echo", nil, make([]byte, 1<<20)); !errors.Is(err, rpc.ErrTooLarge) || !strings.Contains(err.Error(), "RequestBytes") {
				t.Error(err)
			}
			if _, err := add.Call(ctx, c, [2]int{}); err != nil { // goes on after all these
				t.Error(err)
			}
			if s := s.Stats(); s.Failed != 1 || s.Unknown != 1 || s.Dropped != 0 {
				t.Errorf("%+v", s)
			}
			must(t, c.Close())
			if _, err := c.Call(ctx, "echo", nil, nil); !errors.Is(err, rpc.ErrClosed) {
				t.Error(err)
			}
		})
	}
}

// Many goroutines on one client, and calls that are given up in between: every answer
// reaches its call.
func TestCallConcurrent(t *testing.T) {
	name, _ := serve(t, rpc.Config{Workers: 2}, func(s *rpc.Server) {
		s.Handle("maybe", func(ctx context.Context, dst, req []byte) ([]byte, error) {
			if req[0]%5 == 0 {
				<-ctx.Done() // the caller gives up
			}
			return append(dst, req...), nil
		})
	})
	c := client(t, name)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			for i := range 200 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				if i%5 == 0 {
					cancel()
					ctx, cancel = context.WithTimeout(context.Background(), time.Millisecond)
				}
				req := []byte{byte(i), byte(g)}
				out, err := c.Call(ctx, "maybe", nil, req)
				cancel()
				if i%5 != 0 && (err != nil || string(out) != string(req)) || i%5 == 0 && err == nil && string(out) != string(req) {
					t.Errorf("%v: %v, %v", req, out, err)
				}
			}
		})
	}
	all.Wait()
}

func init() {
	// calls NAME: calls without end, saying so once.
	roles["calls"] = func(args []string) error {
		c, err := rpc.Dial(args[0])
		if err != nil {
			return err
		}
		for i := 0; ; i++ {
			if sum, err := add.Call(context.Background(), c, [2]int{i, i}); err != nil || sum != 2*i {
				return fmt.Errorf("call %d: %d, %w", i, sum, err)
			}
			if i == 10 {
				fmt.Println("calling")
			}
		}
	}
}

// Clients that are killed in the middle of calls leave nothing: their places go to
// the next ones, who get no answer that was not theirs.
func TestClientsAreKilled(t *testing.T) {
	name, s := serve(t, rpc.Config{Clients: 3})
	for range 8 {
		p1 := testutil.Start(t, testutil.Child(t, "calls", name))
		p2 := testutil.Start(t, testutil.Child(t, "calls", name))
		p1.Expect("calling")
		p2.Expect("calling")
		c := client(t, name)
		for i := range 100 {
			if sum, err := add.Call(context.Background(), c, [2]int{i, 1}); err != nil || sum != i+1 {
				t.Fatal(sum, err)
			}
		}
		if _, err := rpc.Listen(name, rpc.Config{Clients: 3}); !errors.Is(err, ring.ErrAttached) || !strings.Contains(err.Error(), "there is a server") {
			t.Errorf("a second server: %v", err)
		}
		if _, err := rpc.Dial(name); !errors.Is(err, ring.ErrAttached) {
			t.Errorf("a fourth client: %v", err)
		}
		p1.Kill()
		p2.Kill()
		must(t, c.Close())
	}
	if s := s.Stats(); s.Unknown != 0 {
		t.Errorf("%+v", s)
	}
}

// A server that is killed: calls under way end, and go on with its successor.
func TestServerIsKilled(t *testing.T) {
	name := fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
	if _, err := rpc.Dial(name); !errors.Is(err, rpc.ErrNoServer) || !errors.Is(err, os.ErrNotExist) {
		t.Errorf("without a server: %v", err)
	}
	p := works(t, name, 0)
	c := client(t, name)
	called := later(c, "hang")
	p.Expect("hanging")
	p.Kill()
	if err := <-called; !errors.Is(err, rpc.ErrNoServer) {
		t.Errorf("call under way: %v", err)
	}
	if _, err := rpc.Dial(name); !errors.Is(err, rpc.ErrNoServer) {
		t.Errorf("Dial of a killed server: %v", err)
	}
	s, err := rpc.Listen(name, rpc.Config{})
	must(t, err)
	add.Handle(s, func(_ context.Context, v [2]int) (int, error) { return v[0] + v[1], nil })
	done := make(chan error, 1)
	go func() { done <- s.Serve(context.Background()) }()
	testutil.Eventually(t, "the client finds the new server", func() bool {
		sum, err := add.Call(context.Background(), c, [2]int{1, 2})
		return err == nil && sum == 3
	})
	must(t, s.Finish())
	must(t, <-done)
	must(t, s.Close())
	if _, err := c.Call(context.Background(), "add", nil, []byte("[1,2]")); !errors.Is(err, rpc.ErrNoServer) {
		t.Errorf("after the close: %v", err)
	}
	left(t, name)
}

// Names that will not do, also where only those of the replies are too long.
func TestNames(t *testing.T) {
	for _, name := range []string{"", "/", "/n", "a/b", "..", "x\x00", strings.Repeat("n", 300), fmt.Sprintf("rpc-%d-%s", os.Getpid(), strings.Repeat("n", 240))} {
		if s, err := rpc.Listen(name, rpc.Config{}); err == nil {
			t.Errorf("%q: %v", name, s.Close())
		} else if name != "" {
			left(t, name)
		}
		if c, err := rpc.Dial(name); err == nil {
			t.Errorf("%q: %v", name, c.Close())
		}
	}
}
