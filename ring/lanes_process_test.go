//go:build linux

package ring_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"annulus/futex"
	"annulus/ring"
)

// laneMessage is a message of laneSize bytes: who sent it, its number, and what shows
// that it is whole. A record of it is laneUnit bytes and never needs padding, so that
// positions count messages.
const (
	laneSize = 24
	laneUnit = 32
)

func laneMessage(tag, seq uint64) []byte {
	b := binary.LittleEndian.AppendUint64(nil, tag)
	b = binary.LittleEndian.AppendUint64(b, seq)
	return binary.LittleEndian.AppendUint64(b, ^tag*31+seq)
}

// sentUnder is how many messages were committed under p's tag.
func sentUnder(p *ring.Producer) uint64 {
	if p.Config().Kind == ring.Slots {
		return p.Committed()
	}
	return p.Committed() / laneUnit
}

func init() {
	// Sends from where its predecessor in the same tag was killed, until it is.
	roles["lane"] = func(args []string) error {
		tag, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil {
			return err
		}
		_, p, err := producerOf(args[0], ring.WithTag(tag), ring.WithStrategy(futex.Adaptive()))
		if err != nil {
			return err
		}
		said := false
		for seq := sentUnder(p); ; seq++ {
			if seq%16 == 0 { // batches too
				var batch [][]byte
				for i := range uint64(3) {
					batch = append(batch, laneMessage(tag, seq+i))
				}
				_, err = p.SendBatch(context.Background(), batch)
				seq += 2
			} else {
				err = p.Send(context.Background(), laneMessage(tag, seq))
			}
			if err != nil {
				return err
			}
			if !said {
				fmt.Println("begun")
				said = true
			}
		}
	}
	// Receives a number of messages from all lanes, holds some more, and is killed.
	roles["lanes-hold"] = func(args []string) error {
		_, c, err := consumerOf(args[0])
		if err != nil {
			return err
		}
		views := make([][]byte, 30)
		for range 2 {
			if n, err := c.TryPeekBatch(views); err != nil || n != len(views) {
				return fmt.Errorf("%d messages, %v", n, err)
			}
			if args[1] == "" {
				break
			}
			if err := c.Release(); err != nil {
				return err
			}
			args[1] = ""
		}
		return killMe()
	}
}

// Producer processes are killed at random and taken over under their tags: every message
// arrives once, whole, in the order of its producer, up to the last one that the successor
// is told of.
func TestLanesTakeover(t *testing.T) {
	for _, config := range []ring.Config{{Capacity: 4096}, {Kind: ring.Slots, Capacity: 32, SlotSize: laneSize}} {
		const producers, kills = 4, 60
		config.Topology, config.Members = ring.MPSC, producers
		r, name := shared(t, config)
		c, err := r.Consumer()
		must(t, err)
		var next [producers + 1]uint64
		receive := func(b []byte) {
			tag, seq := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
			if string(b) != string(laneMessage(tag, seq)) {
				t.Fatalf("%x is no message", b)
			}
			if seq != next[tag] {
				t.Fatalf("message %d of producer %d, want %d", seq, tag, next[tag])
			}
			next[tag]++
		}
		var ps [producers + 1]*peer
		run := func(tag int) {
			ps[tag] = start(t, "lane", name, fmt.Sprint(tag))
		}
		for tag := 1; tag <= producers; tag++ {
			run(tag)
		}
		for range kills {
			tag := 1 + rand.IntN(producers)
			// Until it has sent something, and then for a while.
			for seen, more := next[tag], rand.IntN(500); next[tag] == seen || more > 0; more-- {
				b, err := c.Recv(t.Context(), nil)
				must(t, err)
				receive(b)
			}
			ps[tag].Kill()
			run(tag)
		}
		for _, p := range ps[1:] {
			p.Kill()
		}
		for {
			b, err := c.TryRecv(nil)
			if err == ring.ErrEmpty {
				break
			}
			must(t, err)
			receive(b)
		}
		for tag := 1; tag <= producers; tag++ {
			p, err := r.Producer(ring.WithTag(uint64(tag)))
			must(t, err)
			if n := sentUnder(p); n != next[tag] {
				t.Errorf("%s: %d messages of producer %d arrived, %d were committed", r.Config().Kind, next[tag], tag, n)
			}
			must(t, p.Close())
		}
		if _, err := c.Recv(t.Context(), nil); err != io.EOF {
			t.Errorf("at last %v, want EOF", err)
		}
	}
}

