//go:build linux

package ring_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"syscall"
	"testing"
	"time"

	"annulus/ring"
)

func init() {
	// ordered-reserve NAME BYTES...: sends a message of each length, but reserves the last,
	// and commits it after a SIGUSR1.
	roles["ordered-reserve"] = func(args []string) error {
		_, p, err := producerOf(args[0], ring.WithTag(9))
		if err != nil {
			return err
		}
		for i, arg := range args[1:] {
			n, err := strconv.Atoi(arg)
			if err != nil {
				return err
			}
			if i < len(args)-2 {
				if err := p.TrySend(make([]byte, n)); err != nil {
					return err
				}
				continue
			}
			b, err := p.TryReserve(n)
			if err != nil {
				return err
			}
			ch := make(chan os.Signal, 1)
			signal.Notify(ch, syscall.SIGUSR1)
			copy(b[:n/2], "half") // mid-payload
			fmt.Println("begun")
			<-ch
			if err := p.Commit(copy(b, "done")); err != nil {
				return err
			}
		}
		forever()
		return nil
	}
	// ordered-flood NAME PRODUCER: numbered messages in all ways, for ever.
	roles["ordered-flood"] = func(args []string) error {
		r, err := ring.Open(args[0])
		if err != nil {
			return err
		}
		from, err := strconv.ParseUint(args[1], 10, 64)
		if err != nil {
			return err
		}
		p, err := r.Producer(ring.WithTag(from + 1))
		for errors.Is(err, ring.ErrAttached) { // the dead one's lock goes a moment after it
			runtime.Gosched()
			p, err = r.Producer(ring.WithTag(from + 1))
		}
		if err != nil {
			return err
		}
		fmt.Println("begun", p.Committed())
		rng := rand.New(rand.NewPCG(from, p.Committed()))
		ctx := context.Background()
		message := func(seq uint64) []byte {
			b := make([]byte, 16+rng.IntN(300))
			binary.LittleEndian.PutUint64(b, from)
			binary.LittleEndian.PutUint64(b[8:], seq)
			for i := 16; i < len(b); i++ {
				b[i] = byte(seq) + byte(i)
			}
			return b
		}
		for seq := p.Committed(); ; {
			switch rng.IntN(4) {
			case 0:
				n := uint64(1 + rng.IntN(9))
				var batch [][]byte
				for i := range n {
					batch = append(batch, message(seq+i))
				}
				_, err = p.SendBatch(ctx, batch)
				seq += n
			case 1:
				var b []byte
				if b, err = p.Reserve(ctx, 400); err == nil && rng.IntN(3) == 0 {
					p.Abort()
				} else if err == nil {
					err = p.Commit(copy(b, message(seq)))
					seq++
				}
			default:
				err = p.Send(ctx, message(seq))
				seq++
			}
			if err != nil {
				return err
			}
		}
	}
	// ordered-drain NAME: peeks, and never releases.
	roles["ordered-drain"] = func(args []string) error {
		_, c, err := consumerOf(args[0])
		if err != nil {
			return err
		}
		for range 2 {
			if _, err := c.TryPeek(); err != nil {
				return err
			}
		}
		return killMe()
	}
}

// checkFlood holds a message of ordered-flood against what it must be.
func checkFlood(b []byte, next map[uint64]uint64) error {
	if len(b) < 16 {
		return fmt.Errorf("message of %d bytes", len(b))
	}
	from, seq := binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[8:])
	if seq != next[from] {
		return fmt.Errorf("message %d of producer %d in place of %d", seq, from, next[from])
	}
	for i := 16; i < len(b); i++ {
		if b[i] != byte(seq)+byte(i) {
			return fmt.Errorf("message %d of producer %d is torn at byte %d", seq, from, i)
		}
	}
	next[from]++
	return nil
}

