package crowd

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// Load is one measurement.
type Load struct {
	Producers int
	Consumers int
	Slots     int    // MPSC: of each lane
	Lanes     bool   // the ring is an MPSC ring; for one consumer
	Batch     int    // the ring's messages are sent and received so many at a time, at most; 0: one by one
	Wait      string // how the ring's endpoints wait
	Duration  time.Duration
	WarmUp    time.Duration
	CPUs      []int // workers are pinned to them in turn; empty: not pinned
}

// Size is the payload of every message, in bytes.
const Size = 64

// Message is what is sent: its first word is the producer (16 bits) and the number.
type Message [Size / 8]uint64

const (
	seqBits = 48
	most    = 64  // producers, and consumers
	look    = 256 // messages between two looks at the page
)

func stamp(producer int, seq uint64) uint64 { return uint64(producer)<<seqBits | seq }

// Batch is Load.Batch of the contender that has batches.
const Batch = 32

// ahead is how many messages are made ready before they are sent one by one: all
// contenders do so, for a copy right behind the store of a field waits for that store.
const ahead = 64

func prepare(m *[ahead]Message, producer int, seq uint64) {
	for i := range m {
		m[i][0] = stamp(producer, seq+uint64(i))
	}
}

// order checks the numbers that one consumer gets.
type order struct{ next [most]uint64 }

func (o *order) check(word uint64) error {
	from, seq := word>>seqBits, word&(1<<seqBits-1)
	if from >= most || seq < o.next[from] {
		return o.wrong(from, seq)
	}
	o.next[from] = seq + 1
	return nil
}

//go:noinline
func (o *order) wrong(from, seq uint64) error {
	return fmt.Errorf("message %d of producer %d after %d: lost, doubled or out of order", seq, from, o.next[from%most])
}

// Result is what a measurement found.
type Result struct {
	Messages uint64  `json:"messages"`
	Seconds  float64 `json:"seconds"`
}

// cpu is where worker i of the load is pinned: one and one each have their own.
func (l *Load) cpu(i int) []int {
	if len(l.CPUs) == 0 {
		return nil
	}
	return l.CPUs[i%len(l.CPUs) : i%len(l.CPUs)+1]
}

// window lets the load run and counts what is received in its window.
func (l *Load) window(ctx context.Context, received func() uint64) (Result, error) {
	if err := sleep(ctx, l.WarmUp); err != nil {
		return Result{}, err
	}
	n, t := received(), time.Now()
	err := sleep(ctx, l.Duration)
	r := Result{Messages: received() - n, Seconds: time.Since(t).Seconds()}
	if err == nil && r.Messages == 0 {
		err = errors.New("nothing was received in the window; make it longer")
	}
	return r, err
}

func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(d):
		return nil
	}
}

// same holds what was received in all against what was sent.
func same(sent, received uint64) error {
	if sent != received {
		return fmt.Errorf("%d messages were sent, %d received", sent, received)
	}
	return nil
}
