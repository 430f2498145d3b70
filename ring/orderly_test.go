package ring_test

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"annulus/internal/race"
	"annulus/ring"
)

// The state of a consumer that has closed outlives the coming of producers, and
// Finish is not yet a close.
func TestClosedConsumerStaysClosed(t *testing.T) {
	for _, topology := range []ring.Topology{ring.SPSC, ring.MPMC} {
		t.Run(topology.String(), func(t *testing.T) {
			r, err := ring.New(ring.Config{Kind: ring.Slots, Capacity: 4, SlotSize: 8, Topology: topology})
			must(t, err)
			defer r.Close()
			is := func(attached, closed, finished bool) {
				t.Helper()
				s, err := r.Stats()
				must(t, err)
				_, g, err := r.Gates()
				must(t, err)
				if c := s.Consumer; c.Attached != attached || c.Closed != closed || c.Finished != finished || g.Closed != closed || g.Finished != finished {
					t.Errorf("attached %v, closed %v, finished %v, gate %+v; want %v, %v, %v", c.Attached, c.Closed, c.Finished, g, attached, closed, finished)
				}
			}
			is(false, false, false)
			c, err := r.Consumer()
			must(t, err)
			is(true, false, false)
			must(t, c.Finish())
			is(true, false, true)
			must(t, c.Close())
			is(false, true, true)
			p, err := r.Producer()
			must(t, err)
			is(false, true, false)
			must(t, p.TrySend(make([]byte, 8)))
			_, err = r.Consumer()
			must(t, err)
			is(true, false, false)
		})
	}
}

// A producer that CloseOnSignal has finished is closed by its owner without an
// error, once.
func TestCloseAfterSignal(t *testing.T) {
	for _, topology := range []ring.Topology{ring.SPSC, ring.MPMC} {
		r, err := ring.New(ring.Config{Kind: ring.Slots, Capacity: 4, SlotSize: 8, Topology: topology})
		must(t, err)
		p, err := r.Producer()
		must(t, err)
		stop := ring.CloseOnSignal(p)
		must(t, syscall.Kill(os.Getpid(), syscall.SIGTERM))
		eventually(t, "sends fail", func() bool {
			err := p.TrySend(make([]byte, 8))
			return errors.Is(err, ring.ErrClosed)
		})
		must(t, p.Close())
		stop()
		if err := p.Close(); !errors.Is(err, ring.ErrClosed) {
			t.Errorf("second close: %v, want ErrClosed", err)
		}
		p, err = r.Producer()
		must(t, err)
		must(t, p.Close())
		for range 2 { // nor is Finish, after a Close, anything to close
			if err := p.Finish(); !errors.Is(err, ring.ErrClosed) {
				t.Errorf("finish after close: %v, want ErrClosed", err)
			}
			if err := p.Close(); !errors.Is(err, ring.ErrClosed) {
				t.Errorf("close after that: %v, want ErrClosed", err)
			}
		}
		must(t, r.Close())
	}
}

