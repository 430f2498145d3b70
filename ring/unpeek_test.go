package ring_test

import (
	"encoding/binary"
	"io"
	"testing"

	"annulus/ring"
)

// unpeek takes back what is peeked: of each producer it comes again.
func (s *releaseCase) unpeek() {
	s.t.Helper()
	must(s.t, s.c.Unpeek())
	for i := len(s.copies) - 1; i >= 0; i-- {
		s.due[binary.LittleEndian.Uint64(s.copies[i])] = binary.LittleEndian.Uint64(s.copies[i][8:])
	}
	if len(s.copies) > 0 { // else counts are exact only now and then
		s.views, s.copies = nil, nil
		s.counts()
	}
}

// Any order of peeks, releases, receives and of what takes peeks back: each message comes until it
// is released, and is counted once.
func TestUnpeek(t *testing.T) {
	for name, config := range releaseConfigs {
		t.Run(name, func(t *testing.T) {
			s := newReleaseCase(t, config)
			for range 12000 {
				if s.rng.IntN(6) == 0 {
					s.unpeek()
				}
				s.step()
			}
			if s.messages < 1000 {
				t.Errorf("only %d messages went through", s.messages)
			}
			s.unpeek()
			s.inherit()
		})
	}
}

// The end of a stream that was seen behind what is taken back comes behind it again, to this
// consumer and, where others come after it, to the next.
func TestUnpeekEnd(t *testing.T) {
	for name, config := range releaseConfigs {
		t.Run(name, func(t *testing.T) {
			s := newReleaseCase(t, config)
			for i := range s.ps {
				for range 3 {
					must(t, s.ps[i].TrySend(s.message(i, s.sent[i])))
					s.sent[i]++
				}
			}
			for _, p := range s.ps {
				must(t, p.Close())
			}
			sent := 3 * len(s.ps)
			for range 3 {
				views := make([][]byte, sent)
				n, err := s.c.TryPeekBatch(views)
				must(t, err)
				for n < sent {
					k, err := s.c.TryPeekBatch(views[n:])
					must(t, err)
					n += k
				}
				if _, err := s.c.TryPeek(); err != io.EOF {
					t.Fatalf("%v, want io.EOF", err)
				}
				must(t, s.c.Unpeek())
			}
			b, err := s.c.TryRecv(nil)
			must(t, err)
			s.expect(b)
			inHand := config.Topology == ring.MPMC && !config.Redeliver // and dropped
			if config.Topology != ring.Broadcast && !inHand {
				must(t, s.c.Close())
				s.c, err = s.r.Consumer()
				must(t, err)
			}
			for range sent - 1 {
				b, err := s.c.Recv(t.Context(), nil)
				must(t, err)
				s.expect(b)
			}
			if _, err := s.c.Recv(t.Context(), nil); err != io.EOF {
				t.Fatalf("%v, want io.EOF", err)
			}
		})
	}
}
