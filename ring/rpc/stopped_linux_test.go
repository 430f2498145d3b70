package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/rpc"
)

const inFlight = 40 // calls of the client that is stopped

func init() {
	// many NAME: calls "large" inFlight times at once, and says how many were answered: the
	// others may have had no server.
	roles["many"] = func(args []string) error {
		c, err := rpc.Dial(args[0])
		if err != nil {
			return err
		}
		var all sync.WaitGroup
		var answered atomic.Int64
		errs := make([]error, inFlight)
		for i := range errs {
			all.Go(func() {
				req := []byte{byte(i)}
				out, err := c.Call(context.Background(), "large", nil, req)
				if err == nil && !bytes.Equal(out, bytes.Repeat(req, large)) {
					err = fmt.Errorf("%d bytes that are not the answer", len(out))
				}
				if err == nil {
					answered.Add(1)
				} else if !errors.Is(err, rpc.ErrNoServer) {
					errs[i] = err
				}
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		fmt.Println("answered", answered.Load())
		return c.Close()
	}
	// jams NAME: a server that says when it has all calls of many, and answers when it is told to.
	roles["jams"] = func(args []string) error {
		entered, leave := make(chan bool), make(chan bool)
		config, handle := jamming(entered, leave)
		s, err := rpc.Listen(args[0], config)
		if err != nil {
			return err
		}
		handle(s)
		go func() {
			for range inFlight {
				<-entered
			}
			fmt.Println("entered")
			var told string
			fmt.Scanln(&told)
			close(leave)
		}()
		fmt.Println("serving")
		return s.Serve(context.Background())
	}
}

const large = 1500 // bytes: two of them fill a ring of replies of 4096

// jamming is a server whose handlers of "large" all wait for leave once inFlight of them have said
// that they are entered.
func jamming(entered, leave chan bool) (rpc.Config, func(*rpc.Server)) {
	return rpc.Config{Workers: inFlight, ReplyBytes: 4096}, func(s *rpc.Server) {
		s.Handle("large", func(_ context.Context, dst, req []byte) ([]byte, error) {
			out := append(dst, bytes.Repeat(req, large)...)
			entered <- true
			<-leave
			return out, nil
		})
	}
}

// full waits until the ring of replies to the first client is full, and the server waits for it.
func full(t *testing.T, name string) {
	t.Helper()
	look, err := ring.Open(name + ".reply.1")
	must(t, err)
	testutil.Eventually(t, "its ring is full", func() bool {
		st, err := look.Stats()
		return err == nil && st.Occupied >= 2*large && st.Producer.Parks > 0
	})
	must(t, look.Close())
}

// jam starts a client, stops it with inFlight calls under way, and lets the server answer: all
// but two or three of the answers wait in the server.
func jam(t *testing.T) (name string, s *rpc.Server, p *testutil.Process) {
	t.Helper()
	entered, leave := make(chan bool), make(chan bool)
	config, handle := jamming(entered, leave)
	name, s = serve(t, config, handle)
	p = testutil.Start(t, testutil.Child(t, "many", name))
	for range inFlight {
		<-entered
	}
	p.Signal(syscall.SIGSTOP)
	p.Stopped()
	close(leave)
	full(t, name)
	calls(t, name) // the others are answered meanwhile
	return name, s, p
}

// A client that is stopped with its ring of replies full keeps nobody waiting, and has all of its answers
// when it goes on.
func TestStoppedClient(t *testing.T) {
	name, s, p := jam(t)
	calls(t, name)
	p.Signal(syscall.SIGCONT)
	p.Expect(fmt.Sprint("answered ", inFlight))
	p.Done()
	if got := s.Stats(); got.Dropped != 0 {
		t.Errorf("%+v", got)
	}
}

// One that is killed then: what waits for it is dropped, and its place's next holder gets its own
// answers only.
func TestStoppedClientIsKilled(t *testing.T) {
	name, s, p := jam(t)
	p.Kill()
	for range 3 {
		calls(t, name)
	}
	must(t, s.Close())
}

// One that is stopped while the server is killed, with answers in its ring and in the dead server's memory, and
// another begins: it has those in the ring, and is told of the others, although the ring was full.
func TestStoppedClientOfTheDead(t *testing.T) {
	name := fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
	server := testutil.Start(t, testutil.Child(t, "jams", name))
	server.Expect("serving")
	p := testutil.Start(t, testutil.Child(t, "many", name))
	server.Expect("entered")
	p.Signal(syscall.SIGSTOP)
	p.Stopped()
	server.Say("leave")
	full(t, name)
	server.Kill()
	_, s := serveAs(t, name, rpc.Config{ReplyBytes: 4096})
	calls(t, name)
	p.Signal(syscall.SIGCONT)
	if said := p.Line(); said != "answered 2" {
		t.Errorf("%q of %d, want two, what the ring holds", said, inFlight)
	}
	p.Done()
	if got := s.Stats(); got.Dropped != 0 {
		t.Errorf("%+v", got)
	}
}

// And one that goes on just when the server is about to end in order: it gets all that it has asked for.
func TestFinishWithQueuedReplies(t *testing.T) {
	_, s, p := jam(t)
	p.Signal(syscall.SIGCONT)
	must(t, s.Finish())
	over, _ := ended.Load(s)
	<-over.(chan bool)
	must(t, s.Close())
	p.Expect(fmt.Sprint("answered ", inFlight))
	p.Done()
}

// A server that ends waits for no client that stays stopped.
func TestFinishBesideAStopped(t *testing.T) {
	for _, kill := range []bool{false, true} {
		_, s, p := jam(t)
		must(t, s.Finish())
		if kill {
			p.Kill()
		}
		testutil.Eventually(t, "its replies are given up", func() bool { return s.Stats().Dropped > inFlight/2 })
	}
}
