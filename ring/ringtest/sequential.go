package ringtest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"testing"

	"annulus/ring"
)

func message(i, n int) []byte {
	b := make([]byte, n)
	for j := range b {
		b[j] = byte(i*131 + j*7)
	}
	return b
}

func testOrder(t *testing.T, f Factory) {
	p, c := f.pair(t, ring.Config{Capacity: 4096})
	for i := range 20 {
		must(t, p.TrySend(message(i, i)))
	}
	for i := range 20 {
		b, err := c.TryRecv(nil)
		must(t, err)
		if !bytes.Equal(b, message(i, i)) {
			t.Fatalf("message %d: %x, want %x", i, b, message(i, i))
		}
	}
	if _, err := c.TryRecv(nil); err != ring.ErrEmpty {
		t.Fatalf("drained ring: %v, want ErrEmpty", err)
	}
}

// both are a ring of bytes and one of slots, where there are such.
func (f Factory) both(slots ring.Config) []ring.Config {
	if f.slots() {
		return []ring.Config{{Capacity: 4096}, slots}
	}
	return []ring.Config{{Capacity: 4096}}
}

func testFullAndEmpty(t *testing.T, f Factory) {
	for _, cfg := range f.both(ring.Config{Kind: ring.Slots, Capacity: 4, SlotSize: 24}) {
		p, c := f.pair(t, cfg)
		if _, err := c.TryPeek(); err != ring.ErrEmpty {
			t.Fatalf("new ring: %v, want ErrEmpty", err)
		}
		for round := range 5 {
			n := 0
			for ; ; n++ {
				if err := p.TrySend(message(n, 24)); err == ring.ErrFull {
					break
				} else if err != nil {
					t.Fatal(err)
				}
			}
			if cfg.Kind == ring.Slots && n != 4 || cfg.Kind != ring.Slots && uint64(n) < 4096/f.record(24)-2 {
				t.Fatalf("%v round %d: full after %d messages", cfg.Kind, round, n)
			}
			for i := range n {
				b, err := c.TryRecv(nil)
				must(t, err)
				if !bytes.Equal(b, message(i, 24)) {
					t.Fatalf("round %d message %d differs", round, i)
				}
			}
		}
	}
}

// testWrap drives every alignment of record and end of ring.
func testWrap(t *testing.T, f Factory) {
	p, c := f.pair(t, ring.Config{Capacity: 4096})
	for i := range 6000 {
		n := (i * 37) % 700
		must(t, p.TrySend(message(i, n)))
		b, err := c.TryRecv(nil)
		must(t, err)
		if !bytes.Equal(b, message(i, n)) {
			t.Fatalf("message %d of %d bytes differs", i, n)
		}
	}
	// The greatest message fits wherever the ring stands.
	for i := range 1100 {
		must(t, p.TrySend(nil))
		if _, err := c.TryRecv(nil); err != nil {
			t.Fatal(err)
		}
		n := p.Config().MaxMessage - i%9
		must(t, p.TrySend(message(i, n)))
		b, err := c.TryRecv(nil)
		must(t, err)
		if !bytes.Equal(b, message(i, n)) {
			t.Fatalf("message %d of %d bytes differs", i, n)
		}
	}
}

func testSizes(t *testing.T, f Factory) {
	p, c := f.pair(t, ring.Config{Capacity: 4096})
	for _, n := range []int{4096/2 - 7, 4096, 1 << 20} {
		if err := p.TrySend(make([]byte, n)); !errors.Is(err, ring.ErrTooLarge) {
			t.Fatalf("%d bytes: %v, want ErrTooLarge", n, err)
		}
		if _, err := p.TryReserve(n); !errors.Is(err, ring.ErrTooLarge) {
			t.Fatalf("reserve %d bytes: %v, want ErrTooLarge", n, err)
		}
	}
	if _, err := c.TryRecv(nil); err != ring.ErrEmpty {
		t.Fatal("a refused message was received")
	}
	must(t, p.TrySend(nil))
	if b, err := c.TryRecv([]byte("x")); err != nil || string(b) != "x" {
		t.Fatalf("empty message: %q %v", b, err)
	}
	if !f.slots() {
		return
	}
	p, _ = f.pair(t, ring.Config{Kind: ring.Slots, Capacity: 4, SlotSize: 24})
	for _, n := range []int{0, 23, 25} {
		if err := p.TrySend(make([]byte, n)); !errors.Is(err, ring.ErrSize) {
			t.Fatalf("%d bytes into slots of 24: %v, want ErrSize", n, err)
		}
	}
}

