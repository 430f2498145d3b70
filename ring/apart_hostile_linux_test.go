package ring_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/ring"
)

// wordsOf lists the words of one side of an apart ring, in the memory of that side.
func wordsOf(t testing.TB, r *ring.Ring, role ring.Role) (map[string]*uint64, layout.Geometry) {
	t.Helper()
	b := r.Region().Bytes()
	g, _, err := layout.DecodePart(append([]byte(nil), b[:layout.HeaderSize]...), uint64(len(b)), uint32(role))
	must(t, err)
	area := g.ProducerArea
	words := map[string]*uint64{}
	if role == ring.AsConsumer {
		area = g.ConsumerArea
	} else {
		second := uint64(16) // of a record of 8 bytes
		if g.Kind == layout.KindSlots {
			second = g.SlotStride
		}
		words["first word"], words["second word"] = layout.WordAt(b, g.DataArea), layout.WordAt(b, g.DataArea+second)
	}
	for name, off := range map[string]uint64{
		"position": 0, "count": 8, "seq": layout.LineSeq * g.Stride, "arm": layout.LineArm * g.Stride,
		"session": layout.LineEndpoint * g.Stride, "state": layout.LineEndpoint*g.Stride + layout.WordSize,
	} {
		words[name] = layout.WordAt(b, area+off)
	}
	return words, g
}

// Whatever value a hostile peer gives a word that it can write, before the other side attaches or
// while it is attached: that side's calls return and say what may be said, and one that found nonsense
// is followed by none.
func TestApartHostileWords(t *testing.T) {
	for kind, config := range apartConfigs {
		for _, victim := range []ring.Role{ring.AsProducer, ring.AsConsumer} {
			t.Run(kind+"/"+victim.String(), func(t *testing.T) {
				enemy := ring.AsProducer + ring.AsConsumer - victim
				var mine, theirs *ring.Ring
				found := 0
				renew := func() (map[string]*uint64, layout.Geometry) {
					if mine != nil {
						mine.Close()
						theirs.Close()
					}
					a, b := strangersKept(t, victim, config)
					mine, theirs = a, b
					if victim == ring.AsConsumer { // something to receive
						p, err := theirs.Producer()
						must(t, err)
						for i := range uint64(3) {
							must(t, p.TrySend(apartPayload(config, i)))
						}
						must(t, p.Close())
					}
					return wordsOf(t, theirs, enemy)
				}
				words, g := renew()
				names := []string{}
				for name := range words {
					names = append(names, name)
				}
				for _, name := range names {
					for _, v := range hostile(g) {
						for _, attached := range []bool{false, true} {
							words, _ := renew()
							if abuse(t, mine, words[name], v, attached, config) {
								found++
							}
							if t.Failed() {
								t.Fatalf("%s is %#x, attached before: %v", name, v, attached)
							}
						}
					}
				}
				mine.Close()
				theirs.Close()
				if found == 0 {
					t.Error("nothing was found out")
				}
				t.Logf("%d values found out", found)
			})
		}
	}
}

// strangersKept is strangers whose handles the caller closes.
func strangersKept(t testing.TB, role ring.Role, c ring.Config) (offered, accepted *ring.Ring) {
	t.Helper()
	a, b := sockets(t, unix.SOCK_STREAM)
	defer a.Close()
	defer b.Close()
	return meetKept(t, a, b, role, c)
}

// abuse has the victim's end used with a word spoilt, and tells whether that was found out.
func abuse(t *testing.T, r *ring.Ring, word *uint64, v uint64, attached bool, config ring.Config) (found bool) {
	t.Helper()
	spoil := func() { atomic.StoreUint64(word, v) }
	if !attached {
		spoil()
	}
	var calls []func() error
	p, err := r.Producer(ring.WithStrategy(futex.Futex()))
	var closer io.Closer = p
	if err == nil {
		calls = victimSends(p, config)
	} else if !errors.Is(err, ring.ErrCorrupt) {
		var c *ring.Consumer
		if c, err = r.Consumer(ring.WithStrategy(futex.Futex())); err == nil {
			closer, calls = c, victimReceives(c, config)
		}
	}
	if errors.Is(err, ring.ErrCorrupt) {
		found, calls = true, nil
	} else if err != nil {
		t.Error(err)
		return false
	}
	if attached {
		spoil()
	}
	for i := 0; i < 24; i++ {
		if len(calls) == 0 {
			break
		}
		err := calls[i%len(calls)]()
		switch {
		case errors.Is(err, ring.ErrCorrupt):
			found = true
		case found:
			t.Errorf("after nonsense was found: %v", err)
		case err == nil, err == ring.ErrFull, err == ring.ErrEmpty, err == io.EOF, errors.Is(err, ring.ErrClosed), errors.Is(err, context.DeadlineExceeded):
		default:
			t.Error(err)
		}
	}
	if _, err := r.Stats(); err != nil {
		t.Error(err)
	}
	if calls != nil {
		if err := closer.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	}
	if found {
		for _, err := range []error{second(r.Producer()), second(r.Consumer())} {
			if !errors.Is(err, ring.ErrCorrupt) && !strings.Contains(err.Error(), "its peer that of") {
				t.Errorf("another endpoint: %v, want ErrCorrupt", err)
			}
		}
	}
	return found
}

