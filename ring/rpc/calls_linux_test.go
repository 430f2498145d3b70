package rpc_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/rpc"
)

// A server that is closed in the middle of a call ends the handler's context; the request can be
// read until the handler returns.
func TestServerClosesDuringCall(t *testing.T) {
	for _, workers := range []int{0, 1} {
		req := bytes.Repeat([]byte("request."), 1000)
		same := make(chan bool, 1)
		name, _ := serve(t, rpc.Config{Workers: workers}, func(s *rpc.Server) {
			s.Handle("end", func(_ context.Context, _, got []byte) ([]byte, error) {
				err := s.Close()
				same <- bytes.Equal(got, req)
				return nil, err
			})
		})
		if _, err := client(t, name).Call(context.Background(), "end", nil, req); !errors.Is(err, rpc.ErrNoServer) {
			t.Errorf("%d workers: %v", workers, err)
		}
		if !<-same {
			t.Errorf("%d workers: the request has changed", workers)
		}
		entered := make(chan bool, 1)
		name, s := serve(t, rpc.Config{Workers: workers}, func(s *rpc.Server) {
			s.Handle("wait", func(ctx context.Context, _, got []byte) ([]byte, error) {
				entered <- true
				<-ctx.Done()
				same <- bytes.Equal(got, req)
				return nil, nil
			})
		})
		c := client(t, name)
		ended := make(chan error, 1)
		go func() {
			_, err := c.Call(context.Background(), "wait", nil, req)
			ended <- err
		}()
		<-entered
		must(t, s.Close())
		if err := <-ended; !errors.Is(err, rpc.ErrNoServer) {
			t.Errorf("%d workers: %v", workers, err)
		}
		if !<-same {
			t.Errorf("%d workers: the request has changed", workers)
		}
	}
}

// A client that is closed in the middle of calls: each returns, with its answer or ErrClosed, and none
// reads or writes memory that is not there any more.
func TestClientClosesDuringCalls(t *testing.T) {
	name, _ := serve(t, rpc.Config{Clients: 2, Workers: 2, RequestBytes: 8 << 20, ReplyBytes: 8 << 20})
	req := bytes.Repeat([]byte("x"), 2<<20) // so that most of a call is copying
	for range 20 {
		c := client(t, name)
		var all sync.WaitGroup
		first := make(chan bool, 100)
		for range 4 {
			all.Go(func() {
				for {
					out, err := c.Call(context.Background(), "echo", nil, req)
					if err != nil {
						if !errors.Is(err, rpc.ErrClosed) {
							t.Error(err)
						}
						return
					}
					if !bytes.Equal(out, req) {
						t.Error("another answer")
					}
					select {
					case first <- true:
					default:
					}
				}
			})
		}
		<-first
		must(t, c.Close())
		all.Wait()
	}
}

// A call ends with its context also where another one of the client has been waiting for room
// in the lane before.
func TestCallBehindAFullLane(t *testing.T) {
	entered, leave := make(chan bool), make(chan bool)
	name, s := serve(t, rpc.Config{RequestBytes: 4096}, func(s *rpc.Server) {
		s.Handle("wait", func(context.Context, []byte, []byte) ([]byte, error) {
			entered <- true
			<-leave
			return nil, nil
		})
	})
	c := client(t, name)
	calls := []<-chan error{later(c, "wait")}
	<-entered
	large := make([]byte, 1500)
	for range 6 { // more than there is room for
		called := make(chan error, 1)
		go func() {
			_, err := c.Call(context.Background(), "echo", nil, large)
			called <- err
		}()
		calls = append(calls, called)
	}
	look, err := ring.Open(name)
	must(t, err)
	testutil.Eventually(t, "the lane is full", func() bool {
		st, err := look.Stats()
		return err == nil && st.Occupied >= 2*1500 && st.Producer.Parks > 0
	})
	must(t, look.Close())
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	if _, err := c.Call(ctx, "echo", nil, large); !errors.Is(err, context.DeadlineExceeded) {
		t.Error(err)
	}
	cancel()
	close(leave)
	for _, called := range calls {
		if err := <-called; err != nil {
			t.Error(err)
		}
	}
	if st := s.Stats(); st.Failed != 0 {
		t.Errorf("%+v", st)
	}
}

