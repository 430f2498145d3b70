package ring_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"annulus/internal/layout"
	"annulus/ring"
)

// A dead consumer's entry, the only one that is free, is had by whoever comes, also at the moment at
// which the producer finds that it need not wait for it: and he is waited for.
func TestBuriedEntryIsFree(t *testing.T) {
	r, name := shared(t, ring.Config{Topology: ring.Broadcast, Overrun: ring.OverrunBlock, Capacity: 4096, Members: 2})
	g, b := geometryOf(t, r), r.Region().Bytes()
	p, err := r.Producer()
	must(t, err)
	for range 20 { // more than a ring
		must(t, p.TrySend(make([]byte, 500)))
	}
	first, err := r.Consumer()
	must(t, err)
	other, err := ring.Open(name)
	must(t, err)
	closing(t, other)
	m, h := layout.MemberAt(b, g.MemberArea, g.Stride, 1), layout.HolderAt(b, g.MemberArea, g.Stride, 1)
	for i := range uint64(2000) {
		// As one that was killed in its place has left it.
		atomic.StoreUint64(&m.Drawn, 0)
		atomic.StoreUint64(&h.Attached, 1)
		atomic.StoreUint32(&h.Role, layout.RoleConsumer)
		atomic.StoreUint32(&h.State, layout.StateAttached)
		var c *ring.Consumer
		var cerr error
		var wg sync.WaitGroup
		wg.Go(func() {
			for range i % 7 {
				first.Config()
			}
			c, cerr = other.Consumer()
		})
		for range 3 {
			must(t, p.Send(t.Context(), make([]byte, 500))) // Full for a moment, while the one who comes has the lock
			_, err := first.TryRecv(nil)
			must(t, err)
		}
		if wg.Wait(); cerr != nil {
			t.Fatalf("round %d: %v", i, cerr)
		}
		// Now it is waited for.
		sent := 0
		for ; sent < 100 && p.TrySend(payload(uint64(sent))) == nil; sent++ {
			_, err := first.TryRecv(nil)
			must(t, err)
		}
		if sent == 100 {
			t.Fatalf("round %d: nobody waits for the one that came", i)
		}
		if n, err := receiveAll(c); err != ring.ErrEmpty || n < sent || n > sent+3 {
			t.Fatalf("round %d: %d messages, then %v, want the %d that were sent", i, n, err, sent)
		}
		must(t, c.Close())
	}
}
