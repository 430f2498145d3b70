package ring_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strconv"
	"testing"

	"annulus/futex"
	"annulus/ring"
)

func init() {
	// peeks, releases some of it in two steps, and waits to be killed with the rest in hand
	roles["release-first"] = func(args []string) error {
		r, err := ring.Open(args[0])
		if err != nil {
			return err
		}
		defer r.Close()
		c, err := r.Consumer()
		if err != nil {
			return err
		}
		peek, _ := strconv.Atoi(args[1])
		first, _ := strconv.Atoi(args[2])
		fmt.Println("attached")
		views := make([][]byte, peek)
		for i := range views {
			if views[i], err = c.Peek(context.Background()); err != nil {
				return err
			}
		}
		if err := errors.Join(c.ReleaseFirst(1), c.ReleaseFirst(first-1)); err != nil {
			return err
		}
		// In which order they were handed out, for that of lanes is not that of the sends.
		for _, b := range views[:first] {
			fmt.Println(binary.LittleEndian.Uint64(b[8:]))
		}
		fmt.Println("begun")
		forever()
		return nil
	}
}

// A consumer is killed that had released a part of what it held: its successor gets the
// rest once more and nothing else; of an MPMC ring only with Redeliver.
func TestReleaseFirstKilled(t *testing.T) {
	const messages, peeked = 12, 10
	for name, config := range releaseConfigs {
		if config.Topology == ring.Broadcast {
			continue // a consumer that follows begins anew
		}
		for _, first := range []int{1, 3, 9} {
			t.Run(fmt.Sprintf("%s/%d", name, first), func(t *testing.T) {
				t.Parallel()
				shm := shmName(t)
				r, err := ring.Create(shm, config)
				must(t, err)
				defer func() { must(t, errors.Join(r.Close(), ring.Remove(shm))) }()
				s := &releaseCase{t: t, config: config}
				for range 2 {
					p, err := r.Producer()
					if errors.Is(err, ring.ErrAttached) {
						break // for one
					}
					must(t, err)
					s.ps = append(s.ps, p)
				}
				sent := make([]bool, messages)
				for n := range sent {
					p := n % len(s.ps)
					must(t, s.ps[p].TrySend(s.message(p, uint64(n))))
					sent[n] = true
				}
				child := start(t, "release-first", shm, fmt.Sprint(peeked), fmt.Sprint(first))
				child.Expect("attached")
				for range first {
					n, err := strconv.Atoi(child.Line())
					must(t, err)
					sent[n] = false
				}
				child.Expect("begun")
				st, err := r.Stats()
				must(t, err)
				if st.Consumer.Messages != uint64(first) {
					t.Errorf("%d messages count as received, want %d", st.Consumer.Messages, first)
				}
				child.Kill()
				for _, p := range s.ps {
					must(t, p.Close())
				}
				c, err := r.Consumer()
				must(t, err)
				got, again := 0, 0
				for {
					b, err := c.Recv(t.Context(), nil)
					if err == io.EOF {
						break
					}
					must(t, err)
					n := binary.LittleEndian.Uint64(b[8:])
					if got++; n >= messages || !sent[n] {
						t.Fatalf("message %d came, it was released, or came twice", n)
					}
					sent[n] = false
					if again += min(c.Redelivered(), 1); c.Redelivered() > 1 {
						t.Errorf("message %d was redelivered %d times", n, c.Redelivered())
					}
				}
				want, redelivered := messages-first, 0
				if config.Redeliver {
					redelivered = peeked - first
				} else if config.Topology == ring.MPMC {
					want = messages - peeked
				}
				if got != want || again != redelivered {
					t.Errorf("%d messages came, %d of them again, want %d and %d", got, again, want, redelivered)
				}
			})
		}
	}
}

// A consumer that the producer of a broadcast ring waits for is killed when it has released a
// part of what it held: until then there is room for that part, then for all.
func TestReleaseFirstKilledCast(t *testing.T) {
	const peeked, first = 10, 4
	var holds, more int
	for _, role := range []string{"cast-hold", "release-first"} {
		name, r := castNamed(t, ring.OverrunBlock, 0)
		p, err := r.Producer()
		must(t, err)
		s := releaseCase{config: r.Config()}
		full := func() (n int) {
			for ; ; n++ {
				if err := p.TrySend(s.message(0, 0)); err == ring.ErrFull {
					return n
				} else if err != nil {
					t.Fatal(err)
				}
			}
		}
		child := start(t, role, name, fmt.Sprint(peeked), fmt.Sprint(first))
		child.Line()
		if role == "cast-hold" {
			holds = full()
			continue
		}
		n := full()
		for range first {
			child.Line()
		}
		child.Expect("begun")
		if more = n + full() - holds; more < 1 || more > first {
			t.Errorf("room for %d more messages when %d were released", more, first)
		}
		child.Kill()
		for range 3 * holds { // a dead one is not waited for
			must(t, p.Send(t.Context(), s.message(0, 0)))
		}
	}
}

// Room is given back in a lane that is not the one at hand: its producer is told when no
// lane has anything more.
func TestReleaseFirstWakesLane(t *testing.T) {
	strategy := unbounded(futex.Futex())
	r, ps := lanesOn(t, ring.Config{Kind: ring.Slots, Capacity: 16, SlotSize: 8}, 2, ring.WithStrategy(strategy))
	c, err := r.Consumer(ring.WithStrategy(strategy))
	must(t, err)
	for n := range uint64(16) {
		must(t, ps[0].TrySend(word(n)))
	}
	views := make([][]byte, 20)
	n, err := c.TryPeekBatch(views)
	must(t, err)
	if n != 16 {
		t.Fatalf("%d peeked, want 16", n)
	}
	sent := make(chan error)
	go func() { sent <- ps[0].Send(t.Context(), word(16)) }()
	eventually(t, "the producer sleeps", func() bool {
		st, err := r.Stats()
		must(t, err)
		return st.Producer.Asleep
	})
	must(t, ps[1].TrySend(word(100)))
	b, err := c.TryPeek()
	must(t, err)
	if got := binary.LittleEndian.Uint64(b); got != 100 {
		t.Fatalf("message %d, want 100 of the other lane", got)
	}
	must(t, c.ReleaseFirst(1))
	for {
		if _, err := c.TryPeek(); err != nil && err != ring.ErrEmpty {
			t.Fatal(err)
		}
		select {
		case err := <-sent:
			must(t, err)
			return
		default:
		}
	}
}
