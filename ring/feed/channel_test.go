package feed_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	"annulus/ring"
	"annulus/ring/feed"
)

func encode(dst []byte, v uint64) ([]byte, error) {
	if v == 13 {
		return dst, errors.New("not that")
	}
	return binary.LittleEndian.AppendUint64(dst, v), nil
}

func decode(b []byte) (uint64, error) {
	if len(b) != 8 {
		return 0, io.ErrUnexpectedEOF
	}
	return binary.LittleEndian.Uint64(b), nil
}

func TestChannels(t *testing.T) {
	p, k := heapRing(t, ring.Config{Capacity: 4096})
	in, out := make(chan uint64, 10), make(chan uint64)
	into, outOf := feed.Into(p, feed.FromChan(in, encode)), feed.OutOf(k, feed.ToChan(out, decode))
	fed, drained := make(chan error, 1), make(chan error, 1)
	go func() { fed <- errors.Join(into.Run(context.Background()), p.Close()) }()
	go func() { drained <- outOf.Run(context.Background()) }()
	go func() {
		for i := range uint64(10_000) {
			in <- i + 100
		}
		close(in)
	}()
	want := uint64(100)
	for v := range out { // closed when the pump has ended
		if v != want {
			t.Fatalf("got %d, want %d", v, want)
		}
		want++
	}
	must(t, <-fed)
	must(t, <-drained)
	if want != 10_100 {
		t.Errorf("%d came out", want-100)
	}
}

// WithSkip is asked about what encode and decode refuse for its size, and about nothing else.
func TestChannelsSkip(t *testing.T) {
	p, k := heapRing(t, ring.Config{})
	in, out := make(chan string, 4), make(chan string, 4)
	odd := func(s string) error {
		if len(s)%2 != 0 {
			return fmt.Errorf("%w: %q is odd", ring.ErrSize, s)
		}
		return nil
	}
	into := feed.FromChan(in, func(dst []byte, v string) ([]byte, error) { return append(dst, v...), odd(v) })
	for _, s := range []string{"four", "odd", "size", "x"} {
		in <- s
	}
	close(in)
	asked := 0
	skip := feed.WithSkip(func(err error) bool { asked++; return errors.Is(err, ring.ErrSize) })
	pump := feed.Into(p, into, skip)
	must(t, pump.Run(context.Background()))
	if s := pump.Stats(); s.Messages != 2 || s.Refused != 2 || asked != 2 {
		t.Errorf("%+v, asked %d times", s, asked)
	}
	must(t, p.Send(context.Background(), []byte("odd")))
	must(t, p.Close())
	pump = feed.OutOf(k, feed.ToChan(out, func(b []byte) (string, error) { return string(b), odd(string(b)) }), skip)
	must(t, pump.Run(context.Background()))
	if s := pump.Stats(); s.Messages != 2 || s.Refused != 1 || <-out != "four" || <-out != "size" {
		t.Errorf("%+v", s)
	}
}

// What waits is stopped, what fails says so, and what was not taken stays in the ring.
func TestChannelsEnd(t *testing.T) {
	p, k := heapRing(t, ring.Config{})
	ctx, cancel := context.WithCancel(context.Background())
	in := make(chan uint64)
	done := make(chan error, 1)
	go func() { done <- feed.Into(p, feed.FromChan(in, encode)).Run(ctx) }()
	in <- 1
	in <- 2
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	ctx, cancel = context.WithCancel(context.Background())
	out := make(chan uint64)
	pump := feed.OutOf(k, feed.ToChan(out, decode))
	go func() { done <- pump.Run(ctx) }()
	if v := <-out; v != 1 {
		t.Error(v)
	}
	cancel() // the second is on offer
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	in = make(chan uint64, 1)
	in <- 13
	if err := feed.Into(p, feed.FromChan(in, encode)).Run(context.Background()); err == nil {
		t.Error("an encoder that fails was not told")
	}
	if v, ok := <-out; ok {
		t.Errorf("%d after the end", v)
	}
	must(t, k.Close()) // with the second in hand
	k, err := k.Ring().Consumer()
	must(t, err)
	if b, err := k.TryRecv(nil); err != nil || b[0] != 2 {
		t.Errorf("%v, %v", b, err)
	}
	must(t, k.Close())
}

func TestSeq(t *testing.T) {
	p, k := heapRing(t, ring.Config{})
	want := sample(8)
	must(t, feed.Into(p, feed.FromSeq(slices.Values(want))).Run(context.Background()))
	must(t, p.Close())
	i := 0
	for b, err := range k.All(context.Background()) {
		must(t, err)
		if !bytes.Equal(b, want[i]) {
			t.Errorf("message %d", i)
		}
		i++
	}
	if i != len(want) {
		t.Errorf("%d messages", i)
	}
}

func TestReaderWriter(t *testing.T) {
	p, k := heapRing(t, ring.Config{})
	w := feed.NewWriter(context.Background(), p)
	want := sample(40)
	copied := make(chan error, 1)
	go func() {
		_, err := w.Write(want[0])
		for _, m := range want[1:] {
			if err == nil {
				_, err = w.Write(m)
			}
		}
		copied <- errors.Join(err, w.Close())
	}()
	got, err := io.ReadAll(feed.NewReader(context.Background(), k, feed.Length()))
	must(t, err)
	must(t, <-copied)
	if !bytes.Equal(got, framed(t, feed.Length(), want)) {
		t.Error("the stream is another")
	}
}
