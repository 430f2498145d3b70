package seqlock_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"annulus/internal/race"
	"annulus/seqlock"
	"annulus/shm"
)

// backings make a cell and give two handles on it: one to write by, one to read by.
var backings = map[string]func(testing.TB) (w, r *seqlock.Cell[sample]){
	"heap": func(t testing.TB) (w, r *seqlock.Cell[sample]) {
		c, err := seqlock.New[sample]()
		must(t, err)
		closing(t, c)
		return c, c
	},
	"shm": func(t testing.TB) (w, r *seqlock.Cell[sample]) {
		name := cellName()
		w, err := seqlock.Create[sample](name)
		must(t, err)
		t.Cleanup(func() { must(t, seqlock.Remove(name)) })
		r, err = seqlock.Open[sample](name)
		must(t, err)
		closing(t, w, r)
		return w, r
	},
	"read-only": func(t testing.TB) (w, r *seqlock.Cell[sample]) {
		name := cellName()
		w, err := seqlock.OpenOrCreate[sample](name)
		must(t, err)
		t.Cleanup(func() { must(t, seqlock.Remove(name)) })
		r, err = seqlock.Open[sample](name, seqlock.WithRegion(shm.ReadOnly()))
		must(t, err)
		closing(t, w, r)
		return w, r
	},
	"file": func(t testing.TB) (w, r *seqlock.Cell[sample]) {
		path := filepath.Join(t.TempDir(), "cell")
		w, err := seqlock.CreateFile[sample](path)
		must(t, err)
		r, err = seqlock.OpenFile[sample](path)
		must(t, err)
		closing(t, w, r)
		return w, r
	},
	"memfd": func(t testing.TB) (w, r *seqlock.Cell[sample]) {
		w, err := seqlock.CreateMemfd[sample]("annulus-cell")
		must(t, err)
		r, err = seqlock.OpenFD[sample](w.Region().File())
		must(t, err)
		closing(t, w, r)
		return w, r
	},
}

// over runs f over each backing that is to be had.
func over(t *testing.T, f func(t *testing.T, w, r *seqlock.Cell[sample])) {
	for name, make := range backings {
		if race.Enabled && name != "heap" {
			continue // the race detector cannot see mapped memory
		}
		t.Run(name, func(t *testing.T) {
			if name != "heap" && name != "file" && !posix {
				t.Skip("no POSIX shared memory here")
			}
			w, r := make(t)
			f(t, w, r)
		})
	}
}

func writerOf(t testing.TB, c *seqlock.Cell[sample]) *seqlock.Writer[sample] {
	t.Helper()
	w, err := c.Writer()
	must(t, err)
	return w
}

func readerOf(t testing.TB, c *seqlock.Cell[sample], o ...seqlock.ReaderOption) *seqlock.Reader[sample] {
	t.Helper()
	r, err := c.Reader(o...)
	must(t, err)
	return r
}

// holds checks what a reader reads, by each of its calls.
func holds(t testing.TB, r *seqlock.Reader[sample], want uint64) {
	t.Helper()
	v, n, err := r.Load()
	must(t, err)
	if n != want || r.Version() != want || r.Changed(want) || !r.Changed(want+1) {
		t.Fatalf("version %d, Version %d, want %d", n, r.Version(), want)
	}
	if want == 0 && v != (sample{}) {
		t.Fatalf("%v of a cell that was never written", v)
	} else if want != 0 {
		must(t, v.check(want))
	}
	v2, n2, err := r.TryLoad()
	must(t, err)
	var v3 sample
	n3, err := r.LoadTo(&v3)
	must(t, err)
	if v2 != v || v3 != v || n2 != n || n3 != n {
		t.Fatalf("TryLoad and LoadTo differ from Load: versions %d, %d, %d", n, n2, n3)
	}
}

func TestWriteAndLoad(t *testing.T) {
	over(t, func(t *testing.T, wc, rc *seqlock.Cell[sample]) {
		r := readerOf(t, rc)
		holds(t, r, 0)
		w := writerOf(t, wc)
		for i := uint64(1); i <= 5; i++ {
			must(t, w.Write(sampleOf(i)))
			holds(t, r, i)
			if w.Version() != i {
				t.Fatalf("the writer's version is %d, want %d", w.Version(), i)
			}
		}
		late := readerOf(t, rc)
		holds(t, late, 5)
		must(t, late.Close())
		if _, _, err := late.Load(); !errors.Is(err, seqlock.ErrClosed) {
			t.Errorf("a closed reader: %v, want ErrClosed", err)
		}
		if err := late.Close(); !errors.Is(err, seqlock.ErrClosed) {
			t.Errorf("second Close: %v, want ErrClosed", err)
		}
		holds(t, r, 5)
	})
}

