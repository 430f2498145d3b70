package feed_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"testing"
	"testing/iotest"

	"annulus/ring"
	"annulus/ring/feed"
)

// heapRing returns a ring of c and its two ends.
func heapRing(t testing.TB, c ring.Config) (*ring.Producer, *ring.Consumer) {
	t.Helper()
	r, err := ring.CreateMemfd("feed", c)
	must(t, err)
	p, err := r.Producer()
	must(t, err)
	k, err := r.Consumer()
	must(t, err)
	t.Cleanup(func() {
		if err := errors.Join(closed(p.Close()), closed(k.Close()), r.Close()); err != nil {
			t.Error(err)
		}
	})
	return p, k
}

func closed(err error) error {
	if errors.Is(err, ring.ErrClosed) {
		return nil
	}
	return err
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// sample returns messages of many lengths, one of them long.
func sample(n int) [][]byte {
	msgs := make([][]byte, n)
	for i := range msgs {
		b := make([]byte, (i*i*7)%1500)
		for j := range b {
			b[j] = byte('a' + (i+j)%26)
		}
		msgs[i] = b
	}
	if n > 10 {
		msgs[10] = bytes.Repeat([]byte("0123456789"), 20_000)
	}
	return msgs
}

// framed writes messages as f does.
func framed(t testing.TB, f feed.Framing, msgs [][]byte) []byte {
	t.Helper()
	var b []byte
	var err error
	for _, m := range msgs {
		b, err = f.AppendHead(b, len(m))
		must(t, err)
		b = f.AppendTail(append(b, m...))
	}
	return b
}

// passThrough sends in through a ring and returns what comes out of it.
func passThrough(t testing.TB, c ring.Config, in io.Reader, f feed.Framing) (out []byte, stats feed.Stats, err error) {
	t.Helper()
	p, k := heapRing(t, c)
	into := feed.Into(p, feed.Reader(in, f))
	done := make(chan error, 1)
	go func() {
		err := into.Run(context.Background())
		done <- errors.Join(err, p.Close())
	}()
	var b bytes.Buffer
	outOf := feed.OutOf(k, feed.Writer(&b, f))
	must(t, outOf.Run(context.Background()))
	if a, b := into.Stats(), outOf.Stats(); a.Messages != b.Messages || a.Bytes != b.Bytes {
		t.Errorf("%d messages of %d bytes went in, %d of %d came out", a.Messages, a.Bytes, b.Messages, b.Bytes)
	}
	return b.Bytes(), into.Stats(), <-done
}

func TestStreamFramings(t *testing.T) {
	const big = 1 << 20
	words := feed.Split("words", splitWords, nil, func(dst []byte) []byte { return append(dst, ' ') })
	for _, f := range []feed.Framing{feed.Lines(), feed.Length(), feed.Varint(), feed.Raw(0), feed.Raw(100), words} {
		for _, topology := range []ring.Config{{Capacity: big}, {Capacity: big, Topology: ring.MPSC, Members: 2}, {Capacity: big, Topology: ring.MPSCOrdered},
			{Kind: ring.Slots, Capacity: 16, SlotSize: 256 << 10, Topology: ring.MPMC}} {
			for name, wrap := range map[string]func(io.Reader) io.Reader{"whole": func(r io.Reader) io.Reader { return r }, "half": iotest.HalfReader,
				"bytes": iotest.OneByteReader, "data with EOF": iotest.DataErrReader} {
				if name == "bytes" && topology.Topology != 0 {
					continue // long, and the same
				}
				t.Run(fmt.Sprintf("%v/%v/%s", f, topology.Topology, name), func(t *testing.T) {
					in := framed(t, f, sample(40))
					out, stats, err := passThrough(t, topology, wrap(bytes.NewReader(in)), f)
					must(t, err)
					if !bytes.Equal(in, out) {
						t.Errorf("%d bytes went in, %d came out, or others", len(in), len(out))
					}
					if stats.Messages == 0 {
						t.Error("nothing was counted")
					}
				})
			}
		}
	}
}

// splitWords takes words that one space ends.
func splitWords(b []byte, end bool) (int, []byte, error) {
	i := bytes.IndexByte(b, ' ')
	if i < 0 {
		return 0, nil, nil
	}
	return i + 1, b[:i], nil
}

func TestStreamFixed(t *testing.T) {
	in := bytes.Repeat([]byte("12345678"), 1000)
	for _, c := range []ring.Config{{}, {Kind: ring.Slots, SlotSize: 8}} {
		out, stats, err := passThrough(t, c, bytes.NewReader(in), feed.Fixed(8))
		must(t, err)
		if !bytes.Equal(in, out) || stats.Messages != 1000 {
			t.Errorf("%d messages, %d bytes came out", stats.Messages, len(out))
		}
	}
}

func TestStreamLastLine(t *testing.T) {
	out, stats, err := passThrough(t, ring.Config{}, strings.NewReader("a\n\nb"), feed.Lines())
	must(t, err)
	if string(out) != "a\n\nb\n" || stats.Messages != 3 {
		t.Errorf("%q, %d messages", out, stats.Messages)
	}
}

// What is whole is sent, then the end within a message is told.
func TestStreamCutOff(t *testing.T) {
	for _, c := range []struct {
		f    feed.Framing
		in   string
		says string
	}{
		{feed.Length(), "\x01\x00\x00\x00a\x02\x00", "message 2: bad frame: the stream ends in the length of a message: expected 4 bytes, found 2"},
		{feed.Length(), "\x01\x00\x00\x00a\x02\x00\x00\x00b", "message 2: bad frame: the stream ends in a message: expected 2 bytes, found 1"},
		{feed.Varint(), "\x01a\x80", "message 2: bad frame: the stream ends in the length of a message"},
		{feed.Varint(), "\x01a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff", "message 2: bad frame: expected the length of a message as a varint"},
		{feed.Fixed(1), "a", ""},
		{feed.Fixed(2), "aab", "message 2: bad frame: the stream ends in a message: expected 2 bytes, found 1"},
	} {
		_, stats, err := passThrough(t, ring.Config{}, strings.NewReader(c.in), c.f)
		if c.says == "" {
			must(t, err)
		} else if !errors.Is(err, feed.ErrFrame) || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%v: %v, want %q", c.f, err, c.says)
		}
		if stats.Messages != 1 {
			t.Errorf("%v: %d messages, want the first", c.f, stats.Messages)
		}
	}
	big := binary.LittleEndian.AppendUint32(nil, 100_000)
	_, _, err := passThrough(t, ring.Config{}, bytes.NewReader(append(big, make([]byte, 70_000)...)), feed.Length())
	if !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "expected 100000 bytes, found 70000") {
		t.Error(err)
	}
}

