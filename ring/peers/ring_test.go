package peers_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
)

// freeName returns a name of POSIX shared memory that is removed in the end.
func freeName(t *testing.T) string {
	t.Helper()
	name := testutil.ShmName()
	t.Cleanup(func() { ring.Remove(name) })
	return name
}

// create makes a ring in POSIX shared memory.
func create(t *testing.T, c ring.Config) (*ring.Ring, string) {
	t.Helper()
	name := freeName(t)
	r, err := ring.Create(name, c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { r.Close() })
	return r, name
}

func producer(t *testing.T, r *ring.Ring, opts ...ring.EndpointOption) *ring.Producer {
	t.Helper()
	p, err := r.Producer(opts...)
	skipWithout(t, err)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func consumer(t *testing.T, r *ring.Ring, opts ...ring.EndpointOption) *ring.Consumer {
	t.Helper()
	c, err := r.Consumer(opts...)
	skipWithout(t, err)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// skipWithout ends the test where Go has no semaphores.
func skipWithout(t *testing.T, err error) {
	t.Helper()
	if errors.Is(err, errors.ErrUnsupported) {
		t.Skip(err)
	}
}

func patient(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	t.Cleanup(cancel)
	return ctx
}

// expect compares one line.
func expect(t *testing.T, got, want string) {
	t.Helper()
	if got != want {
		t.Fatalf("got %q, want %q", got, want)
	}
}

// mentions looks for a part of a complaint.
func mentions(t *testing.T, got, want string) {
	t.Helper()
	if !strings.Contains(got, want) {
		t.Fatalf("complaint %q does not say %q", got, want)
	}
}

// send sends messages from to to-1, batch of them at a time.
func send(ctx context.Context, p *ring.Producer, s stream, from, to uint64, batch int) error {
	buf := make([]byte, s.max)
	for seq := from; seq < to; seq++ {
		if batch == 1 {
			if err := p.Send(ctx, s.message(seq, buf)); err != nil {
				return fmt.Errorf("message %d: %w", seq, err)
			}
			continue
		}
		b, err := p.Reserve(ctx, s.length(seq))
		if err != nil {
			return fmt.Errorf("message %d: %w", seq, err)
		}
		s.fill(seq, b)
		if err := p.Stage(len(b)); err != nil {
			return fmt.Errorf("message %d: %w", seq, err)
		}
		if (seq+1)%uint64(batch) == 0 || seq+1 == to {
			if err := p.Publish(); err != nil {
				return fmt.Errorf("message %d: %w", seq, err)
			}
		}
	}
	return nil
}

// receive checks messages from from on and returns the number behind the last
// one: of to-1, or of the last before the end of the stream if to is 0.
func receive(ctx context.Context, c *ring.Consumer, s stream, from, to uint64, batch, checks int) (uint64, error) {
	buf := make([]byte, 0, s.max)
	views := make([][]byte, batch)
	for seq := from; to == 0 || seq < to; {
		n := 1
		var err error
		if batch == 1 {
			views[0], err = c.Recv(ctx, buf)
		} else if views[0], err = c.Peek(ctx); err == nil {
			var more int
			more, err = c.TryPeekBatch(views[1:])
			if n += more; err == ring.ErrEmpty || err == io.EOF {
				err = nil
			}
		}
		if err == io.EOF && to == 0 {
			return seq, nil
		}
		if err != nil {
			return seq, fmt.Errorf("message %d: %w", seq, err)
		}
		for _, b := range views[:n] {
			for range checks {
				if err := s.check(seq, b); err != nil {
					return seq, err
				}
			}
			seq++
		}
		if batch > 1 {
			if err := c.Release(); err != nil {
				return seq, err
			}
		}
	}
	return to, nil
}

// drain receives what is there.
func drain(c *ring.Consumer, s stream, from uint64) (uint64, error) {
	buf := make([]byte, 0, s.max)
	for seq := from; ; seq++ {
		b, err := c.TryRecv(buf)
		if err == ring.ErrEmpty {
			return seq, nil
		}
		if err == nil {
			err = s.check(seq, b)
		}
		if err != nil {
			return seq, fmt.Errorf("message %d: %w", seq, err)
		}
	}
}
