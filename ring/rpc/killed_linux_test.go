package rpc_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/rpc"
)

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