func testReserve(t *testing.T, f Factory) {
	p, c := f.pair(t, ring.Config{Capacity: 4096})
	must(t, p.TrySend([]byte("first")))
	b, err := p.TryReserve(100)
	must(t, err)
	if len(b) != 100 || cap(b) != 100 {
		t.Fatalf("reserved len %d cap %d, want 100", len(b), cap(b))
	}
	for i := range b {
		b[i] = 0xEE // must not be taken for headers after an abort or a short commit
	}
	if err := p.TrySend(nil); err != ring.ErrReserved {
		t.Fatalf("send during a reservation: %v, want ErrReserved", err)
	}
	if _, err := p.TryReserve(1); err != ring.ErrReserved {
		t.Fatalf("second reservation: %v, want ErrReserved", err)
	}
	p.Abort()
	if err := p.Commit(1); err != ring.ErrNotReserved {
		t.Fatalf("commit after abort: %v, want ErrNotReserved", err)
	}
	must(t, p.TrySend([]byte("second")))
	b, err = p.TryReserve(200)
	must(t, err)
	for i := range b {
		b[i] = 0xEE
	}
	copy(b, "third")
	if err := p.Commit(201); !errors.Is(err, ring.ErrTooLarge) {
		t.Fatalf("commit of more than reserved: %v, want ErrTooLarge", err)
	}
	must(t, p.Commit(5))
	must(t, p.TrySend([]byte("fourth")))
	for _, want := range []string{"first", "second", "third", "fourth"} {
		b, err := c.TryRecv(nil)
		must(t, err)
		if string(b) != want {
			t.Fatalf("%q, want %q", b, want)
		}
	}
	if b, err := c.TryRecv(nil); err != ring.ErrEmpty {
		t.Fatalf("%q %v, want ErrEmpty", b, err)
	}
}

// testStage checks that staged messages appear together, across wraps too.
func testStage(t *testing.T, f Factory) {
	for _, cfg := range f.both(ring.Config{Kind: ring.Slots, Capacity: 16, SlotSize: 40}) {
		p, c := f.pair(t, cfg)
		for round := range 300 {
			k := 1 + round%7
			for i := range k {
				b, err := p.TryReserve(40)
				must(t, err)
				copy(b, fmt.Sprint(round, i, "........................................"))
				must(t, p.Stage(40))
			}
			// Padding at the wrap is published early, messages never.
			if _, err := c.TryPeek(); err != ring.ErrEmpty {
				t.Fatalf("round %d: a staged message is visible: %v", round, err)
			}
			if round%3 == 0 {
				must(t, p.TrySend([]byte(fmt.Sprintf("%-40d", round)))) // publishes what is staged
			} else {
				must(t, p.Publish())
			}
			for i := range k {
				b, err := c.TryRecv(nil)
				must(t, err)
				want := fmt.Sprint(round, i, "........................................")[:40]
				if string(b) != want {
					t.Fatalf("%q, want %q", b, want)
				}
			}
			if round%3 == 0 {
				if b, err := c.TryRecv(nil); err != nil || string(b) != fmt.Sprintf("%-40d", round) {
					t.Fatalf("%q %v behind a batch", b, err)
				}
			}
		}
	}
}

func testPeek(t *testing.T, f Factory) {
	p, c := f.pair(t, ring.Config{Kind: ring.Slots, Capacity: 4, SlotSize: 8})
	for i := range 4 {
		must(t, p.TrySend(message(i, 8)))
	}
	var views [4][]byte
	n, err := c.TryPeekBatch(views[:3])
	must(t, err)
	if n != 3 {
		t.Fatalf("peeked %d, want 3", n)
	}
	for i, v := range views[:3] {
		if !bytes.Equal(v, message(i, 8)) {
			t.Fatalf("view %d differs", i)
		}
	}
	if err := p.TrySend(message(4, 8)); err != ring.ErrFull {
		t.Fatalf("peeked slots were given back: %v", err)
	}
	must(t, c.Release())
	for i := range 3 {
		must(t, p.TrySend(message(4+i, 8)))
	}
	if err := p.TrySend(message(9, 8)); err != ring.ErrFull {
		t.Fatalf("%v, want ErrFull", err)
	}
	for i := range 4 {
		b, err := c.TryRecv(nil)
		must(t, err)
		if !bytes.Equal(b, message(3+i, 8)) {
			t.Fatalf("message %d differs", 3+i)
		}
	}
}

