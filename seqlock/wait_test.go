package seqlock_test

import (
	"context"
	"errors"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"annulus/futex"
	"annulus/internal/race"
	"annulus/seqlock"
)

var strategies = map[string]futex.Strategy{
	"adaptive": futex.Adaptive(), "futex": futex.Futex(), "yield": futex.Yield(), "poll": {Park: futex.ParkPoll},
}

// long sleeps end by a wake, or the test ends by its own deadline.
func longSleeps() futex.Strategy {
	s := futex.Futex()
	s.Slice = time.Hour
	return s
}

type outcome struct {
	v   sample
	n   uint64
	err error
}

// waiting starts a Wait and returns when it is under way.
func waiting(t testing.TB, ctx context.Context, r *seqlock.Reader[sample], version uint64) <-chan outcome {
	t.Helper()
	got := make(chan outcome, 1)
	go func() {
		var o outcome
		o.v, o.n, o.err = r.Wait(ctx, version)
		got <- o
	}()
	eventually(t, "the reader waits", r.Waiting)
	return got
}

func TestWait(t *testing.T) {
	over(t, func(t *testing.T, wc, rc *seqlock.Cell[sample]) {
		for name, s := range strategies {
			w, r := writerOf(t, wc), readerOf(t, rc, seqlock.WithStrategy(s))
			before := w.Version()
			got := waiting(t, t.Context(), r, before)
			must(t, w.Write(sampleOf(before+1)))
			o := <-got
			must(t, o.err)
			must(t, o.v.check(before+1))
			// What is newer already is not waited for.
			if _, n, err := r.Wait(t.Context(), before); err != nil || n != before+1 {
				t.Errorf("%s: %d, %v", name, n, err)
			}
			got = waiting(t, t.Context(), r, before+1)
			must(t, w.Close())
			if o = <-got; o.err != io.EOF {
				t.Errorf("%s: the writer closed: %v, want io.EOF", name, o.err)
			}
			if _, _, err := r.Wait(t.Context(), before+1); err != io.EOF {
				t.Errorf("%s: Wait after the end: %v, want io.EOF", name, err)
			}
			holds(t, r, before+1)
			must(t, r.Close())
		}
	})
}

// Nobody waits for the end of a writer that is followed by another.
func TestWaitAcrossWriters(t *testing.T) {
	over(t, func(t *testing.T, wc, rc *seqlock.Cell[sample]) {
		r := readerOf(t, rc)
		got := waiting(t, t.Context(), r, 0) // before there ever was a writer
		w := writerOf(t, wc)
		must(t, w.Write(sampleOf(1)))
		must(t, (<-got).err)
		must(t, w.Close())
		w = writerOf(t, wc)
		got = waiting(t, t.Context(), r, 1)
		must(t, w.Write(sampleOf(2)))
		o := <-got
		must(t, o.err)
		must(t, o.v.check(2))
		must(t, w.Close())
	})
}

func TestWaitEnds(t *testing.T) {
	over(t, func(t *testing.T, wc, rc *seqlock.Cell[sample]) {
		writerOf(t, wc) // else there is an end already, once one has closed
		for name, s := range map[string]futex.Strategy{"futex": longSleeps(), "adaptive": futex.Adaptive(), "yield": futex.Yield()} {
			r := readerOf(t, rc, seqlock.WithStrategy(s))
			ctx, cancel := context.WithCancel(t.Context())
			got := waiting(t, ctx, r, 0)
			cancel()
			if o := <-got; o.err != context.Canceled {
				t.Errorf("%s: cancelled: %v", name, o.err)
			}
			ctx, cancel = context.WithTimeout(t.Context(), 5*time.Millisecond)
			if _, _, err := r.Wait(ctx, 0); err != context.DeadlineExceeded {
				t.Errorf("%s: timed out: %v", name, err)
			}
			cancel()
			got = waiting(t, t.Context(), r, 0)
			must(t, r.Close())
			if o := <-got; !errors.Is(o.err, seqlock.ErrClosed) {
				t.Errorf("%s: closed: %v", name, o.err)
			}
		}
	})
}

// One wake is for all who sleep, and who sleeps is not forgotten for those who
// come and go meanwhile.
func TestManySleepers(t *testing.T) {
	const readers = 8
	rounds := uint64(200)
	if race.Enabled {
		rounds = 50
	}
	over(t, func(t *testing.T, wc, rc *seqlock.Cell[sample]) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		w := writerOf(t, wc)
		seen := make(chan error)
		next := make([]chan uint64, readers)
		for i := range readers {
			next[i] = make(chan uint64, 1)
			go func() {
				r, err := rc.Reader(seqlock.WithStrategy(longSleeps()))
				for n := range next[i] {
					if err == nil && rand.IntN(4) == 0 {
						short, stop := context.WithCancel(ctx)
						go stop()
						if _, _, err := r.Wait(short, n); err != nil && err != context.Canceled {
							seen <- err
							continue
						}
					}
					var v sample
					if err == nil {
						v, _, err = r.Wait(ctx, n)
					}
					if err == nil {
						err = v.check(n + 1)
					}
					seen <- err
				}
				seen <- r.Close()
			}()
		}
		for n := range rounds {
			for _, c := range next {
				c <- n
			}
			if n%4 == 0 && !rc.Region().ReadOnly() {
				before, err := wc.Stats()
				must(t, err)
				eventually(t, "they sleep", func() bool {
					s, err := wc.Stats()
					return err == nil && s.Asleep && s.Waits >= before.Waits+readers
				})
			}
			must(t, w.Write(sampleOf(n+1)))
			for range readers {
				must(t, <-seen)
			}
		}
		for _, c := range next {
			close(c)
			must(t, <-seen)
		}
		s, err := wc.Stats()
		must(t, err)
		t.Logf("%d rounds, %d sleeps, %d wakes", rounds, s.Waits, s.Wakes)
		if s.Wakes > rounds || s.Wakes == 0 && !rc.Region().ReadOnly() {
			t.Errorf("%d wakes for %d writes", s.Wakes, rounds)
		}
	})
}

// A removed cell without a writer has no future.
func TestWaitOnRemoved(t *testing.T) {
	if !posix || race.Enabled {
		t.Skip("no POSIX shared memory to see here")
	}
	name := cellName()
	c, err := seqlock.Create[sample](name)
	must(t, err)
	closing(t, c)
	r := readerOf(t, c, seqlock.WithStrategy(futex.Futex()))
	got := waiting(t, t.Context(), r, 0)
	must(t, seqlock.Remove(name))
	if o := <-got; !errors.Is(o.err, seqlock.ErrRemoved) {
		t.Errorf("%v, want ErrRemoved", o.err)
	}
}

func TestParksRefused(t *testing.T) {
	c, err := seqlock.New[sample]()
	must(t, err)
	closing(t, c)
	for _, s := range []futex.Strategy{futex.Sem(), futex.Efd()} {
		if _, err := c.Reader(seqlock.WithStrategy(s)); !errors.Is(err, errors.ErrUnsupported) {
			t.Errorf("%v, want ErrUnsupported", err)
		}
	}
}
