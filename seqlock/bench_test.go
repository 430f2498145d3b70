package seqlock_test

import (
	"fmt"
	"testing"

	"annulus/seqlock"
)

type payload64 struct{ A, B, C, D, E, F, G, H uint64 }

var sink payload64

// BenchmarkLoad64 reads 64 bytes that nobody writes meanwhile.
func BenchmarkLoad64(b *testing.B) {
	c, err := seqlock.New[payload64]()
	must(b, err)
	defer c.Close()
	w, err := c.Writer()
	must(b, err)
	must(b, w.Write(payload64{1, 2, 3, 4, 5, 6, 7, 8}))
	r, err := c.Reader()
	must(b, err)
	for b.Loop() {
		v, _, err := r.Load()
		if err != nil {
			b.Fatal(err)
		}
		sink = v
	}
}

// BenchmarkLoadTo64 is BenchmarkLoad64 without the way through a result.
func BenchmarkLoadTo64(b *testing.B) {
	c, err := seqlock.New[payload64]()
	must(b, err)
	defer c.Close()
	w, err := c.Writer()
	must(b, err)
	must(b, w.Write(payload64{1, 2, 3, 4, 5, 6, 7, 8}))
	r, err := c.Reader()
	must(b, err)
	for b.Loop() {
		if _, err := r.LoadTo(&sink); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkCopy64 is what BenchmarkLoad64 is held against: the same, unprotected.
func BenchmarkCopy64(b *testing.B) {
	from := &payload64{1, 2, 3, 4, 5, 6, 7, 8}
	for b.Loop() {
		sink = plainCopy(from)
	}
}

// BenchmarkCopy64Inline has no call around the copy.
func BenchmarkCopy64Inline(b *testing.B) {
	from := &payload64{1, 2, 3, 4, 5, 6, 7, 8}
	for b.Loop() {
		sink = *from
	}
}

// BenchmarkCopyTo64 is the same for BenchmarkLoadTo64.
func BenchmarkCopyTo64(b *testing.B) {
	from := &payload64{1, 2, 3, 4, 5, 6, 7, 8}
	for b.Loop() {
		plainCopyTo(&sink, from)
	}
}

//go:noinline
func plainCopyTo(to, from *payload64) { *to = *from }

//go:noinline
func plainCopy(from *payload64) payload64 { return *from }

func BenchmarkWrite64(b *testing.B) {
	c, err := seqlock.New[payload64]()
	must(b, err)
	defer c.Close()
	w, err := c.Writer()
	must(b, err)
	v := payload64{A: 1}
	for b.Loop() {
		if err := w.Write(v); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkLoadChanged64 reads beside a writer that writes all the time.
func BenchmarkLoadChanged64(b *testing.B) {
	c, err := seqlock.New[payload64]()
	must(b, err)
	defer c.Close()
	w, err := c.Writer()
	must(b, err)
	stop, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for i := uint64(0); ; i++ {
			if i%1024 == 0 {
				select {
				case <-stop:
					return
				default:
				}
			}
			if w.Write(payload64{A: i}) != nil {
				return
			}
		}
	}()
	r, err := c.Reader()
	must(b, err)
	overtaken := 0
	for b.Loop() {
		if _, _, err := r.TryLoad(); err == seqlock.ErrOvertaken {
			overtaken++
		} else if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(overtaken)/float64(b.N), "overtaken/op")
	close(stop)
	<-done
}

func BenchmarkBlock(b *testing.B) {
	for _, size := range []int{64, 1 << 10, 64 << 10} {
		blk, err := seqlock.NewBlock(size)
		must(b, err)
		w, err := blk.Writer()
		must(b, err)
		must(b, w.Write(make([]byte, size)))
		r, err := blk.Reader()
		must(b, err)
		buf := make([]byte, 0, size)
		from := make([]byte, size)
		b.Run("load/"+fmt.Sprint(size), func(b *testing.B) {
			for b.Loop() {
				if _, _, err := r.Load(buf); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run("copy/"+fmt.Sprint(size), func(b *testing.B) {
			for b.Loop() {
				copy(buf[:size], from)
			}
		})
		must(b, blk.Close())
	}
}
