package seqlock_test

import (
	"bytes"
	"errors"
	"path/filepath"
	"testing"

	"annulus/internal/race"
	"annulus/seqlock"
)

func TestBlock(t *testing.T) {
	const size = 1000
	for name, make := range map[string]func(t *testing.T) (w, r *seqlock.Block){
		"heap": func(t *testing.T) (w, r *seqlock.Block) {
			b, err := seqlock.NewBlock(size)
			must(t, err)
			closing(t, b)
			return b, b
		},
		"file": func(t *testing.T) (w, r *seqlock.Block) {
			path := filepath.Join(t.TempDir(), "block")
			w, err := seqlock.CreateBlockFile(path, size)
			must(t, err)
			r, err = seqlock.OpenBlockFile(path)
			must(t, err)
			closing(t, w, r)
			return w, r
		},
		"shm": func(t *testing.T) (w, r *seqlock.Block) {
			n := cellName()
			w, err := seqlock.OpenOrCreateBlock(n, size)
			must(t, err)
			t.Cleanup(func() { must(t, seqlock.Remove(n)) })
			r, err = seqlock.OpenBlock(n)
			must(t, err)
			closing(t, w, r)
			return w, r
		},
		"memfd": func(t *testing.T) (w, r *seqlock.Block) {
			w, err := seqlock.CreateBlockMemfd("annulus-block", size)
			must(t, err)
			r, err = seqlock.OpenBlockFD(w.Region().File())
			must(t, err)
			closing(t, w, r)
			return w, r
		},
	} {
		if !posix && (name == "shm" || name == "memfd") || race.Enabled && name != "heap" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			wb, rb := make(t)
			testBlock(t, wb, rb, size)
		})
	}
}

func testBlock(t *testing.T, wb, rb *seqlock.Block, size int) {
	if rb.Size() != size {
		t.Fatalf("its size is %d, want %d", rb.Size(), size)
	}
	w, err := wb.Writer()
	must(t, err)
	r, err := rb.Reader()
	must(t, err)
	front := []byte("front:")
	holds := func(want []byte, version uint64) {
		t.Helper()
		for _, dst := range [][]byte{nil, front, append(bytes.Clone(front), make([]byte, 2000)...)[:len(front)]} {
			got, n, err := r.Load(dst)
			must(t, err)
			got2, n2, err := r.TryLoad(dst)
			must(t, err)
			all := append(bytes.Clone(dst), want...)
			if n != version || n2 != version || !bytes.Equal(got, all) || !bytes.Equal(got2, all) {
				t.Fatalf("version %d and %d, %q and %q, want %d, %q", n, n2, got, got2, version, all)
			}
		}
	}
	holds(nil, 0)
	for i, n := range []int{5, 0, size, 1, 8, 9} {
		p := bytes.Repeat([]byte{byte('a' + i)}, n)
		must(t, w.Write(p))
		holds(p, uint64(i+1))
		if s, err := rb.Stats(); err != nil || s.Length != n || s.Version != uint64(i+1) {
			t.Fatalf("%+v, %v", s, err)
		}
	}
	last := []byte("fffffffff")
	if err := w.Write(make([]byte, size+1)); !errors.Is(err, seqlock.ErrTooLarge) {
		t.Errorf("too much: %v, want ErrTooLarge", err)
	}
	for _, n := range []int{-1, size + 1} {
		if _, err := w.Reserve(n); !errors.Is(err, seqlock.ErrTooLarge) {
			t.Errorf("Reserve(%d): %v, want ErrTooLarge", n, err)
		}
	}
	holds(last, 6)
	room, err := w.Reserve(10)
	must(t, err)
	copy(room, "0123456789")
	holds(last, 6)
	if err := w.Write(nil); !errors.Is(err, seqlock.ErrReserved) {
		t.Errorf("Write beside a reservation: %v, want ErrReserved", err)
	}
	for _, n := range []int{-1, 11} {
		if err := w.Commit(n); !errors.Is(err, seqlock.ErrTooLarge) {
			t.Errorf("Commit(%d) of 10: %v, want ErrTooLarge", n, err)
		}
	}
	must(t, w.Commit(7))
	holds([]byte("0123456"), 7)
	if err := w.Commit(1); !errors.Is(err, seqlock.ErrNotReserved) {
		t.Errorf("second Commit: %v, want ErrNotReserved", err)
	}
	got := make(chan error)
	go func() {
		b, n, err := r.Wait(t.Context(), 7, front)
		if err == nil && (n != 8 || string(b) != "front:next") {
			err = errors.New("woken by the wrong bytes: " + string(b))
		}
		got <- err
	}()
	eventually(t, "the reader waits", r.Waiting)
	must(t, w.Write([]byte("next")))
	must(t, <-got)
}

