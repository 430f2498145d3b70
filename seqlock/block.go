package seqlock

import (
	"context"
	"fmt"
	"slices"

	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/internal/race"
)

// Block holds the latest bytes, of any length up to its size: what CreateBlock
// and OpenBlock return. What is said of Cell holds for it too.
type Block struct{ *handle }

// BlockWriter is the one that writes a block. What is said of Writer holds for
// it too.
type BlockWriter struct {
	writer
	size    uint64
	scratch []byte // under -race: what is filled in place lies here first
	room    []byte // what is reserved
}

// BlockReader reads a block. What is said of Reader holds for it too.
type BlockReader struct {
	reader
	size uint64
}

// Size returns the most bytes that the block can hold.
func (b *Block) Size() int { return int(b.geometry.Size) }

// Writer takes the writer's role, as Cell.Writer does.
func (b *Block) Writer() (*BlockWriter, error) {
	w := &BlockWriter{size: b.geometry.Size}
	if err := w.takeRole(b.handle); err != nil {
		return nil, err
	}
	if race.Enabled {
		w.scratch = make([]byte, w.size)
	}
	return w, nil
}

// Reader makes a reader, as Cell.Reader does.
func (b *Block) Reader(opts ...ReaderOption) (*BlockReader, error) {
	r := &BlockReader{size: b.geometry.Size}
	if err := r.join(b.handle, opts); err != nil {
		return nil, err
	}
	return r, nil
}

// length is the word that holds the length of the copy that odd's version goes to.
func (w *BlockWriter) length(odd uint64) *uint64 {
	return w.lengths.Word((odd + 1) >> 1 & 1 * layout.WordSize)
}

// Write makes a copy of p the latest bytes; ErrTooLarge if there are more than
// Size. Else it is Writer.Write.
func (w *BlockWriter) Write(p []byte) error {
	w.enter()
	if mem.Load(&w.quiet) == 0 || w.reserved || uint64(len(p)) > w.size {
		if err := w.fits(len(p)); err != nil {
			w.exit()
			return err
		}
	}
	state, odd := w.state, w.odd
	mem.Announce(state, odd) // [S1]
	mem.Prepare(w.length(odd), uint64(len(p)))
	mem.WriteTornBytes(w.data, w.into, p)
	mem.Publish(state, odd+1) // [S2]
	w.odd = odd + 2
	w.into ^= w.stride
	var err error
	if mem.Load(w.arm) != mem.Load(&w.quiet) {
		err = w.signal()
	}
	w.exit()
	return err
}

// fits looks closer before a write of n bytes.
func (w *BlockWriter) fits(n int) error {
	if err := w.ready(); err != nil {
		return err
	}
	if n < 0 || uint64(n) > w.size {
		return fmt.Errorf("cell %s: %w: %d bytes, it was made for %d", w.h.name(), ErrTooLarge, n, w.size)
	}
	return nil
}

// Reserve opens a reservation: n bytes of shared memory to be filled in place,
// valid until Commit, Abort or Close. They hold anything.
func (w *BlockWriter) Reserve(n int) ([]byte, error) {
	w.enter()
	defer w.exit()
	if err := w.fits(n); err != nil {
		return nil, err
	}
	if err := w.begin(); err != nil {
		return nil, err
	}
	if race.Enabled {
		w.room = w.scratch[:n:n]
	} else {
		w.room = w.data.Bytes(w.into, uint64(n))
	}
	return w.room, nil
}

// Commit makes the first n of the reserved bytes the latest. ErrTooLarge: fewer
// were reserved; the reservation stays. ErrNotReserved; else errors as those of
// Write.
func (w *BlockWriter) Commit(n int) error {
	w.enter()
	defer w.exit()
	if err := w.reservation(); err != nil {
		return err
	}
	if n < 0 || n > len(w.room) {
		return fmt.Errorf("cell %s: %w: commit %d bytes of %d reserved", w.h.name(), ErrTooLarge, n, len(w.room))
	}
	if race.Enabled {
		mem.WriteTornBytes(w.data, w.into, w.room[:n])
	}
	mem.Prepare(w.length(w.odd), uint64(n))
	return w.commit()
}

// Load appends the latest bytes to dst and returns the result and the version; 0
// and dst if nothing was written yet. It allocates only if dst has no room. Else
// it is Reader.Load.
func (r *BlockReader) Load(dst []byte) (b []byte, version uint64, err error) {
	r.enter()
	if mem.Load(&r.quiet) != 0 {
		s := mem.Load(r.state) // [S2]
		i := s >> 1 & 1
		n := mem.Load(r.lengths.Word(i * layout.WordSize))
		if s > 1 && n <= r.size && n <= uint64(cap(dst)-len(dst)) {
			b = dst[:len(dst)+int(n)]
			mem.ReadTornBytes(b[len(dst):], r.data, -i&r.stride)
			if mem.Recheck(r.state)-s&^1 <= 2 { // [S3]
				r.exit()
				return b, s >> 1, nil
			}
		}
	}
	return r.loadSlow(dst)
}

// loadSlow is Load, entered, when a closer look is due.
func (r *BlockReader) loadSlow(dst []byte) (b []byte, version uint64, err error) {
	defer r.exit()
	if mem.Load(&r.quiet) == 0 {
		err = r.look()
	}
	for try := 0; err == nil; try++ {
		var good bool
		if b, version, good, err = r.attempt(dst, try); good {
			return b, version, nil
		}
	}
	return dst, 0, err
}

// TryLoad is Load that copies once only: ErrOvertaken if the writer was faster.
func (r *BlockReader) TryLoad(dst []byte) (b []byte, version uint64, err error) {
	r.enter()
	defer r.exit()
	if mem.Load(&r.quiet) == 0 {
		err = r.look()
	}
	if err == nil {
		var good bool
		if b, version, good, err = r.attempt(dst, 0); good {
			return b, version, nil
		}
		if err == nil {
			err = ErrOvertaken
		}
	}
	return dst, 0, err
}

// attempt copies once. The length is bounded before it is used, for until it is
// judged it may be anything.
func (r *BlockReader) attempt(dst []byte, try int) (b []byte, version uint64, good bool, err error) {
	s := mem.Load(r.state) // [S2]
	i := s >> 1 & 1
	n := mem.Load(r.lengths.Word(i * layout.WordSize))
	if s <= 1 {
		n = 0
	}
	fits := n <= r.size
	b = dst
	if fits {
		b = slices.Grow(dst, int(n))[:len(dst)+int(n)]
		mem.ReadTornBytes(b[len(dst):], r.data, -i&r.stride)
	}
	good, err = r.judge(s, mem.Recheck(r.state), try) // [S3]
	if good && !fits {
		return dst, 0, false, r.lost("its length is %d bytes, at most %d were expected", n, r.size)
	}
	return b, s >> 1, good, err
}

// Wait appends the latest bytes to dst once their version is greater than the
// given one. Else it is Reader.Wait.
func (r *BlockReader) Wait(ctx context.Context, version uint64, dst []byte) (b []byte, now uint64, err error) {
	b = dst
	if err = r.await(ctx, version); err == nil {
		b, now, err = r.Load(dst)
	}
	r.waited()
	return b, now, err
}
