package seqlock

import (
	"context"

	"annulus/internal/mem"
	"annulus/internal/race"
)

// Cell holds the latest T: what Create and Open return. It hands out the writer
// and the readers. Its methods may be called from any goroutine.
type Cell[T any] struct{ *handle }

// Writer is the one that writes a cell. One goroutine at a time may use it, but
// Close may come from any.
type Writer[T any] struct {
	writer
	scratch *T // under -race: what is filled in place lies here first
}

// Reader reads a cell. One goroutine at a time may use it, but Close and Waiting
// may come from any. Each goroutine that reads has a Reader of its own; there
// may be any number.
type Reader[T any] struct{ reader }

// Writer takes the writer's role. ErrAttached while another writer lives, in
// whatever process; after its death or Close the new one goes on with the next
// version. os.ErrPermission on a cell opened read-only.
func (c *Cell[T]) Writer() (*Writer[T], error) {
	w := new(Writer[T])
	if err := w.takeRole(c.handle); err != nil {
		return nil, err
	}
	if race.Enabled {
		w.scratch = new(T)
	}
	return w, nil
}

// Reader makes a reader, also of a cell opened read-only: its Wait then looks
// about once a millisecond, as nobody can be told to wake it.
func (c *Cell[T]) Reader(opts ...ReaderOption) (*Reader[T], error) {
	r := new(Reader[T])
	if err := r.join(c.handle, opts); err != nil {
		return nil, err
	}
	return r, nil
}

// Write makes v the latest value. It never waits. With ErrTruncated, ErrCorrupt
// or the error of a wake it may have come to nothing; with ErrClosed or
// ErrReserved nothing was written.
func (w *Writer[T]) Write(v T) error {
	w.enter()
	if mem.Load(&w.quiet) == 0 || w.reserved {
		if err := w.ready(); err != nil {
			w.exit()
			return err
		}
	}
	state, odd := w.state, w.odd
	mem.Announce(state, odd) // [S1] pairs with the second load of state in LoadTo
	mem.WriteTorn(w.data, w.into, &v)
	mem.Publish(state, odd+1) // [S2] pairs with the first load of state in LoadTo
	w.odd = odd + 2
	w.into ^= w.stride
	var err error
	if mem.Load(w.arm) != mem.Load(&w.quiet) {
		err = w.signal()
	}
	w.exit()
	return err
}

// Update lets f change a copy of the latest value (the zero T if there is none)
// and makes the outcome the latest. The copy lies in shared memory and is f's
// until it returns; nobody else sees it. f must not use the writer. If f
// panics nothing is published.
func (w *Writer[T]) Update(f func(*T)) error {
	w.enter()
	defer w.exit()
	v, err := w.reserve()
	if err != nil {
		return err
	}
	defer w.Abort()
	if w.odd>>1 == 0 {
		*v = *new(T)
	} else {
		mem.ReadTorn(v, w.data, w.into^w.stride)
	}
	f(v)
	return w.finish()
}

// Reserve opens a reservation: a T in shared memory to be filled in place, valid
// until Commit, Abort or Close. It holds anything.
func (w *Writer[T]) Reserve() (*T, error) {
	w.enter()
	defer w.exit()
	return w.reserve()
}

func (w *Writer[T]) reserve() (*T, error) {
	if err := w.begin(); err != nil {
		return nil, err
	}
	if race.Enabled {
		return w.scratch, nil
	}
	return mem.As[T](w.data, w.into), nil
}

// Commit makes the reserved T the latest value; ErrNotReserved if there is none,
// else errors as those of Write.
func (w *Writer[T]) Commit() error {
	w.enter()
	defer w.exit()
	if err := w.reservation(); err != nil {
		return err
	}
	return w.finish()
}

func (w *Writer[T]) finish() error {
	if race.Enabled {
		mem.WriteTorn(w.data, w.into, w.scratch)
	}
	return w.commit()
}

// Load returns the latest value and its version; version 0 and the zero T if
// nothing was written yet. Versions count up by one from 1 on. It copies again
// when the writer overtakes it, and does not wait otherwise. ErrClosed,
// ErrTruncated, ErrCorrupt.
func (r *Reader[T]) Load() (v T, version uint64, err error) {
	version, err = r.LoadTo(&v) // in line at the caller's, where v lies
	return v, version, err
}

// LoadTo is Load into *v, which spares great values a copy. After an error *v is
// the zero T.
func (r *Reader[T]) LoadTo(v *T) (version uint64, err error) {
	r.enter()
	if mem.Load(&r.quiet) != 0 {
		s := mem.Load(r.state) // [S2]
		mem.ReadTorn(v, r.data, -(s>>1&1)&r.stride)
		if t := mem.Recheck(r.state); s > 1 && t-s&^1 <= 2 { // [S3] pairs with S1
			r.exit()
			return s >> 1, nil
		}
	}
	return r.loadSlow(v)
}

// loadSlow is LoadTo, entered.
func (r *Reader[T]) loadSlow(v *T) (version uint64, err error) {
	defer r.exit()
	if mem.Load(&r.quiet) == 0 {
		err = r.look()
	}
	for try := 0; err == nil; try++ {
		var good bool
		if version, good, err = r.attempt(v, try); good {
			return version, nil
		}
	}
	*v = *new(T)
	return 0, err
}

// attempt copies once.
func (r *Reader[T]) attempt(v *T, try int) (version uint64, good bool, err error) {
	s := mem.Load(r.state) // [S2]
	if s > 1 {
		mem.ReadTorn(v, r.data, -(s>>1&1)&r.stride)
	} else {
		*v = *new(T)
	}
	good, err = r.judge(s, mem.Recheck(r.state), try) // [S3]
	return s >> 1, good, err
}

// TryLoad is Load that copies once only: ErrOvertaken if the writer was faster.
func (r *Reader[T]) TryLoad() (v T, version uint64, err error) {
	r.enter()
	defer r.exit()
	if mem.Load(&r.quiet) == 0 {
		err = r.look()
	}
	if err == nil {
		var good bool
		if version, good, err = r.attempt(&v, 0); good {
			return v, version, nil
		}
		if err == nil {
			err = ErrOvertaken
		}
	}
	return *new(T), 0, err
}

// Wait returns the latest value once its version is greater than the given one;
// several versions may have passed by. io.EOF: there is none, and the last writer
// has closed in order, and no other has come yet. Errors of ctx, ErrClosed,
// ErrRemoved, ErrTruncated, ErrCorrupt.
//
// Wait goes on through the death of a writer: the next one may come.
func (r *Reader[T]) Wait(ctx context.Context, version uint64) (v T, now uint64, err error) {
	if err = r.await(ctx, version); err == nil {
		now, err = r.LoadTo(&v)
	}
	r.waited()
	return v, now, err
}
