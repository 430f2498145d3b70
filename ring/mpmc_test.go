package ring_test

import (
	"encoding/binary"
	"errors"
	"io"
	"math/rand/v2"
	"sync"
	"testing"

	"annulus/futex"
	"annulus/ring"
)

// mpmcWays is how the producers and consumers of TestMPMC do it, in turn.
const mpmcWays = 4

// TestMPMC passes messages of many producers to many consumers: each arrives once,
// and each consumer sees those of one producer in their order.
func TestMPMC(t *testing.T) {
	for name, s := range map[string]futex.Strategy{"adaptive": futex.Adaptive(), "futex": futex.Futex(), "yield": futex.Yield()} {
		t.Run(name, func(t *testing.T) {
			for _, c := range []ring.Config{
				{Topology: ring.MPMC, Capacity: 2, SlotSize: 40},
				{Topology: ring.MPMC, Capacity: 64, SlotSize: 40, Redeliver: true},
			} {
				r, err := ring.New(c)
				must(t, err)
				testMany(t, r, 3, 5000, s)
			}
		})
	}
}

// testMany passes messages through r and closes it.
func testMany(t *testing.T, r *ring.Ring, consumers, each int, s futex.Strategy) {
	t.Helper()
	const producers = 4
	defer func() { must(t, r.Close()) }()
	var sending, receiving sync.WaitGroup
	var ps [producers]*ring.Producer
	var err error
	for i := range ps {
		ps[i], err = r.Producer(ring.WithStrategy(s))
		must(t, err)
	}
	for i, p := range ps {
		sending.Go(func() {
			if err := sendMany(t, p, uint64(i), uint64(each), i%mpmcWays, false); err != nil {
				t.Errorf("producer %d: %v", i, err)
			}
		})
	}
	seen := make([][producers][]uint64, consumers)
	for i := range consumers {
		c, err := r.Consumer(ring.WithStrategy(s))
		must(t, err)
		receiving.Go(func() {
			if err := receiveMany(t, c, i%3, func(b []byte) {
				from, seq := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
				if len(b) != 16+int(seq%25) {
					t.Errorf("message %d has %d bytes", seq, len(b))
				}
				seen[i][from] = append(seen[i][from], seq)
			}); err != nil {
				t.Errorf("consumer %d: %v", i, err)
			}
		})
	}
	sending.Wait()
	receiving.Wait()
	for from := range producers {
		got := make([]int, each)
		for i := range consumers {
			last := -1
			for _, seq := range seen[i][from] {
				got[seq]++
				if int(seq) <= last {
					t.Errorf("consumer %d: message %d of producer %d after %d", i, seq, from, last)
				}
				last = int(seq)
			}
		}
		for seq, n := range got {
			if n != 1 {
				t.Fatalf("message %d of producer %d arrived %d times", seq, from, n)
			}
		}
	}
	st, err := r.Stats()
	must(t, err)
	if all := uint64(producers * each); st.Producer.Messages != all || st.Consumer.Messages != all || st.Occupied != 0 {
		t.Errorf("%d sent, %d received, %d left, want %d, as many and 0", st.Producer.Messages, st.Consumer.Messages, st.Occupied, all)
	}
}

// sendMany sends n messages with the number of their producer, in one of the ways,
// and closes p; whole: all of one size.
func sendMany(t *testing.T, p *ring.Producer, from, n uint64, way int, whole bool) error {
	message := func(b []byte, seq uint64) []byte {
		if !whole {
			b = b[:16+seq%25]
		}
		binary.LittleEndian.PutUint64(b, from)
		binary.LittleEndian.PutUint64(b[8:], seq)
		return b
	}
	ctx := t.Context()
	for seq := uint64(0); seq < n; seq++ {
		switch way {
		case 0:
			if err := p.Send(ctx, message(make([]byte, 40), seq)); err != nil {
				return err
			}
		case 1:
			b, err := p.Reserve(ctx, 40)
			if err != nil {
				return err
			}
			if seq%3 == 0 { // now and then change one's mind
				p.Abort()
				seq--
				if b, err = p.Reserve(ctx, 40); err != nil {
					return err
				}
				seq++
			}
			if err := p.Commit(len(message(b, seq))); err != nil {
				return err
			}
		case 2:
			b, err := p.Reserve(ctx, 40)
			if err != nil {
				return err
			}
			if err := p.Stage(len(message(b, seq))); err != nil {
				return err
			}
			if seq%5 == 4 || seq == n-1 {
				if err := p.Publish(); err != nil {
					return err
				}
			}
		default:
			k := min(n-seq, 7)
			batch := make([][]byte, k)
			for i := range batch {
				batch[i] = message(make([]byte, 40), seq+uint64(i))
			}
			if _, err := p.SendBatch(ctx, batch); err != nil {
				return err
			}
			seq += k - 1
		}
	}
	return p.Close()
}

