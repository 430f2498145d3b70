package ring_test

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"testing"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/ring"
)

// releaseConfigs are small rings of all forms.
var releaseConfigs = map[string]ring.Config{
	"spsc":           {Capacity: 4096},
	"spsc slots":     {Kind: ring.Slots, Capacity: 16, SlotSize: 24},
	"mpmc":           {Topology: ring.MPMC, Capacity: 16, SlotSize: 24, Members: 8},
	"mpmc redeliver": {Topology: ring.MPMC, Capacity: 16, SlotSize: 24, Members: 8, Redeliver: true},
	"lanes":          {Topology: ring.MPSC, Capacity: 4096, Members: 3},
	"lanes slots":    {Topology: ring.MPSC, Kind: ring.Slots, Capacity: 16, SlotSize: 24, Members: 3},
	"ordered":        {Topology: ring.MPSCOrdered, Capacity: 4096, Members: 4},
	"cast overwrite": {Topology: ring.Broadcast, Overrun: ring.OverrunOverwrite, Capacity: 1 << 16},
	"cast block":     {Topology: ring.Broadcast, Overrun: ring.OverrunBlock, Capacity: 4096, Members: 4},
	"cast drop":      {Topology: ring.Broadcast, Overrun: ring.OverrunDrop, Capacity: 4096, Members: 4},
}

// releaseCase is a ring with producers, and a consumer held against what it should do.
type releaseCase struct {
	t      *testing.T
	config ring.Config
	r      *ring.Ring
	ps     []*ring.Producer
	c      *ring.Consumer
	rng    *rand.Rand

	sent     []uint64 // by each producer
	due      []uint64 // of each, the number of the next message
	views    [][]byte // what is peeked and not released
	copies   [][]byte // and what it was when it was peeked
	messages uint64   // released
	bytes    uint64
}

func newReleaseCase(t *testing.T, config ring.Config) *releaseCase {
	r, err := ring.New(config)
	must(t, err)
	closing(t, r)
	s := &releaseCase{t: t, config: config, r: r, rng: rand.New(rand.NewPCG(1, 2))}
	producers := 1
	if config.Topology >= ring.MPMC && config.Topology <= ring.MPSCOrdered {
		producers = 3
	}
	s.c, err = r.Consumer()
	must(t, err)
	for range producers {
		p, err := r.Producer()
		must(t, err)
		s.ps = append(s.ps, p)
	}
	s.sent, s.due = make([]uint64, producers), make([]uint64, producers)
	return s
}

// message is number n of a producer.
func (s *releaseCase) message(p int, n uint64) []byte {
	size := 24
	if s.config.Kind == ring.Bytes {
		size = 16 + int(n*31%200)
	}
	b := make([]byte, size)
	for i := range b {
		b[i] = byte(n) + byte(i)
	}
	binary.LittleEndian.PutUint64(b, uint64(p))
	binary.LittleEndian.PutUint64(b[8:], n)
	return b
}

func (s *releaseCase) send() {
	p := s.rng.IntN(len(s.ps))
	if s.config.Topology == ring.Broadcast && s.sent[p]-s.due[p] > 20 {
		return // none is to be lost
	}
	switch err := s.ps[p].TrySend(s.message(p, s.sent[p])); err {
	case nil:
		s.sent[p]++
	case ring.ErrFull:
	default:
		s.t.Fatal(err)
	}
}

// expect checks that b is the next message of its producer.
func (s *releaseCase) expect(b []byte) {
	s.t.Helper()
	p := int(binary.LittleEndian.Uint64(b))
	if p >= len(s.ps) || !bytes.Equal(b, s.message(p, s.due[p])) {
		s.t.Fatalf("%x is not the next message of producer %d", b, p)
	}
	s.due[p]++
}

func (s *releaseCase) peek(n int) {
	s.t.Helper()
	views := make([][]byte, n)
	if n == 1 {
		b, err := s.c.TryPeek()
		if views[0] = b; err != nil {
			if n = 0; err != ring.ErrEmpty {
				s.t.Fatal(err)
			}
		}
	} else if k, err := s.c.TryPeekBatch(views); err == nil || err == ring.ErrEmpty {
		n = k
	} else {
		s.t.Fatal(err)
	}
	for _, b := range views[:n] {
		s.expect(b)
		s.views, s.copies = append(s.views, b), append(s.copies, bytes.Clone(b))
	}
}

// released notes that the first n are.
func (s *releaseCase) released(n int) {
	for _, b := range s.copies[:n] {
		s.messages++
		s.bytes += uint64(len(b))
	}
	s.views, s.copies = s.views[n:], s.copies[n:]
}

func (s *releaseCase) releaseFirst(n int) {
	s.t.Helper()
	k := len(s.views)
	err := s.c.ReleaseFirst(n)
	if n < 0 || n > k {
		want := fmt.Sprintf("the first %d were to be released, %d are peeked", n, k)
		if !errors.Is(err, ring.ErrNotPeeked) || !bytes.Contains([]byte(err.Error()), []byte(want)) {
			s.t.Fatalf("%v, want %s", err, want)
		}
	} else {
		must(s.t, err)
		s.released(n)
	}
	if k > 0 || n >= 0 && n <= k {
		s.counts()
	}
}