func soon() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 100*time.Microsecond)
}

func victimSends(p *ring.Producer, c ring.Config) []func() error {
	msg := apartPayload(c, 1)
	return []func() error{
		func() error { return p.TrySend(msg) },
		func() error {
			if _, err := p.TryReserve(len(msg)); err != nil {
				return err
			}
			return p.Commit(len(msg))
		},
		func() error { _, err := p.TrySendBatch([][]byte{msg, msg}); return err },
		func() error { ctx, cancel := soon(); defer cancel(); return p.Send(ctx, msg) },
	}
}

func victimReceives(c *ring.Consumer, config ring.Config) []func() error {
	most := c.Config().MaxMessage
	check := func(err error, msgs ...[]byte) error {
		for _, m := range msgs {
			if err == nil && len(m) > most {
				err = fmt.Errorf("a message of %d bytes, at most %d are possible", len(m), most)
			}
		}
		return err
	}
	return []func() error{
		func() error { b, err := c.TryRecv(nil); return check(err, b) },
		func() error {
			msgs := make([][]byte, 40)
			n, err := c.TryPeekBatch(msgs)
			if err = check(err, msgs[:n]...); err == nil {
				err = c.ReleaseFirst(n / 2)
			}
			return err
		},
		func() error { b, err := c.TryPeek(); return check(err, b) },
		func() error { return c.Release() },
		func() error { ctx, cancel := soon(); defer cancel(); b, err := c.Recv(ctx, nil); return check(err, b) },
	}
}

// A word that changes all the time, and never to what is waited for, keeps no call beyond
// its context.
func TestWordThatRuns(t *testing.T) {
	r, err := ring.New(ring.Config{Kind: ring.Slots, Capacity: 8, SlotSize: 8})
	must(t, err)
	closing(t, r)
	c, err := r.Consumer(ring.WithStrategy(futex.Spin()))
	must(t, err)
	word := layout.WordAt(r.Region().Bytes(), geometryOf(t, r).DataArea)
	ctx, cancel := context.WithCancel(t.Context())
	err = against(t, func(i uint64) {
		if atomic.StoreUint64(word, 1000+i); i == 100000 {
			cancel()
		}
	}, func() error { _, err := c.Recv(ctx, nil); return err })
	if err != context.Canceled {
		t.Errorf("%v, want context.Canceled", err)
	}
}

// A record that is longer than any message can be is refused, although it ends within the data.
func TestLongerThanMessagesAre(t *testing.T) {
	for name, receive := range map[string]func(c *ring.Consumer) error{
		"TryRecv":      func(c *ring.Consumer) error { _, err := c.TryRecv(nil); return err },
		"TryPeek":      func(c *ring.Consumer) error { _, err := c.TryPeek(); return err },
		"TryPeekBatch": func(c *ring.Consumer) error { _, err := c.TryPeekBatch(make([][]byte, 3)); return err },
	} {
		r, err := ring.New(ring.Config{Capacity: 4096})
		must(t, err)
		closing(t, r)
		c, err := r.Consumer()
		must(t, err)
		n := uint64(r.Config().MaxMessage)
		*layout.WordAt(r.Region().Bytes(), geometryOf(t, r).DataArea) = layout.RecordCommitted | (n + 1)
		if err := receive(c); !errors.Is(err, ring.ErrCorrupt) || !strings.Contains(err.Error(), fmt.Sprint(n)) {
			t.Errorf("%s: %v, want ErrCorrupt", name, err)
		}
	}
}

// A producer that commits what lies beyond the ring, round and round, does not get peeked
// messages handed out once more.
func TestPeekedRoundAndRound(t *testing.T) {
	for kind, config := range apartConfigs {
		offered, accepted := strangers(t, ring.AsConsumer, config)
		_, g := wordsOf(t, accepted, ring.AsProducer)
		c, err := offered.Consumer()
		must(t, err)
		b := accepted.Region().Bytes()
		fill := func(lap uint64) {
			for off := uint64(0); off < g.DataSize; off += max(g.SlotStride, 16) {
				v := layout.RecordCommitted | 8
				if g.Kind == layout.KindSlots {
					v = lap<<layout.SlotLapShift | layout.SlotCommitted
				}
				atomic.StoreUint64(layout.WordAt(b, g.DataArea+off), v)
			}
		}
		n := 0
		for ; err == nil && n < 1000; n++ {
			fill(uint64(n) * max(g.SlotStride, 16) / g.DataSize)
			_, err = c.TryPeek()
		}
		if !errors.Is(err, ring.ErrCorrupt) || n < 9 {
			t.Errorf("%s: %v after %d messages, want ErrCorrupt", kind, err, n)
		}
	}
}