// deadClaim has another process send messages of all lengths but the last and claim that,
// and this one send before and after; then it kills the other. used granules of the ring
// have passed.
func deadClaim(t *testing.T, used int, lengths ...string) (*ring.Ring, *ring.Consumer) {
	t.Helper()
	r, name := shared(t, ordered)
	seat(t, r, uint64(used))
	p, err := r.Producer()
	must(t, err)
	must(t, p.TrySend([]byte("before")))
	child := start(t, "ordered-reserve", append([]string{name}, lengths...)...)
	child.Expect("begun")
	must(t, p.TrySend([]byte("after")))
	c, err := r.Consumer()
	must(t, err)
	b, err := c.TryRecv(nil)
	must(t, err)
	wantText(t, b, "before")
	for range lengths[1:] {
		_, err := c.TryRecv(nil)
		must(t, err)
	}
	if b, err := c.TryRecv(nil); err != ring.ErrEmpty {
		t.Fatalf("past a live producer's claim: %q, %v, want ErrEmpty", b, err)
	}
	child.Kill()
	return r, c
}

// TestCase04_KilledAfterItsClaim: others' messages arrive, the claim is counted as skipped.
func TestCase04_KilledAfterItsClaim(t *testing.T) {
	r, c := deadClaim(t, 0, "0")
	b, err := c.Recv(t.Context(), nil)
	must(t, err)
	wantText(t, b, "after")
	stats(t, r, 1, 0)
}

// TestCase05_KilledInMidPayload: no torn payload is delivered, all granules are skipped,
// whoever it is that repairs.
func TestCase05_KilledInMidPayload(t *testing.T) {
	for _, by := range []string{"consumer", "producer", "attach", "recover"} {
		t.Run(by, func(t *testing.T) {
			r, c := deadClaim(t, 0, "8", "1000")
			switch by {
			case "producer": // in the full ring
				p, err := r.Producer()
				must(t, err)
				for err == nil {
					err = p.TrySend(nil)
				}
				if err != ring.ErrFull {
					t.Fatal(err)
				}
				eventually(t, "a producer that waits settles the claim", func() bool {
					p.TrySend(nil)
					s, err := r.Stats()
					return err == nil && s.Producer.Repaired == 16
				})
			case "attach":
				p, err := r.Producer(ring.WithTag(9))
				must(t, err)
				if p.Committed() != 1 {
					t.Errorf("%d committed, want 1", p.Committed())
				}
				stats(t, r, 16, 0)
			case "recover":
				if rec, err := r.Recover(); err != nil || rec != (ring.Recovery{Skipped: 16}) {
					t.Fatalf("Recover: %+v, %v, want 16 granules skipped", rec, err)
				}
			}
			b, err := c.Recv(t.Context(), nil)
			must(t, err)
			wantText(t, b, "after")
			stats(t, r, 16, 0)
		})
	}
}

// TestCase06_KilledAfterItsCommit: delivered once.
func TestCase06_KilledAfterItsCommit(t *testing.T) {
	r, name := shared(t, ordered)
	child := start(t, "ordered-flood", name, "0")
	child.Expect("begun 0")
	eventually(t, "the ring is full", func() bool {
		s, err := r.Stats()
		return err == nil && s.Occupied > 3000
	})
	child.Kill()
	c, err := r.Consumer()
	must(t, err)
	next := map[uint64]uint64{}
	for {
		b, err := c.TryRecv(nil)
		if err == ring.ErrEmpty {
			break
		}
		must(t, err)
		must(t, checkFlood(b, next))
	}
	p, err := r.Producer(ring.WithTag(1))
	must(t, err)
	if p.Committed() != next[0] || next[0] == 0 {
		t.Errorf("%d received, the successor knows of %d", next[0], p.Committed())
	}
}

// TestCase07_KilledAtTheEndOfTheRing: the padding was published and the record behind
// it was not; the consumer crosses the end.
func TestCase07_KilledAtTheEndOfTheRing(t *testing.T) {
	r, c := deadClaim(t, 57, "500") // one granule, then 6 of padding and 8
	b, err := c.Recv(t.Context(), nil)
	must(t, err)
	wantText(t, b, "after")
	stats(t, r, 8, 0)
}

// TestCase15_ConsumersTakeover: what was not released comes again, also when the
// successor dies.
func TestCase15_ConsumersTakeover(t *testing.T) {
	r, name := shared(t, ordered)
	p, err := r.Producer()
	must(t, err)
	for i := range uint64(3) {
		must(t, p.TrySend(payload(i)))
	}
	for range 3 {
		child := start(t, "ordered-drain", name)
		child.Expect("begun")
		child.Kill()
	}
	c, err := r.Consumer()
	must(t, err)
	for i := range uint64(3) {
		b, err := c.TryRecv(nil)
		must(t, err)
		must(t, checkPayload(b, i))
	}
}