// Blocks of a length that changes all the time, read while they are written.
func TestBlockConcurrent(t *testing.T) {
	const most = 3000
	writes := uint64(20000)
	if race.Enabled {
		writes = 500
	}
	b, err := seqlock.NewBlock(most)
	must(t, err)
	closing(t, b)
	errs := make(chan error)
	for range 2 {
		r, err := b.Reader()
		must(t, err)
		go func() {
			var buf []byte
			for seen := uint64(0); seen < writes; {
				p, n, err := r.Load(buf[:0])
				if err == nil && n > 0 {
					err = checkPacket(p, n)
				}
				if err == nil && n < seen {
					err = errors.New("the version went back")
				}
				if err != nil {
					errs <- err
					return
				}
				buf, seen = p, n
			}
			errs <- nil
		}()
	}
	w, err := b.Writer()
	must(t, err)
	for n := uint64(1); n <= writes; n++ {
		if n%3 == 0 {
			p, err := w.Reserve(packetSize(n, most))
			must(t, err)
			fill(p, n)
			must(t, w.Commit(len(p)))
		} else {
			must(t, w.Write(packet(n, most)))
		}
	}
	must(t, <-errs)
	must(t, <-errs)
}

// A value beyond the size that memmove writes around the caches.
func TestGreat(t *testing.T) {
	const size = 3 << 20
	b, err := seqlock.NewBlock(size)
	must(t, err)
	closing(t, b)
	w, err := b.Writer()
	must(t, err)
	r, err := b.Reader()
	must(t, err)
	for n := uint64(1); n < 4; n++ {
		p := bytes.Repeat([]byte{byte(n)}, size-int(n))
		must(t, w.Write(p))
		got, version, err := r.Load(nil)
		must(t, err)
		if version != n || !bytes.Equal(got, p) {
			t.Fatalf("version %d of %d bytes, want %d of %d", version, len(got), n, len(p))
		}
	}
}

// The calls allocate nothing, and wake nobody who is awake.
func TestNoAllocationNoWake(t *testing.T) {
	if race.Enabled {
		t.Skip("the race detector allocates")
	}
	c, err := seqlock.New[sample]()
	must(t, err)
	b, err := seqlock.NewBlock(100)
	must(t, err)
	closing(t, c, b)
	w, r := writerOf(t, c), readerOf(t, c)
	bw, err := b.Writer()
	must(t, err)
	br, err := b.Reader()
	must(t, err)
	v, buf := sampleOf(1), make([]byte, 100)
	n := testing.AllocsPerRun(1000, func() {
		must(t, w.Write(v))
		must(t, w.Update(func(s *sample) { s.Version++ }))
		_, n, err := r.Load()
		must(t, err)
		_, _, err = r.TryLoad()
		must(t, err)
		_, _, err = r.Wait(t.Context(), n-1)
		must(t, err)
		must(t, bw.Write(buf[:50]))
		_, _, err = br.Load(buf[:0])
		must(t, err)
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
	if s, err := c.Stats(); err != nil || s.Wakes != 0 || s.Waits != 0 {
		t.Errorf("%+v, %v: want no waits, no wakes", s, err)
	}
}
