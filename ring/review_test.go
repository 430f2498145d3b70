package ring_test

import (
	"context"
	"encoding/binary"
	"errors"
	"os"
	"testing"

	"annulus/futex"
	"annulus/ring"
	"annulus/shm"
)

// claiming are the rings in which a reservation is a place that others wait behind.
var claiming = map[string]ring.Config{
	"mpmc":         {Topology: ring.MPMC, Capacity: 64, SlotSize: 64},
	"mpsc ordered": {Topology: ring.MPSCOrdered, Capacity: 4096},
}

// A consumer sleeps for an hour at a place that was claimed, with a message behind it:
// when the claim is given up it has to be told.
func TestAbortWakes(t *testing.T) {
	if !futex.Barrier() {
		t.Skip("without membarrier(2) a wake may be lost, for a slice")
	}
	for name, config := range claiming {
		t.Run(name, func(t *testing.T) {
			r, err := ring.New(config)
			must(t, err)
			closing(t, r)
			slow, err := r.Producer()
			must(t, err)
			fast, err := r.Producer()
			must(t, err)
			_, err = slow.TryReserve(8)
			must(t, err)
			must(t, fast.TrySend(word(7)))
			c, err := r.Consumer(ring.WithStrategy(unbounded(futex.Futex())))
			must(t, err)
			got := make(chan error)
			go func() {
				b, err := c.Recv(context.Background(), nil)
				if err == nil && binary.LittleEndian.Uint64(b) != 7 {
					err = errors.New("another message")
				}
				got <- err
			}()
			eventually(t, "the consumer sleeps", func() bool {
				s, err := r.Stats()
				return err == nil && s.Consumer.Asleep && s.Consumer.Parks > 0
			})
			slow.Abort()
			must(t, <-got)
		})
	}
}

// What a batch had claimed, and could not send since the consumer closed meanwhile, is
// given up: the next send is not to forget it, nor a reservation to use it.
func TestBatchAgainstClose(t *testing.T) {
	for name, config := range claiming {
		t.Run(name, func(t *testing.T) {
			if config.Kind, config.Capacity, config.SlotSize = 0, 1024, 8192; config.Topology != ring.MPMC {
				config.Capacity, config.SlotSize = 1<<24, 0
			}
			r, err := ring.New(config)
			must(t, err)
			closing(t, r)
			p, err := r.Producer()
			must(t, err)
			msgs := make([][]byte, 200)
			for i := range msgs {
				msgs[i] = append(word(uint64(i)), make([]byte, 8000)...)
			}
			for hits, round := 0, 0; hits < 3; round++ {
				if round == 20000 {
					t.Fatal("no batch was ever cut short")
				}
				c, err := r.Consumer()
				must(t, err)
				closed := make(chan error)
				go func() { closed <- c.Close() }()
				n, err := p.TrySendBatch(msgs)
				must(t, <-closed)
				if n > 0 && err != nil {
					hits++
				}
				want := make([]uint64, n, n+3)
				for i := range want {
					want[i] = uint64(i)
				}
				c, err = r.Consumer()
				must(t, err)
				must(t, p.TrySend(word(1000)))
				b, err := p.TryReserve(8)
				must(t, err)
				copy(b, word(1001))
				must(t, p.Commit(8))
				must(t, p.TrySend(word(1002)))
				for _, w := range append(want, 1000, 1001, 1002) {
					m, err := c.TryRecv(nil)
					if err != nil || binary.LittleEndian.Uint64(m) != w {
						t.Fatalf("round %d, batch of %d: got %x, %v, want %d", round, n, m[:min(len(m), 8)], err, w)
					}
				}
				if m, err := c.TryRecv(nil); err != ring.ErrEmpty {
					t.Fatalf("round %d: one more: %d bytes, %v", round, len(m), err)
				}
				if s, err := r.Stats(); err != nil || s.Members[0].Claims != 0 || s.Occupied != 0 {
					t.Fatalf("round %d: %+v, %v", round, s, err)
				}
				must(t, c.Close())
			}
		})
	}
}

// A tag is a producer's, a backlog a consumer's.
func TestOptionsRefused(t *testing.T) {
	for _, topology := range []ring.Topology{ring.SPSC, ring.MPMC, ring.MPSC, ring.MPSCOrdered, ring.Broadcast} {
		config := ring.Config{Topology: topology}
		if topology == ring.MPMC {
			config.SlotSize = 8
		}
		r, err := ring.New(config)
		must(t, err)
		closing(t, r)
		if _, err := r.Consumer(ring.WithTag(7)); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v: consumer with a tag: %v", topology, err)
		}
		if _, err := r.Producer(ring.WithBacklog()); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v: producer with a backlog: %v", topology, err)
		}
		if topology != ring.Broadcast {
			if _, err := r.Consumer(ring.WithBacklog()); !errors.Is(err, errors.ErrUnsupported) {
				t.Errorf("%v: consumer with a backlog: %v", topology, err)
			}
		}
		if _, err := r.Producer(); err != nil {
			t.Errorf("%v: the refusals left something behind: %v", topology, err)
		}
	}
}

// Recover stores: through a handle that may only read it is refused.
func TestRecoverReadOnly(t *testing.T) {
	for name, config := range claiming {
		t.Run(name, func(t *testing.T) {
			name := shmName(t)
			r, err := ring.Create(name, config)
			must(t, err)
			t.Cleanup(func() { must(t, ring.Remove(name)) })
			closing(t, r)
			ro, err := ring.Open(name, ring.WithRegion(shm.ReadOnly()))
			must(t, err)
			closing(t, ro)
			if found, err := ro.Recover(); !errors.Is(err, os.ErrPermission) {
				t.Errorf("%+v, %v, want os.ErrPermission", found, err)
			}
		})
	}
}

// A consumer that has finished wants no more, from producers that come later neither.
func TestFinishAgainstAttach(t *testing.T) {
	for _, config := range []ring.Config{{}, {Topology: ring.MPMC, SlotSize: 8}, {Topology: ring.MPSC}, {Topology: ring.MPSCOrdered}} {
		r, err := ring.New(config)
		must(t, err)
		closing(t, r)
		c, err := r.Consumer()
		must(t, err)
		must(t, c.Finish())
		p, err := r.Producer()
		must(t, err)
		if err := p.TrySend(word(1)); !errors.Is(err, ring.ErrClosed) {
			t.Errorf("%v: %v, want ErrClosed", config.Topology, err)
		}
		must(t, c.Close())
		must(t, p.Close())
		p, err = r.Producer()
		must(t, err)
		must(t, p.TrySend(word(1)))
	}
}