// TestCase17_OrderedStopped: a producer that stands still is never robbed, and is
// reported; its commit succeeds when it goes on, in order.
func TestCase17_OrderedStopped(t *testing.T) {
	for name, first := range map[string]uint64{"within a lap": 0, "behind padding": 63} {
		t.Run(name, func(t *testing.T) { stoppedWithAClaim(t, first) })
	}
}

func stoppedWithAClaim(t *testing.T, first uint64) {
	r, name := shared(t, ordered)
	seat(t, r, first)
	p, err := r.Producer()
	must(t, err)
	c, err := r.Consumer()
	must(t, err)
	child := start(t, "ordered-reserve", name, "100")
	child.Expect("begun")
	must(t, p.TrySend([]byte("after")))
	child.Signal(syscall.SIGSTOP)
	eventually(t, "the stopped producer is reported", func() bool {
		s, err := r.Stats()
		must(t, err)
		for _, m := range s.Members {
			if m.PID == child.PID() && m.Stopped && m.Claims == 2 {
				return true
			}
		}
		return false
	})
	// Everybody looks for a death, many times, and finds none.
	for range 500 {
		if _, err := c.TryRecv(nil); err != ring.ErrEmpty {
			t.Fatalf("%v, want ErrEmpty", err)
		}
	}
	must(t, c.SetDeadline(time.Now().Add(120*time.Millisecond))) // some slices asleep
	if b, err := c.Recv(t.Context(), nil); err == nil {
		t.Fatalf("received %q past a claim of a live producer", b)
	}
	must(t, c.SetDeadline(time.Time{}))
	for err == nil {
		err = p.TrySend(nil)
	}
	for range 500 {
		if err := p.TrySend(nil); err != ring.ErrFull {
			t.Fatalf("%v, want ErrFull", err)
		}
	}
	if rec, err := r.Recover(); err != nil || rec != (ring.Recovery{Claimed: 1}) {
		t.Errorf("Recover: %+v, %v, want one claimed", rec, err)
	}
	other, err := r.Producer()
	must(t, err)
	must(t, other.Close())
	stats(t, r, 0, 2)
	child.Signal(syscall.SIGUSR1)
	child.Signal(syscall.SIGCONT)
	for _, want := range []string{"done", "after"} {
		b, err := c.Recv(t.Context(), nil)
		must(t, err)
		wantText(t, b, want)
	}
	stats(t, r, 0, 0)
}

// TestCase20_StoppedForLaps stops a producer again and again, at any point, while
// others go round: nothing is lost, torn or out of order. Then it is killed at random, and
// so is whoever repairs, with takeovers by the tag.
func TestCase20_StoppedForLaps(t *testing.T) {
	r, name := shared(t, ordered)
	c, err := r.Consumer()
	must(t, err)
	next := map[uint64]uint64{}
	receive := func(n int) (got int) { // at most n, until nothing comes for a moment
		for got < n {
			must(t, c.SetDeadline(time.Now().Add(100*time.Millisecond)))
			b, err := c.Recv(t.Context(), nil)
			if err != nil {
				return got
			}
			must(t, checkFlood(b, next))
			got++
		}
		return got
	}
	children := make([]*peer, 3)
	begin := func(i int) {
		children[i] = start(t, "ordered-flood", name, strconv.Itoa(i))
	}
	for i := range children {
		begin(i)
	}
	must(t, c.SetDeadline(time.Time{}))
	for range 30 {
		receive(200)
		child := children[rand.IntN(3)]
		child.Signal(syscall.SIGSTOP)
		receive(300) // several laps, or it stands with a claim
		child.Signal(syscall.SIGCONT)
	}
	for range 40 {
		receive(100 + rand.IntN(100))
		i := rand.IntN(3)
		children[i].Kill()
		begin(i)
	}
	eventually(t, "messages come from each", func() bool {
		receive(1000)
		return next[0] > 0 && next[1] > 0 && next[2] > 0
	})
	for i := range children {
		children[i].Kill()
	}
	for receive(1000) == 1000 {
	}
	for i := range uint64(3) {
		p, err := r.Producer(ring.WithTag(i + 1))
		must(t, err)
		if p.Committed() != next[i] {
			t.Errorf("producer %d: %d received, %d sent", i, next[i], p.Committed())
		}
	}
}
