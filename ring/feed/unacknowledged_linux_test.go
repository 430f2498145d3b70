package feed_test

import (
	"context"
	"encoding/binary"
	"io"
	"testing"

	"annulus/internal/testutil"
	"annulus/ring"
	"annulus/ring/feed"
)

// readWord receives a message of eight bytes.
func readWord(t *testing.T, r io.Reader) uint64 {
	t.Helper()
	var b [12]byte
	_, err := io.ReadFull(r, b[:])
	must(t, err)
	return binary.LittleEndian.Uint64(b[4:])
}

// Messages are released while the peer reads nothing, all of them reach it all the same, and the end
// does not wait for it.
func TestWithoutAcknowledgement(t *testing.T) {
	const n = 500
	for _, kind := range stations {
		t.Run(kind, func(t *testing.T) {
			s := newStation(t, kind)
			p, k := heapRing(t, ring.Config{Topology: ring.MPMC, Kind: ring.Slots, SlotSize: 64, Capacity: 1024})
			sink, err := feed.DialSink(s.address, feed.Length(), s.dial)
			must(t, err)
			pump := feed.OutOf(k, wrapped{sink}, feed.WithoutAcknowledgement())
			done := run(pump)
			must(t, p.TrySend(word(0)))
			c := s.accept(t)
			for i := range n - 1 {
				must(t, p.TrySend(word(i+1)))
			}
			testutil.Eventually(t, "all are released", func() bool { return pump.Stats().Messages == n })
			must(t, p.Close())
			must(t, <-done)
			for i := range uint64(n) {
				if got := readWord(t, c); got != i {
					t.Fatalf("message %d came, want %d", got, i)
				}
			}
			if _, err := c.Read(make([]byte, 1)); err != io.EOF {
				t.Errorf("at the end: %v", err)
			}
			c.Close()
		})
	}
}

// A connection that breaks costs what it had taken, and no more: the next goes on behind it, in order.
func TestWithoutAcknowledgementReset(t *testing.T) {
	s := newStation(t, "tcp")
	p, k := heapRing(t, ring.Config{})
	sink, err := feed.DialSink(s.address, feed.Length(), s.dial)
	must(t, err)
	pump := feed.OutOf(k, sink, feed.WithoutAcknowledgement())
	done := run(pump)
	for i := range 100 {
		must(t, p.TrySend(word(i)))
	}
	c := s.accept(t)
	testutil.Eventually(t, "all are released", func() bool { return pump.Stats().Messages == 100 })
	reset(t, c)
	accepted := make(chan uint64, 1)
	go func() {
		c, err := s.Accept()
		if err != nil {
			t.Error(err)
			close(accepted)
			return
		}
		defer c.Close()
		first := readWord(t, c)
		last := first
		for {
			var b [12]byte
			if _, err := io.ReadFull(c, b[:]); err != nil {
				break
			}
			if v := binary.LittleEndian.Uint64(b[4:]); v != last+1 {
				t.Errorf("message %d came behind %d", v, last)
			}
			last++
		}
		accepted <- first
	}()
	sent := 100
	for ; pump.Stats().Opened < 2; sent++ { // the break is noticed by a write
		must(t, p.Send(context.Background(), word(sent)))
	}
	must(t, p.Close())
	must(t, <-done)
	if first := <-accepted; first < 100 || first >= uint64(sent) {
		t.Errorf("the second connection begins with message %d, of 100 to %d", first, sent-1)
	}
	if s := pump.Stats(); s.Messages != uint64(sent) || s.Failed != 1 {
		t.Errorf("%+v, want %d messages", s, sent)
	}
}