// counts checks the consumer's counts, which are exact behind a release.
func (s *releaseCase) counts() {
	s.t.Helper()
	for i, b := range s.views {
		if !bytes.Equal(b, s.copies[i]) {
			s.t.Fatalf("message %d of those still peeked has changed", i)
		}
	}
	if s.config.Overrun == ring.OverrunOverwrite {
		return // such a consumer tells nobody
	}
	st, err := s.r.Stats()
	must(s.t, err)
	if st.Consumer.Messages != s.messages || st.Consumer.Bytes != s.bytes {
		s.t.Fatalf("%d messages of %d bytes count as received, want %d of %d", st.Consumer.Messages, st.Consumer.Bytes, s.messages, s.bytes)
	}
}

func (s *releaseCase) recv() {
	b, err := s.c.TryRecv(nil)
	if err == ring.ErrEmpty {
		return // what is peeked stays
	}
	must(s.t, err)
	s.expect(b)
	s.released(len(s.views))
	s.messages++
	s.bytes += uint64(len(b))
}

// step sends, peeks, releases or receives something.
func (s *releaseCase) step() {
	s.t.Helper()
	switch s.rng.IntN(8) {
	case 0, 1, 2:
		for range 1 + s.rng.IntN(12) {
			s.send()
		}
	case 3:
		s.peek(1)
	case 4:
		s.peek(2 + s.rng.IntN(8))
	case 5:
		s.releaseFirst(s.rng.IntN(len(s.views)+3) - 1)
	case 6:
		if s.rng.IntN(4) == 0 {
			s.recv()
		} else {
			s.releaseFirst(min(1, len(s.views)))
		}
	case 7:
		if s.rng.IntN(4) == 0 {
			must(s.t, s.c.Release())
			s.released(len(s.views))
			s.counts()
		}
	}
}

// Any order of peeks, partial and whole releases and receives, over many laps of
// the ring, against a list of what is peeked.
func TestReleaseFirst(t *testing.T) {
	for name, config := range releaseConfigs {
		t.Run(name, func(t *testing.T) {
			s := newReleaseCase(t, config)
			for range 6000 {
				s.step()
			}
			if s.messages < 1000 {
				t.Errorf("only %d messages went through", s.messages)
			}
			s.inherit()
		})
	}
}

// inherit closes the consumer while it holds messages, some of what it had peeked
// being released: the next one gets the others.
func (s *releaseCase) inherit() {
	t := s.t
	for {
		s.peek(3)
		if n := len(s.views); n >= 6 {
			break
		}
		for range 4 {
			s.send()
		}
	}
	s.releaseFirst(2)
	lost := len(s.views) // if what is in hand is dropped
	must(t, s.c.Close())
	var err error
	s.c, err = s.r.Consumer()
	must(t, err)
	switch {
	case s.config.Topology == ring.Broadcast:
		return // it begins anew
	case s.config.Topology == ring.MPMC && !s.config.Redeliver:
		s.views, s.copies = nil, nil
	case s.config.Topology == ring.MPMC:
		s.takesOver()
		lost = 0
	default:
		for i := range s.due {
			s.due[i] = 0
		}
		for _, b := range s.copies { // these come first of each
			if p, n := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:]); s.due[p] == 0 {
				s.due[p] = n + 1
			}
		}
		for p := range s.due {
			if s.due[p] > 0 {
				s.due[p]--
			} else {
				s.due[p] = ^uint64(0)
			}
		}
		lost = 0
	}
	// Whoever had none in hand goes on where it was: find that out from the first.
	for _, p := range s.ps {
		must(t, p.Close())
	}
	for {
		b, err := s.c.TryRecv(nil)
		if err == io.EOF {
			break
		}
		must(t, err)
		p := binary.LittleEndian.Uint64(b)
		if s.due[p] == ^uint64(0) {
			s.due[p] = binary.LittleEndian.Uint64(b[8:])
		}
		s.expect(b)
		s.messages++
	}
	var sent uint64
	for i, n := range s.sent {
		if sent += n; s.due[i] != n && s.due[i] != ^uint64(0) {
			t.Errorf("%d of %d messages of producer %d came", s.due[i], n, i)
		}
	}
	if s.messages+uint64(lost) != sent {
		t.Errorf("%d messages were released, %d dropped, %d were sent", s.messages, lost, sent)
	}
}

// takesOver receives, one by one, what a consumer of an MPMC ring left in its hands.
func (s *releaseCase) takesOver() {
	for len(s.copies) > 0 {
		b, err := s.c.Recv(s.t.Context(), nil)
		must(s.t, err)
		if s.c.Redelivered() == 0 {
			s.expect(b)
		} else if !bytes.Equal(b, s.copies[0]) {
			s.t.Fatalf("%x, want what was left in hand, %x", b, s.copies[0])
		} else {
			s.copies = s.copies[1:]
		}
		s.messages++
	}
	s.views = nil
}