func TestInPlace(t *testing.T) {
	over(t, func(t *testing.T, wc, rc *seqlock.Cell[sample]) {
		w, r := writerOf(t, wc), readerOf(t, rc)
		must(t, w.Update(func(s *sample) {
			if *s != (sample{}) {
				t.Error("the first Update does not begin with the zero value")
			}
			*s = sampleOf(1)
		}))
		holds(t, r, 1)
		for i := uint64(2); i < 6; i++ {
			must(t, w.Update(func(s *sample) {
				must(t, s.check(i-1))
				holds(t, r, i-1) // and so it is for readers
				*s = sampleOf(i)
				if err := w.Write(sampleOf(99)); !errors.Is(err, seqlock.ErrReserved) {
					t.Errorf("Write inside Update: %v, want ErrReserved", err)
				}
			}))
			holds(t, r, i)
		}
		v, err := w.Reserve()
		must(t, err)
		*v = sample{Version: 1 << 60} // garbage
		holds(t, r, 5)
		if _, err := w.Reserve(); !errors.Is(err, seqlock.ErrReserved) {
			t.Errorf("second Reserve: %v, want ErrReserved", err)
		}
		if err := w.Write(sampleOf(99)); !errors.Is(err, seqlock.ErrReserved) {
			t.Errorf("Write beside a reservation: %v, want ErrReserved", err)
		}
		w.Abort()
		holds(t, r, 5)
		if err := w.Commit(); !errors.Is(err, seqlock.ErrNotReserved) {
			t.Errorf("Commit after Abort: %v, want ErrNotReserved", err)
		}
		v, err = w.Reserve()
		must(t, err)
		*v = sampleOf(6)
		must(t, w.Commit())
		holds(t, r, 6)
	})
}

// What panics in an Update is not published, and the writer works on.
func TestPanicInUpdate(t *testing.T) {
	over(t, func(t *testing.T, wc, rc *seqlock.Cell[sample]) {
		w, r := writerOf(t, wc), readerOf(t, rc)
		must(t, w.Write(sampleOf(1)))
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic came out")
				}
			}()
			_ = w.Update(func(s *sample) {
				s.Version = 77
				panic("half-way")
			})
		}()
		holds(t, r, 1)
		must(t, w.Write(sampleOf(2)))
		holds(t, r, 2)
	})
}

func TestOneWriter(t *testing.T) {
	over(t, func(t *testing.T, wc, rc *seqlock.Cell[sample]) {
		w, r := writerOf(t, wc), readerOf(t, rc)
		if _, err := wc.Writer(); !errors.Is(err, seqlock.ErrAttached) {
			t.Errorf("second writer: %v, want ErrAttached", err)
		}
		must(t, w.Write(sampleOf(1)))
		s, err := rc.Stats()
		must(t, err)
		if !s.Attached || s.PID != os.Getpid() || s.Version != 1 || s.Sessions != 1 || s.Closed || s.Length == 0 || s.Since.IsZero() {
			t.Errorf("%+v", s)
		}
		must(t, w.Close())
		if err := w.Write(sampleOf(9)); !errors.Is(err, seqlock.ErrClosed) {
			t.Errorf("Write after Close: %v, want ErrClosed", err)
		}
		if s, err = rc.Stats(); err != nil || s.Attached || !s.Closed {
			t.Errorf("after the writer's Close: %+v, %v", s, err)
		}
		holds(t, r, 1)
		next := writerOf(t, wc)
		if next.Version() != 1 {
			t.Errorf("the next writer begins at version %d, want 1", next.Version())
		}
		must(t, next.Write(sampleOf(2)))
		holds(t, r, 2)
	})
}

// Readers beside a writer that never rests get whole values, whose versions
// never go back.
func TestConcurrent(t *testing.T) {
	writes, readers := uint64(200_000), 3
	if race.Enabled {
		writes = 2000
	}
	over(t, func(t *testing.T, wc, rc *seqlock.Cell[sample]) {
		errs := make(chan error)
		for range readers {
			r := readerOf(t, rc)
			go func() { errs <- follow(r, writes) }()
		}
		w := writerOf(t, wc)
		for i := uint64(1); i <= writes; i++ {
			must(t, w.Write(sampleOf(i)))
		}
		for range readers {
			if err := <-errs; err != nil {
				t.Error(err)
			}
		}
	})
}

// follow reads until it has read version last.
func follow(r *seqlock.Reader[sample], last uint64) error {
	for seen := uint64(0); seen < last; {
		v, n, err := r.Load()
		if err == nil && n != 0 {
			err = v.check(n)
		}
		if err == nil && n < seen {
			err = errors.New("the version went back")
		}
		if err != nil {
			return err
		}
		seen = n
	}
	return nil
}