// A consumer killed with messages of many lanes in its hands leaves them to the next.
func TestLanesConsumerKilled(t *testing.T) {
	const producers, each = 3, 40
	for _, kind := range []ring.Kind{ring.Bytes, ring.Slots} {
		config := ring.Config{Topology: ring.MPSC, Kind: kind, Members: producers}
		if kind == ring.Slots {
			config.SlotSize, config.Capacity = laneSize, 64
		}
		for _, released := range []string{"", "some"} {
			r, name := shared(t, config)
			for tag := range uint64(producers) {
				p, err := r.Producer()
				must(t, err)
				for seq := range uint64(each) {
					must(t, p.TrySend(laneMessage(tag, seq)))
				}
			}
			child := start(t, "lanes-hold", name, released)
			child.Expect("begun")
			if _, err := r.Consumer(); !errors.Is(err, ring.ErrAttached) {
				t.Fatalf("beside a live consumer: %v, want ErrAttached", err)
			}
			child.Kill()
			c, err := r.Consumer()
			must(t, err)
			var next [producers]uint64
			for i := range next {
				next[i] = each
			}
			n := 0
			for {
				b, err := c.TryRecv(nil)
				if err == ring.ErrEmpty {
					break
				}
				must(t, err)
				tag, seq := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
				if next[tag] != each && next[tag] != seq {
					t.Fatalf("message %d of %d, want %d", seq, tag, next[tag])
				}
				next[tag] = seq + 1
				n++
			}
			want := producers * each
			if released != "" {
				want -= 30
			}
			if n != want {
				t.Errorf("%s: %d messages left by a consumer that had released %q, want %d", kind, n, released, want)
			}
		}
	}
}

// A stopped producer is reported and holds up nobody; one beyond the table is refused at once, and
// gets the place of a dead one.
func TestLanesStopped(t *testing.T) {
	r, name := shared(t, ring.Config{Topology: ring.MPSC, Capacity: 4096, Members: 2})
	child := start(t, "lane", name, "7")
	child.Expect("begun")
	p, err := r.Producer()
	must(t, err)
	child.Signal(syscall.SIGSTOP)
	c, err := r.Consumer()
	must(t, err)
	for i := range uint64(5000) {
		must(t, p.Send(t.Context(), laneMessage(1, i)))
		for {
			b, err := c.Recv(t.Context(), nil)
			must(t, err)
			if binary.LittleEndian.Uint64(b) == 1 {
				if string(b) != string(laneMessage(1, i)) {
					t.Fatalf("%x in place of message %d", b, i)
				}
				break
			}
		}
	}
	stopped := false
	eventually(t, "the stopped producer is reported", func() bool {
		s, err := r.Stats()
		must(t, err)
		for _, m := range s.Members {
			stopped = stopped || m.Tag == 7 && m.Stopped && m.Attached && m.Producer && m.PID == child.PID()
		}
		return stopped
	})
	if _, err := r.Producer(); !errors.Is(err, ring.ErrAttached) || !strings.Contains(err.Error(), "all 2 entries") {
		t.Errorf("beyond the table: %v, want ErrAttached", err)
	}
	if _, err := r.Producer(ring.WithTag(7)); !errors.Is(err, ring.ErrAttached) || !strings.Contains(err.Error(), fmt.Sprint(child.PID())) {
		t.Errorf("under a stopped producer's tag: %v, want ErrAttached with its pid", err)
	}
	child.Kill()
	next, err := r.Producer(ring.WithTag(7))
	must(t, err)
	must(t, errors.Join(next.Close(), p.Close()))
	for err = nil; err == nil; _, err = c.TryRecv(nil) {
	}
	if err != io.EOF {
		t.Errorf("at last %v, want EOF", err)
	}
}

// A producer process asleep for space, and a consumer asleep for data, are woken by
// what happens in their lane, though all sleep at one gate for as long as it takes.
func TestLanesWakes(t *testing.T) {
	r, name := shared(t, ring.Config{Topology: ring.MPSC, Capacity: 4096, Members: 3})
	for tag := range 3 {
		start(t, "lane", name, fmt.Sprint(tag+1)).Expect("begun")
	}
	eventually(t, "all lanes are full and their producers asleep", func() bool {
		s, err := r.Stats()
		must(t, err)
		return s.Producer.Parks >= 3 && s.Occupied >= 3*(4096-3*laneUnit)
	})
	c, err := r.Consumer()
	must(t, err)
	var next [4]uint64
	for n := 0; n < 30000; n++ {
		b, err := c.Recv(t.Context(), nil)
		must(t, err)
		if tag := binary.LittleEndian.Uint64(b); string(b) != string(laneMessage(tag, next[tag])) {
			t.Fatalf("%x in place of message %d of %d", b, next[tag], tag)
		} else {
			next[tag]++
		}
	}
	for tag, n := range next[1:] {
		if n < 1000 {
			t.Errorf("%d messages of producer %d of %d", n, tag+1, 30000)
		}
	}
}