// A producer that waits for room goes on when a part of what is peeked is released, also
// of a ring that else says nothing more: every sleep lasts for an hour.
func TestReleaseFirstWakes(t *testing.T) {
	for name, config := range releaseConfigs {
		if config.Topology == ring.Broadcast && config.Overrun != ring.OverrunBlock {
			continue // nobody waits there
		}
		t.Run(name, func(t *testing.T) {
			strategy := ring.WithStrategy(unbounded(futex.Futex()))
			r, err := ring.New(config)
			must(t, err)
			closing(t, r)
			c, err := r.Consumer(strategy)
			must(t, err)
			p, err := r.Producer(strategy)
			must(t, err)
			s := &releaseCase{config: config}
			sent := make(chan error)
			for range 20 {
				for err = nil; err == nil; {
					err = p.TrySend(s.message(0, 0))
				}
				if err != ring.ErrFull {
					t.Fatal(err)
				}
				go func() { sent <- p.Send(t.Context(), s.message(0, 0)) }()
				eventually(t, "the producer sleeps", func() bool {
					st, err := r.Stats()
					must(t, err)
					return st.Producer.Asleep
				})
				if _, err := c.TryPeekBatch(make([][]byte, 1000)); err != nil && err != ring.ErrEmpty {
					t.Fatal(err)
				}
				must(t, c.ReleaseFirst(1))
				if config.Kind == ring.Bytes {
					must(t, c.ReleaseFirst(1)) // padding may have been in the way
				}
				// Too little to wake for, until there is nothing else to do.
				for {
					if _, err := c.TryPeek(); err != nil && err != ring.ErrEmpty {
						t.Fatal(err)
					}
					select {
					case err = <-sent:
					default:
						continue
					}
					break
				}
				must(t, err)
			}
		})
	}
}

// Who repairs while a consumer holds the rest of what it had peeked finds exactly that
// claimed, and takes none of it.
func TestReleaseFirstClaims(t *testing.T) {
	for _, name := range []string{"mpmc", "mpmc redeliver"} {
		s := newReleaseCase(t, releaseConfigs[name])
		other, err := s.r.Consumer()
		must(t, err)
		for range 50 {
			for range 40 {
				s.send()
			}
			s.peek(5)
			for _, n := range []int{2, 1, 1} {
				s.releaseFirst(n)
				found, err := s.r.Recover()
				must(t, err)
				if want := (ring.Recovery{Claimed: len(s.views)}); found != want {
					t.Fatalf("%s: found %+v, want %+v", name, found, want)
				}
				st, err := s.r.Stats()
				must(t, err)
				b := s.r.Region().Bytes()
				g := geometryOf(t, s.r)
				in := layout.MemberAt(b, g.MemberArea, g.Stride, 0).Intent // of s.c, the first that came
				if n := len(s.views); n > 0 && in>>layout.IntentCountShift != uint64(n) {
					t.Fatalf("%s: intent %#x, want %d claims", name, in, n)
				}
				claims := 0
				for _, m := range st.Members {
					claims += m.Claims
				}
				if claims != len(s.views) {
					t.Fatalf("%s: %d claims, want %d", name, claims, len(s.views))
				}
			}
			b, err := other.TryRecv(nil) // in between
			must(t, err)
			s.expect(b)
			s.messages, s.bytes = s.messages+1, s.bytes+uint64(len(b))
			if _, err := s.c.TryPeek(); err != ring.ErrHeld {
				t.Fatalf("%s: %v, want ErrHeld", name, err)
			}
			s.releaseFirst(1)
		}
	}
}

// The typed consumer's is the same.
func TestReleaseFirstTyped(t *testing.T) {
	for _, topology := range []ring.Topology{ring.SPSC, ring.MPMC, ring.MPSC} {
		config := ring.SlotsOf[uint64](8)
		config.Topology = topology
		if topology == ring.MPMC {
			config.Redeliver = true
		}
		if topology != ring.SPSC {
			config.Members = 4
		}
		r, err := ring.New(config)
		must(t, err)
		closing(t, r)
		p, err := ring.NewProducerOf[uint64](r)
		must(t, err)
		c, err := ring.NewConsumerOf[uint64](r)
		must(t, err)
		next, due := uint64(0), uint64(0)
		for range 50 {
			for p.TrySend(next) == nil {
				next++
			}
			first, err := c.TryPeek()
			must(t, err)
			second, err := c.TryPeek()
			must(t, err)
			must(t, c.ReleaseFirst(1))
			if *second != due+1 {
				t.Fatalf("%s: %d, want %d", topology, *second, due+1)
			}
			must(t, p.TrySend(next)) // in place of the first
			next++
			if err := p.TrySend(next); err != ring.ErrFull {
				t.Fatalf("%s: %v, want full", topology, err)
			}
			_ = first
			v, err := c.TryRecv()
			must(t, err)
			if due += 3; v != due-1 {
				t.Fatalf("%s: %d, want %d", topology, v, due-1)
			}
			vs := make([]uint64, 2)
			n, err := c.TryRecvBatch(vs)
			must(t, err)
			if n != 2 || vs[0] != due {
				t.Fatalf("%s: %v, want %d first", topology, vs[:n], due)
			}
			due += 2
		}
	}
}
