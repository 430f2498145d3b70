package lin

import (
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"annulus/ring"
)

const perKind = 12000 // histories

// await spins until n has come so far; where the other side does not run, it sleeps.
func await(n *atomic.Int64, want int64) {
	for i := 0; n.Load() < want; i++ {
		switch {
		case i > 1<<14:
			time.Sleep(20 * time.Microsecond)
		case i%64 == 63:
			runtime.Gosched()
		}
	}
}

// record lets the clients of a ring do their calls, all at once, so many times, and drains the ring after each. It returns the histories, and what explains each.
func record(t testing.TB, k kind, r *ring.Ring, list []*client, rounds int) (histories [][]Op, specs []Spec) {
	t.Helper()
	var round, done atomic.Int64
	var failed atomic.Pointer[error]
	var wg sync.WaitGroup
	for _, c := range list {
		wg.Go(func() {
			for i := range int64(rounds) {
				await(&round, i+1)
				calls := k.sends
				if c.r != nil {
					calls = k.recvs
				}
				for j := range calls {
					if _, err := c.call(uint8(1 + c.number*k.sends + j)); err != nil {
						failed.Store(&err)
					}
				}
				done.Add(1)
			}
		})
	}
	for i := range int64(rounds) {
		spec := k.spec(where(t, r, list))
		round.Store(i + 1)
		await(&done, (i+1)*int64(len(list)))
		for _, c := range k.drains(list) {
			for {
				o, err := c.call(0)
				if err != nil {
					failed.Store(&err)
				}
				if o.Result == Empty || err != nil {
					break
				}
			}
		}
		var h []Op
		for _, c := range list {
			h = append(h, c.ops...)
			c.ops = c.ops[:0]
		}
		histories, specs = append(histories, h), append(specs, spec)
	}
	wg.Wait()
	if err := failed.Load(); err != nil {
		t.Fatal(*err)
	}
	return histories, specs
}

// checkAll returns the index of the histories that are not explained; it may stop when
// it has found so many.
func checkAll(specs []Spec, histories [][]Op, enough int) (bad []int) {
	var mu sync.Mutex
	var wg sync.WaitGroup
	var found atomic.Int64
	const workers = 2
	for w := range workers {
		wg.Go(func() {
			for i := w; i < len(histories) && found.Load() < int64(enough); i += workers {
				if !Check(specs[i], histories[i]) {
					found.Add(1)
					mu.Lock()
					bad = append(bad, i)
					mu.Unlock()
				}
			}
		})
	}
	wg.Wait()
	return bad
}

// atomicQueues are queues whose calls take effect at one moment each; nil where the
// specification is no weaker.
func atomicQueues(k kind, specs []Spec) []Spec {
	list := slices.Clone(specs)
	for i, s := range specs {
		switch s := s.(type) {
		case Tickets:
			list[i] = Queue{Slots: k.config.Capacity}
		case Ordered:
			s.AtOnce = true
			list[i] = s
		default:
			return nil
		}
	}
	return list
}

// counter is a clock whose every look is a full fence: between two calls of a client
// its stores become visible.
func counter() func() int64 {
	var n atomic.Int64
	return func() int64 { return n.Add(1) }
}

// Each kind of ring is what its specification says, Full and Empty, what is dropped
// and what is overrun included, if the clients fence between their calls.
func TestLinearizable(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			r, err := ring.New(k.config)
			must(t, err)
			defer func() { must(t, r.Close()) }()
			list := clients(t, k, r, counter())
			begin := time.Now()
			histories, specs := record(t, k, r, list, perKind)
			recorded := time.Since(begin)
			if bad := checkAll(specs, histories, perKind); len(bad) > 0 {
				t.Fatalf("%d of %d histories have no explanation, one of them:\n%s", len(bad), perKind, Show(histories[bad[0]]))
			}
			atomically := ""
			if queues := atomicQueues(k, specs); queues != nil {
				atomically = fmt.Sprintf("; a queue with atomic calls explains %d", len(histories)-len(checkAll(queues, histories, perKind)))
			}
			overlap, results := 0, [Cut + 1]int{}
			for _, h := range histories {
				if Overlaps(h) {
					overlap++
				}
				for _, o := range h {
					results[o.Result]++
				}
			}
			refused := results[Full] + results[Dropped] + results[Overrun]
			t.Logf("%d histories, %d with calls that overlap, %d full, %d dropped, %d overrun, %d empty%s; recorded in %v, all in %v",
				perKind, overlap, results[Full], results[Dropped], results[Overrun], results[Empty], atomically,
				recorded.Round(time.Millisecond), time.Since(begin).Round(time.Millisecond))
			if overlap < perKind/100 || refused == 0 || results[Empty] == 0 {
				t.Errorf("too little happened at once to say anything")
			}
		})
	}
}