// A message that the ring cannot take ends the pump, or is passed over and counted.
func TestStreamTooLong(t *testing.T) {
	small := ring.Config{Capacity: 4096}
	msgs := [][]byte{[]byte("one"), make([]byte, 100_000), []byte("two"), make([]byte, 3000), []byte("three")}
	for _, f := range []feed.Framing{feed.Lines(), feed.Length(), feed.Varint()} {
		in := framed(t, f, msgs)
		p, k := heapRing(t, small)
		err := feed.Into(p, feed.Reader(bytes.NewReader(in), f)).Run(context.Background())
		if !errors.Is(err, ring.ErrTooLarge) || !strings.Contains(err.Error(), "message 2") || !strings.Contains(err.Error(), "make its capacity greater") {
			t.Errorf("%v: %v", f, err)
		}
		skipped := 0
		pump := feed.Into(p, feed.Reader(iotest.HalfReader(bytes.NewReader(in)), f), feed.WithSkip(func(error) bool { skipped++; return true }))
		must(t, pump.Run(context.Background()))
		if s := pump.Stats(); s.Messages != 3 || s.Refused != 2 || skipped != 2 {
			t.Errorf("%v: %+v, %d skipped", f, s, skipped)
		}
		must(t, p.Close())
		for _, want := range []string{"one", "one", "two", "three"} {
			if b, err := k.TryRecv(nil); err != nil || string(b) != want {
				t.Fatalf("%v: got %.20q, %v, want %q", f, b, err, want)
			}
		}
	}
}

// A file, a pipe and a file again, and bytes of each kind of length.
func TestStreamFiles(t *testing.T) {
	in, err := os.CreateTemp(t.TempDir(), "")
	must(t, err)
	want := framed(t, feed.Lines(), sample(500))
	_, err = in.Write(want)
	must(t, err)
	_, err = in.Seek(0, io.SeekStart)
	must(t, err)
	p, k := heapRing(t, ring.Config{Capacity: 1 << 20})
	fed := make(chan error, 1)
	go func() {
		fed <- errors.Join(feed.Into(p, feed.Reader(in, feed.Lines())).Run(context.Background()), p.Close())
	}()
	r, w, err := os.Pipe()
	must(t, err)
	got := make(chan []byte, 1)
	go func() {
		b, _ := io.ReadAll(r)
		got <- b
	}()
	must(t, feed.OutOf(k, feed.Writer(w, feed.Lines())).Run(context.Background()))
	must(t, <-fed)
	if b := <-got; !bytes.Equal(b, want) {
		t.Errorf("%d bytes came out, want %d", len(b), len(want))
	}
	must(t, r.Close())
}