// A context that has ended sends nothing, and one whose end lies beyond what a deadline can say has
// none for the server.
func TestContexts(t *testing.T) {
	name, s := serve(t, rpc.Config{}, func(s *rpc.Server) {
		s.Handle("until", func(ctx context.Context, _, _ []byte) ([]byte, error) {
			until, ok := ctx.Deadline()
			return fmt.Append(nil, ok, until.Unix()), nil
		})
	})
	c := client(t, name)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := c.Call(over, "until", nil, nil); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	at := time.Now().Add(time.Hour)
	for _, k := range []struct {
		until time.Time
		want  string
	}{{at, fmt.Sprint(true, at.Unix())}, {time.Date(3000, 1, 1, 0, 0, 0, 0, time.UTC), fmt.Sprint(false, time.Time{}.Unix())},
		{time.Date(2500, 1, 1, 0, 0, 0, 0, time.UTC), fmt.Sprint(false, time.Time{}.Unix())}} {
		ctx, cancel := context.WithDeadline(context.Background(), k.until)
		if out, err := c.Call(ctx, "until", nil, nil); err != nil || string(out) != k.want {
			t.Errorf("%v: %q, %v, want %q", k.until, out, err, k.want)
		}
		cancel()
	}
	if st := s.Stats(); st.Calls != 3 {
		t.Errorf("%+v", st)
	}
}

// Replies that come just when their deadlines end: each call has its own answer or an end of its
// context, and the next one its own.
func TestDeadlinesAtTheReply(t *testing.T) {
	name, _ := serve(t, rpc.Config{Workers: 2}, func(s *rpc.Server) {
		s.Handle("at", func(ctx context.Context, dst, req []byte) ([]byte, error) {
			<-ctx.Done()
			return append(dst, req...), nil
		})
	})
	c := client(t, name)
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 300 {
				ctx, cancel := context.WithTimeout(context.Background(), time.Duration(i%5)*100*time.Microsecond)
				req := binary.LittleEndian.AppendUint64(nil, uint64(g)<<32+uint64(i))
				out, err := c.Call(ctx, "at", nil, req)
				cancel()
				if err == nil && !bytes.Equal(out, req) || err != nil && !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("%d %d: %v, %v", g, i, out, err)
				}
				if out, err := c.Call(context.Background(), "echo", nil, req); err != nil || !bytes.Equal(out, req) {
					t.Errorf("%d %d: %v, %v", g, i, out, err)
				}
			}
		})
	}
	all.Wait()
}

// What a handler returns need not lie behind dst: nothing, the request, or memory of its own, which
// is left alone.
func TestReplies(t *testing.T) {
	own := []byte("memory of the handler's own, not to be touched")
	want := string(own)
	name, _ := serve(t, rpc.Config{}, func(s *rpc.Server) {
		s.Handle("nil", func(context.Context, []byte, []byte) ([]byte, error) { return nil, nil })
		s.Handle("own", func(context.Context, []byte, []byte) ([]byte, error) { return own, nil })
		s.Handle("request", func(_ context.Context, _, req []byte) ([]byte, error) { return req, nil })
		s.Handle("exact", func(_ context.Context, dst, _ []byte) ([]byte, error) {
			return append(dst, make([]byte, 64<<10/2-8-16)...), nil
		})
	})
	c := client(t, name)
	for method, want := range map[string]string{"nil": "", "own": want, "request": "abc", "exact": string(make([]byte, 64<<10/2-8-16))} {
		for range 3 {
			if out, err := c.Call(context.Background(), method, nil, []byte("abc")); err != nil || string(out) != want {
				t.Errorf("%s: %d bytes, %v, want %d", method, len(out), err, len(want))
			}
		}
	}
	if string(own) != want {
		t.Errorf("%q", own)
	}
}

// Clients that come and go, a few at a time: nothing is left of them, and each has its own answers.
func TestComeAndGo(t *testing.T) {
	name, s := serve(t, rpc.Config{Clients: 8})
	var all sync.WaitGroup
	for g := range 4 {
		all.Go(func() {
			for i := range 250 {
				c, err := rpc.Dial(name)
				if err != nil {
					t.Error(err)
					return
				}
				if sum, err := add.Call(context.Background(), c, [2]int{g, i}); err != nil || sum != g+i {
					t.Error(sum, err)
				}
				if err := c.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	all.Wait()
	if st := s.Stats(); st.Calls != 1000 || st.Dropped != 0 {
		t.Errorf("%+v", st)
	}
}
