package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/rpc"
)

func init() {
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

// Servers that are killed anywhere, some before they serve: each call ends, with its own answer or
// ErrNoServer, and all clients go on with the next server.
func TestServersKilledAnywhere(t *testing.T) {
	for _, workers := range []int{0, 2} {
		t.Run(fmt.Sprint(workers, " workers"), func(t *testing.T) {
			name := fmt.Sprintf("rpc-%d-%d", os.Getpid(), serial.Add(1))
			p := works(t, name, workers)
			look, err := ring.Open(name)
			must(t, err)
			defer look.Close()
			const clients, callers = 3, 2
			var answers [clients * callers]atomic.Uint64
			var over atomic.Bool
			var all sync.WaitGroup
			for i := range clients {
				c := client(t, name)
				for j := range callers {
					n := &answers[i*callers+j]
					all.Go(func() {
						for !over.Load() {
							sum, err := add.Call(context.Background(), c, [2]int{i, j})
							if err == nil && sum == i+j {
								n.Add(1)
							} else if !errors.Is(err, rpc.ErrNoServer) {
								t.Error(sum, err)
								return
							}
							runtime.Gosched()
						}
					})
				}
			}
			for round := range 12 {
				var before [len(answers)]uint64
				for i := range answers {
					before[i] = answers[i].Load()
				}
				testutil.Eventually(t, "all are answered", func() bool {
					for i := range answers {
						if answers[i].Load() == before[i] {
							return false
						}
					}
					return true
				})
				p.Kill()
				for i := range 3 { // killed as they begin
					early := testutil.Start(t, testutil.Child(t, "works", name, fmt.Sprint(workers)))
					testutil.Eventually(t, "it has the role", func() bool {
						st, err := look.Stats()
						return err == nil && st.Consumer.Attached
					})
					for range round * i {
						runtime.Gosched()
					}
					early.Kill()
				}
				p = works(t, name, workers)
			}
			over.Store(true)
			all.Wait()
			p.Kill()
			must(t, rpc.Remove(name))
			left(t, name)
		})
	}
}
