package ringtest

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
	"testing"

	"annulus/ring"
)

// stamp fills b, at least 12 bytes, so that verify knows it again: sequence
// number, checksum, and a body that follows from the number.
func stamp(b []byte, seq uint64) {
	binary.LittleEndian.PutUint64(b, seq)
	x := seq*0x9E3779B97F4A7C15 + 1
	for i := 12; i < len(b); i++ {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		b[i] = byte(x)
	}
	binary.LittleEndian.PutUint32(b[8:], crc32.ChecksumIEEE(b[12:]))
}

func verify(t testing.TB, b []byte, seq uint64) {
	if got := binary.LittleEndian.Uint64(b); got != seq {
		t.Errorf("message %d arrived in place of %d", got, seq)
	} else if sum := crc32.ChecksumIEEE(b[12:]); sum != binary.LittleEndian.Uint32(b[8:]) {
		t.Errorf("message %d of %d bytes is torn", seq, len(b))
	}
}

func size(seq uint64) int { return 12 + int(seq*2654435761>>7%260) }

// testStream passes checksummed records of all sizes through a small ring, with
// each way to send and to receive in turn.
func testStream(t *testing.T, f Factory) {
	p, c := f.pair(t, ring.Config{Capacity: 4096})
	n := uint64(f.Messages)
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			var buf [512]byte
			ctx := t.Context()
			for i := uint64(0); i < n; {
				switch i % 3 {
				case 0:
					m := buf[:size(i)]
					stamp(m, i)
					if err := p.Send(ctx, m); err != nil {
						return err
					}
					i++
				case 1:
					m, err := p.Reserve(ctx, 300)
					if err != nil {
						return err
					}
					stamp(m[:size(i)], i)
					if err := p.Commit(size(i)); err != nil {
						return err
					}
					i++
				default:
					var batch [][]byte
					for j := i; j < min(i+6, n); j++ {
						m := make([]byte, size(j))
						stamp(m, j)
						batch = append(batch, m)
					}
					k, err := p.SendBatch(ctx, batch)
					if err != nil {
						return err
					}
					i += uint64(k)
				}
			}
			return p.Close()
		}()
	}()
	var want uint64
	var buf []byte
	for !t.Failed() {
		var err error
		if want%2 == 0 {
			buf, err = c.Recv(t.Context(), buf[:0])
			if err == nil {
				verify(t, buf, want)
			}
		} else {
			var m []byte
			if m, err = c.Peek(t.Context()); err == nil {
				verify(t, m, want)
				err = c.Release()
			}
		}
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		want++
	}
	must(t, c.Close())
	must(t, <-done)
	if want != n {
		t.Fatalf("received %d of %d", want, n)
	}
}

func testStreamTyped(t *testing.T, f Factory) {
	type msg struct{ Seq, Inverse, Third uint64 }
	p, c := typedPair[msg](t, f, 64)
	n := uint64(f.Messages)
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			batch := make([]msg, 10)
			for i := uint64(0); i < n; {
				if i%2 == 0 {
					if err := p.Send(t.Context(), msg{i, ^i, i * 3}); err != nil {
						return err
					}
					i++
					continue
				}
				k := min(n-i, 10)
				for j := range k {
					batch[j] = msg{i + j, ^(i + j), (i + j) * 3}
				}
				if _, err := p.SendBatch(t.Context(), batch[:k]); err != nil {
					return err
				}
				i += k
			}
			return p.Close()
		}()
	}()
	var want uint64
	buf := make([]msg, 7)
	for {
		k, err := c.RecvBatch(t.Context(), buf)
		if err == io.EOF {
			break
		}
		must(t, err)
		for _, m := range buf[:k] {
			if m != (msg{want, ^want, want * 3}) {
				t.Fatalf("%v in place of message %d", m, want)
			}
			want++
		}
	}
	must(t, <-done)
	if want != n {
		t.Fatalf("received %d of %d", want, n)
	}
}

// testPingPong makes both sides wait for each message. No wake may be lost: with
// long slices that hangs, with short ones only the slices' end helps.
func testPingPong(t *testing.T, f Factory) {
	p1, c1 := f.pair(t, ring.Config{})
	p2, c2 := f.pair(t, ring.Config{})
	n := uint64(f.Messages / 4)
	done := make(chan error, 1)
	go func() {
		done <- func() error {
			var b []byte
			for range n {
				var err error
				if b, err = c1.Recv(t.Context(), b[:0]); err != nil {
					return err
				}
				if err := p2.Send(t.Context(), b); err != nil {
					return err
				}
			}
			return nil
		}()
	}()
	m := make([]byte, 24)
	for i := range n {
		stamp(m, i)
		must(t, p1.Send(t.Context(), m))
		b, err := c2.Recv(t.Context(), nil)
		must(t, err)
		verify(t, b, i)
	}
	must(t, <-done)
}

func testStats(t *testing.T, f Factory) {
	a, b := f.make(t, ring.Config{Capacity: 4096})
	p, err := a.Producer()
	must(t, err)
	for i := range 200 {
		must(t, p.TrySend(message(i, 100)))
		if i == 0 {
			s, err := b.Stats()
			must(t, err)
			if s.Occupied != f.record(100) || s.Producer.Messages != 1 || s.Consumer.Attached || !s.Producer.Attached {
				t.Fatalf("%+v", s)
			}
		}
		if i < 3 {
			continue
		}
		c, err := b.Consumer()
		must(t, err)
		if _, err := c.TryRecv(nil); err != nil {
			t.Fatal(err)
		}
		must(t, c.Close())
		p.Close()
		p, err = a.Producer()
		must(t, err)
	}
	s, err := b.Stats()
	must(t, err)
	if s.Producer.Messages != 200 || s.Producer.Bytes != 20000 || s.Consumer.Messages != 197 || s.Consumer.Bytes != 19700 {
		t.Fatalf("%+v", s)
	}
	if s.Occupied < 3*f.record(100) || f.Topology <= ring.SPSC && s.Tail-s.Head != s.Occupied || s.Consumer.Sessions != 197 {
		t.Fatalf("%+v", s)
	}
	if s.Producer.Wakes != 0 || s.Consumer.Wakes != 0 {
		t.Fatalf("wakes without a sleeper: %+v", s)
	}
}
