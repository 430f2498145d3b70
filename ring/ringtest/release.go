package ringtest

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"annulus/ring"
)

// testReleaseFirst keeps a ring full, over many laps: only what was released of what is
// peeked makes room, and the rest stays what it was.
func testReleaseFirst(t *testing.T, f Factory) {
	for _, cfg := range f.both(ring.Config{Kind: ring.Slots, Capacity: 8, SlotSize: 24}) {
		p, c := f.pair(t, cfg)
		if err := c.ReleaseFirst(1); !errors.Is(err, ring.ErrNotPeeked) {
			t.Fatalf("%v, want ErrNotPeeked", err)
		}
		must(t, c.ReleaseFirst(0))
		sent, due := 0, 0
		var held [][]byte
		for due < 1500 {
			for {
				err := p.TrySend(message(sent, 24))
				if err == ring.ErrFull {
					break
				}
				must(t, err)
				sent++
			}
			views := make([][]byte, 1+due%7)
			n, err := c.TryPeekBatch(views)
			if err != ring.ErrEmpty {
				must(t, err)
			}
			held = append(held, views[:n]...)
			if err := c.ReleaseFirst(len(held) + 1); !errors.Is(err, ring.ErrNotPeeked) {
				t.Fatalf("%v, want ErrNotPeeked", err)
			}
			must(t, c.ReleaseFirst(0))
			k := min(1+due%3, len(held))
			must(t, c.ReleaseFirst(k))
			held, due = held[k:], due+k
			check := func() {
				for i, b := range held {
					if !bytes.Equal(b, message(due+i, 24)) {
						t.Fatalf("%v: message %d, peeked and not released, has changed", cfg.Kind, due+i)
					}
				}
			}
			check()
			if cfg.Kind == ring.Slots {
				for range k {
					must(t, p.TrySend(message(sent, 24)))
					sent++
				}
				if err := p.TrySend(message(sent, 24)); err != ring.ErrFull {
					t.Fatalf("%v with %d slots released, want full", err, k)
				}
				check()
			}
			if due%5 == 0 { // releases all that is held
				b, err := c.TryRecv(nil)
				if err == ring.ErrEmpty {
					continue
				}
				must(t, err)
				if due += len(held); !bytes.Equal(b, message(due, 24)) {
					t.Fatalf("%v: message %d differs", cfg.Kind, due)
				}
				held, due = nil, due+1
			}
		}
	}
}

// testStreamReleaseFirst is testStream with a consumer that holds a few messages at all times.
func testStreamReleaseFirst(t *testing.T, f Factory) {
	p, c := f.pair(t, ring.Config{Capacity: 4096})
	n := uint64(f.Messages) / 4
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			var buf [512]byte
			for i := range n {
				m := buf[:size(i)]
				stamp(m, i)
				if err := p.Send(t.Context(), m); err != nil {
					return err
				}
			}
			return p.Close()
		}()
	}()
	var want uint64
	var held [][]byte
	first := func() uint64 { return want - uint64(len(held)) }
	for !t.Failed() {
		b, err := c.Peek(t.Context())
		if err == io.EOF {
			break
		}
		must(t, err)
		verify(t, b, want)
		held, want = append(held, b), want+1
		if views := make([][]byte, want%4); len(views) > 0 {
			k, err := c.TryPeekBatch(views)
			if err != ring.ErrEmpty && err != io.EOF {
				must(t, err)
			}
			held, want = append(held, views[:k]...), want+uint64(k)
		}
		if k := int(want % 5); k < len(held) && len(held) < 6 {
			must(t, c.ReleaseFirst(k))
			held = held[k:]
		} else {
			must(t, c.ReleaseFirst(len(held)-1))
			held = held[len(held)-1:]
		}
		for i, b := range held {
			verify(t, b, first()+uint64(i))
		}
	}
	must(t, c.ReleaseFirst(len(held)))
	must(t, <-done)
	if want != n {
		t.Fatalf("received %d of %d", want, n)
	}
}
