package rpc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"syscall"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/rpc"
)

const inFlight = 40 // calls of the client that is stopped

func init() {
	// many NAME: calls "large" inFlight times at once, and says how many came back whole.
	roles["many"] = func(args []string) error {
		c, err := rpc.Dial(args[0])
		if err != nil {
			return err
		}
		var all sync.WaitGroup
		errs := make([]error, inFlight)
		for i := range errs {
			all.Go(func() {
				req := []byte{byte(i)}
				out, err := c.Call(context.Background(), "large", nil, req)
				if err == nil && !bytes.Equal(out, bytes.Repeat(req, large)) {
					err = fmt.Errorf("%d bytes that are not the answer", len(out))
				}
				errs[i] = err
			})
		}
		all.Wait()
		if err := errors.Join(errs...); err != nil {
			return err
		}
		fmt.Println("answered")
		return c.Close()
	}
	// half NAME: what a client is that has its place, and not its ring of replies.
	roles["half"] = func(args []string) error {
		r, err := ring.Open(args[0])
		if err != nil {
			return err
		}
		if _, err := r.Producer(); err != nil {
			return err
		}
		fmt.Println("half")
		testutil.Forever()
		return nil
	}
	// reads NAME: a client that dies with a reply in its hands.
	roles["reads"] = func(args []string) error {
		r, err := ring.Open(args[0])
		if err != nil {
			return err
		}
		p, err := r.Producer()
		if err != nil {
			return err
		}
		replies, err := ring.Open(fmt.Sprint(args[0], ".reply.", p.Place()))
		if err != nil {
			return err
		}
		c, err := replies.Consumer()
		if err != nil {
			return err
		}
		if err := p.Send(context.Background(), wireRequest(1<<32+1, uint32(p.Place()), "")); err != nil {
			return err
		}
		b, err := c.Peek(context.Background())
		if err != nil {
			return err
		}
		fmt.Println("has", len(b) > 16)
		testutil.Forever()
		return nil
	}
	// comes NAME: a client that comes and goes, without end.
	roles["comes"] = func(args []string) error {
		for i := 0; ; i++ {
			c, err := rpc.Dial(args[0])
			if errors.Is(err, ring.ErrAttached) {
				continue // those who were killed are still dying
			}
			if err != nil {
				return err
			}
			if sum, err := add.Call(context.Background(), c, [2]int{i, i}); err != nil || sum != 2*i {
				return fmt.Errorf("%d, %w", sum, err)
			}
			if err := c.Close(); err != nil {
				return err
			}
			if i < 3 {
				fmt.Println("came")
			}
		}
	}
}

const large = 1500 // bytes: two of them fill a ring of replies of 4096

// jam starts a client, stops it with inFlight calls under way, and lets the server answer: all
// but two or three of the answers wait in the server.
func jam(t *testing.T) (name string, s *rpc.Server, p *testutil.Process) {
	t.Helper()
	entered, leave := make(chan bool), make(chan bool)
	name, s = serve(t, rpc.Config{Workers: inFlight, ReplyBytes: 4096}, func(s *rpc.Server) {
		s.Handle("large", func(_ context.Context, dst, req []byte) ([]byte, error) {
			out := append(dst, bytes.Repeat(req, large)...)
			entered <- true
			<-leave
			return out, nil
		})
	})
	p = testutil.Start(t, testutil.Child(t, "many", name))
	for range inFlight {
		<-entered
	}
	p.Signal(syscall.SIGSTOP)
	p.Stopped()
	close(leave)
	look, err := ring.Open(name + ".reply.1")
	must(t, err)
	testutil.Eventually(t, "its ring is full", func() bool {
		st, err := look.Stats()
		return err == nil && st.Occupied >= 2*large && st.Producer.Parks > 0
	})
	must(t, look.Close())
	calls(t, name) // the others are answered meanwhile
	return name, s, p
}

// A client that is stopped with its ring of replies full keeps nobody waiting, and has all of its answers
// when it goes on.
func TestStoppedClient(t *testing.T) {
	name, s, p := jam(t)
	calls(t, name)
	p.Signal(syscall.SIGCONT)
	p.Expect("answered")
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

// And one that goes on just when the server is about to end in order: it gets all that it has asked for.
func TestFinishWithQueuedReplies(t *testing.T) {
	_, s, p := jam(t)
	p.Signal(syscall.SIGCONT)
	must(t, s.Finish())
	over, _ := ended.Load(s)
	<-over.(chan bool)
	must(t, s.Close())
	p.Expect("answered")
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

// Clients killed at every stage leave their places as they were: with a place and no ring of replies, with a
// reply in their hands, and anywhere between coming and going.
func TestKilledAtEveryStage(t *testing.T) {
	name, s := serve(t, rpc.Config{Clients: 3})
	for _, at := range []struct{ role, says string }{{"half", "half"}, {"reads", "has true"}} {
		var three []*testutil.Process
		for range 3 {
			p := testutil.Start(t, testutil.Child(t, at.role, name))
			line := p.Line()
			if at.role == "half" && line != at.says {
				t.Errorf("%q", line)
			}
			three = append(three, p)
		}
		if _, err := rpc.Dial(name); !errors.Is(err, ring.ErrAttached) {
			t.Error(err)
		}
		for _, p := range three {
			p.Kill()
		}
		for range 3 {
			calls(t, name)
		}
	}
	for i := range 25 {
		p1 := testutil.Start(t, testutil.Child(t, "comes", name))
		p2 := testutil.Start(t, testutil.Child(t, "comes", name))
		p1.Expect("came")
		p2.Expect("came")
		for range 10 * i { // some microseconds to a millisecond
			s.Stats()
		}
		p1.Signal(syscall.SIGKILL)
		p2.Kill()
	}
	var all []*rpc.Client
	testutil.Eventually(t, "the last ones are dead", func() bool {
		c, err := rpc.Dial(name)
		if err == nil {
			all = append(all, c)
		} else if !errors.Is(err, ring.ErrAttached) {
			t.Fatal(err)
		}
		return len(all) == 3
	})
	for i, c := range all {
		if sum, err := add.Call(context.Background(), c, [2]int{i, 1}); err != nil || sum != i+1 {
			t.Error(sum, err)
		}
		must(t, c.Close())
	}
}

// The kernel takes the locks of a dead process one by one: who gets its place may have to wait a moment
// for its ring of replies.
func TestDialBehindTheDying(t *testing.T) {
	name, _ := serve(t, rpc.Config{Clients: 1})
	replies, err := ring.Open(name + ".reply.1")
	must(t, err)
	dying, err := replies.Consumer()
	must(t, err)
	dialled := make(chan error, 1)
	go func() {
		c, err := rpc.Dial(name)
		if err == nil {
			err = c.Close()
		}
		dialled <- err
	}()
	look, err := ring.Open(name)
	must(t, err)
	testutil.Eventually(t, "the place is taken", func() bool {
		select {
		case err := <-dialled:
			t.Fatal(err)
		default:
		}
		st, err := look.Stats()
		return err == nil && len(st.Members) == 2
	})
	must(t, errors.Join(dying.Close(), look.Close(), replies.Close()))
	if err := <-dialled; err != nil {
		t.Error(err)
	}
}