// receiveMany hands every message to f, in one of the ways, and closes c at io.EOF.
func receiveMany(t *testing.T, c *ring.Consumer, way int, f func([]byte)) error {
	ctx := t.Context()
	var err error
	for err == nil {
		switch way {
		case 0:
			var b []byte
			if b, err = c.Recv(ctx, nil); err == nil {
				f(b)
			}
		case 1:
			var b []byte
			if b, err = c.Peek(ctx); err == nil {
				f(b)
				err = c.Release()
			}
		default:
			views := make([][]byte, 6)
			n, perr := c.TryPeekBatch(views)
			if err = perr; err == ring.ErrEmpty {
				n = 1
				views[0], err = c.Peek(ctx)
			}
			if err == nil {
				for _, b := range views[:n] {
					f(b)
				}
				err = c.Release()
			}
		}
	}
	if !errors.Is(err, io.EOF) {
		return err
	}
	return c.Close()
}

// TestMPMCMixed has each producer mix all ways to send: whatever the way, its messages
// keep their order.
func TestMPMCMixed(t *testing.T) {
	r, err := ring.New(ring.Config{Topology: ring.MPMC, Capacity: 64, SlotSize: 64})
	must(t, err)
	var wg sync.WaitGroup
	for from := range 3 {
		p, err := r.Producer()
		must(t, err)
		wg.Go(func() {
			ctx := t.Context()
			rng := rand.New(rand.NewPCG(uint64(from), 2))
			mk := func(seq uint64) []byte {
				b := make([]byte, 16)
				binary.LittleEndian.PutUint64(b, uint64(from))
				binary.LittleEndian.PutUint64(b[8:], seq)
				return b
			}
			for seq := uint64(0); seq < 50000; {
				switch rng.IntN(8) {
				case 0:
					n := 2 + rng.IntN(7)
					var bs [][]byte
					for i := range n {
						bs = append(bs, mk(seq+uint64(i)))
					}
					if _, err := p.SendBatch(ctx, bs); err != nil {
						t.Error(err)
					}
					seq += uint64(n)
				case 1, 2:
					if rng.IntN(4) == 0 {
						if _, err := p.Reserve(ctx, 64); err != nil {
							t.Error(err)
						}
						p.Abort()
					}
					b, err := p.Reserve(ctx, 64)
					if err != nil {
						t.Error(err)
					}
					copy(b, mk(seq))
					if err := p.Commit(16); err != nil {
						t.Error(err)
					}
					seq++
				default:
					if err := p.Send(ctx, mk(seq)); err != nil {
						t.Error(err)
					}
					seq++
				}
			}
			if err := p.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	c, err := r.Consumer()
	must(t, err)
	var next [3]uint64
	bad := 0
	for {
		b, err := c.Peek(t.Context())
		if err != nil {
			break
		}
		from, seq := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
		if seq != next[from] && bad < 20 {
			bad++
			t.Errorf("producer %d: %d, want %d", from, seq, next[from])
		}
		next[from] = seq + 1
		must(t, c.Release())
	}
	wg.Wait()
	must(t, r.Close())
}

// A consumer that finds nothing but places that were given up wakes who waits for their room.
func TestMPMCSkippedRoomIsTold(t *testing.T) {
	for _, peeks := range []bool{false, true} {
		r, err := ring.New(ring.Config{Topology: ring.MPMC, Capacity: 2, SlotSize: 8})
		must(t, err)
		p, err := r.Producer()
		must(t, err)
		for range 2 {
			_, err = p.TryReserve(8)
			must(t, err)
			p.Abort()
		}
		waits, err := r.Producer(ring.WithStrategy(unbounded(futex.Futex())))
		must(t, err)
		done := make(chan error, 1)
		go func() { done <- waits.Send(t.Context(), make([]byte, 8)) }()
		eventually(t, "it sleeps", func() bool {
			s, err := r.Stats()
			must(t, err)
			return s.Producer.Asleep
		})
		c, err := r.Consumer()
		must(t, err)
		if peeks {
			_, err = c.TryPeek()
		} else {
			_, err = c.TryRecv(nil)
		}
		if err != ring.ErrEmpty {
			t.Errorf("%v", err)
		}
		must(t, <-done)
		must(t, r.Close())
	}
}