// What is closed is called by its name.
func TestClosedTexts(t *testing.T) {
	r, err := ring.New(ring.Config{})
	must(t, err)
	p, err := r.Producer()
	must(t, err)
	c, err := r.Consumer()
	must(t, err)
	must(t, c.Close())
	texts := map[string]error{"closed by its consumer": p.TrySend(nil), "this consumer is closed": c.Release()}
	must(t, p.Close())
	texts["this producer is closed"] = p.Close()
	must(t, r.Close())
	texts["this handle is closed"] = r.Close()
	_, texts["heap region is closed"] = r.Stats()
	for want, err := range texts {
		if !errors.Is(err, os.ErrClosed) || !strings.HasSuffix(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

func TestNegativeSize(t *testing.T) {
	for _, c := range []ring.Config{{}, {Kind: ring.Slots, SlotSize: 8}, {Topology: ring.MPMC, SlotSize: 8}} {
		r, err := ring.New(c)
		must(t, err)
		p, err := r.Producer()
		must(t, err)
		if _, err := p.TryReserve(-1); !errors.Is(err, ring.ErrSize) || !strings.Contains(err.Error(), "negative size -1") {
			t.Errorf("reserve: %v", err)
		}
		_, err = p.TryReserve(8)
		must(t, err)
		if err := p.Commit(-1); !errors.Is(err, ring.ErrSize) || !strings.Contains(err.Error(), "negative size -1") {
			t.Errorf("commit: %v", err)
		}
		must(t, p.Commit(8))
		must(t, r.Close())
	}
}

// A mismatch names kinds and topologies in words.
func TestMismatchInWords(t *testing.T) {
	name := t.TempDir() + "/ring"
	r, err := ring.CreateFile(name, ring.Config{})
	must(t, err)
	must(t, r.Close())
	for want, c := range map[string]ring.Config{
		"its kind is bytes, want slots": {Kind: ring.Slots, SlotSize: 8}, "its topology is SPSC, want MPMC": {Topology: ring.MPMC},
	} {
		if _, err := ring.OpenOrCreateFile(name, c); !errors.Is(err, ring.ErrMismatch) || !strings.Contains(err.Error(), want) {
			t.Errorf("%v, want %s", err, want)
		}
	}
}

// Who wants redelivery is not given a ring that drops; who does not say takes either.
func TestRedeliveryIsAMismatch(t *testing.T) {
	c := ring.Config{Topology: ring.MPMC, SlotSize: 8}
	for _, redelivers := range []bool{false, true} {
		name := t.TempDir() + "/ring"
		c.Redeliver = redelivers
		r, err := ring.CreateFile(name, c)
		must(t, err)
		must(t, r.Close())
		for _, c.Redeliver = range []bool{false, true} {
			r, err := ring.OpenOrCreateFile(name, c)
			if c.Redeliver && !redelivers {
				if !errors.Is(err, ring.ErrMismatch) || !strings.Contains(err.Error(), "its redelivery is false, want true") {
					t.Errorf("%v", err)
				}
				continue
			}
			must(t, err)
			must(t, r.Close())
		}
	}
}

// A typed producer's successor learns what took effect, by its tag.
func TestCommittedOfTyped(t *testing.T) {
	c := ring.SlotsOf[uint64](4)
	c.Topology = ring.MPMC
	r, err := ring.New(c)
	must(t, err)
	defer r.Close()
	p, err := ring.NewProducerOf[uint64](r, ring.WithTag(7))
	must(t, err)
	before := p.Committed()
	must(t, p.TrySend(1))
	must(t, p.TrySend(2))
	if n := p.Committed() - before; n != 2 || p.Place() < 0 {
		t.Errorf("%d committed, place %d", n, p.Place())
	}
}

// More messages are peeked before one release than the high bits of tally hold.
func TestCountOfManyPeeked(t *testing.T) {
	if testing.Short() || race.Enabled {
		t.Skip("17 million messages in 256 MiB")
	}
	const many = 1<<24 + 5
	r, err := ring.New(ring.Config{Capacity: 1 << 28})
	must(t, err)
	defer r.Close()
	p, err := r.Producer()
	must(t, err)
	c, err := r.Consumer()
	must(t, err)
	batch := make([][]byte, 1<<16)
	for sent := 0; sent < many; {
		n, err := p.TrySendBatch(batch[:min(len(batch), many-sent)])
		must(t, err)
		sent += n
	}
	peeked := 0
	for {
		n, err := c.TryPeekBatch(batch)
		if err == ring.ErrEmpty {
			break
		}
		must(t, err)
		peeked += n
	}
	s, err := r.Stats()
	must(t, err)
	if peeked != many || s.Consumer.Messages != 0 {
		t.Errorf("%d peeked, want %d; %d count as released", peeked, many, s.Consumer.Messages)
	}
	must(t, c.Release())
	if s, err = r.Stats(); err != nil || s.Consumer.Messages != many || s.Consumer.Bytes != 0 || s.Producer.Messages != many {
		t.Errorf("%+v, %+v, %v, want %d messages", s.Consumer, s.Producer, err, many)
	}
}