func testBatch(t *testing.T, f Factory) {
	p, c := f.pair(t, ring.Config{Capacity: 4096})
	sent, received := 0, 0
	for sent < 5000 {
		var batch [][]byte
		for i := range 1 + sent%40 {
			batch = append(batch, message(sent+i, (sent+i)%300))
		}
		n, err := p.TrySendBatch(batch)
		if err != nil && err != ring.ErrFull {
			t.Fatal(err)
		}
		sent += n
		for range n/2 + 1 {
			b, err := c.TryRecv(nil)
			if err == ring.ErrEmpty {
				break
			}
			must(t, err)
			if !bytes.Equal(b, message(received, received%300)) {
				t.Fatalf("message %d differs", received)
			}
			received++
		}
	}
	must(t, p.Close())
	for b, err := range c.All(t.Context()) {
		must(t, err)
		if !bytes.Equal(b, message(received, received%300)) {
			t.Fatalf("message %d differs", received)
		}
		received++
	}
	if received != sent {
		t.Fatalf("received %d of %d", received, sent)
	}
	if n, err := p.TrySendBatch([][]byte{nil}); n != 0 || !errors.Is(err, ring.ErrClosed) {
		t.Fatalf("batch after close: %d %v", n, err)
	}
	if _, err := c.TryRecv(nil); err != io.EOF {
		t.Fatalf("%v, want EOF again", err)
	}
}

type point struct {
	X, Y float64
	Tag  [3]byte
	N    int32
}

func typedPair[T any](t *testing.T, f Factory, slots int) (*ring.ProducerOf[T], *ring.ConsumerOf[T]) {
	t.Helper()
	a, b := f.make(t, ring.SlotsOf[T](slots))
	p, err := ring.NewProducerOf[T](a, ring.WithStrategy(f.Strategy))
	must(t, err)
	c, err := ring.NewConsumerOf[T](b, ring.WithStrategy(f.Strategy))
	must(t, err)
	return p, c
}

func testTyped(t *testing.T, f Factory) {
	p, c := typedPair[point](t, f, 8)
	for i := range 100 {
		v := point{X: float64(i), Y: -1, Tag: [3]byte{1, 2, byte(i)}, N: int32(i)}
		if i%2 == 0 {
			must(t, p.TrySend(v))
		} else {
			w, err := p.TryReserve()
			must(t, err)
			*w = v
			must(t, p.Commit())
		}
		if i%3 == 0 {
			w, err := c.TryPeek()
			must(t, err)
			if *w != v {
				t.Fatalf("%v, want %v", *w, v)
			}
			must(t, c.Release())
		} else if w, err := c.TryRecv(); err != nil || w != v {
			t.Fatalf("%v %v, want %v", w, err, v)
		}
	}
	if _, err := c.TryRecv(); err != ring.ErrEmpty {
		t.Fatalf("%v, want ErrEmpty", err)
	}
	must(t, p.Close())
	if _, err := c.TryRecv(); err != io.EOF {
		t.Fatalf("%v, want EOF", err)
	}
}

func testTypedBatch(t *testing.T, f Factory) {
	p, c := typedPair[uint64](t, f, 16)
	var next, want uint64
	buf := make([]uint64, 11)
	for round := range 500 {
		vs := make([]uint64, 1+round%23)
		for i := range vs {
			vs[i] = next + uint64(i)
		}
		n, err := p.TrySendBatch(vs)
		if err != nil && err != ring.ErrFull || (n == 0) != (err != nil) {
			t.Fatalf("sent %d: %v", n, err)
		}
		next += uint64(n)
		n, err = c.TryRecvBatch(buf[:1+round%11])
		if err != nil && err != ring.ErrEmpty {
			t.Fatal(err)
		}
		for _, v := range buf[:n] {
			if v != want {
				t.Fatalf("%d, want %d", v, want)
			}
			want++
		}
	}
	if n, err := p.TrySendBatch(nil); n != 0 || err != nil {
		t.Fatalf("empty batch: %d %v", n, err)
	}
}
