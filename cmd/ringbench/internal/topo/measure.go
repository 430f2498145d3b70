package topo

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"time"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/mem"
)

// Sample is what was measured of one pair: of each round the median time of one way,
// in nanoseconds. Rounds in which the two threads never ran at the same time are missing.
type Sample struct {
	Pair
	Rounds []float64
}

const (
	chunk   = 64      // round trips that are timed together
	discard = 2       // chunks in which both sides come to run
	patient = 1 << 12 // looks before the processor is offered to others
	over    = ^uint64(0)

	// A chunk that takes longer than tooLong is no way of cache lines: one of the threads
	// had to wait for its processor.
	tooLong = int64(chunk * 4 * time.Microsecond)
)

// Measure measures the plan's pairs in turn, and again in each further round, by two
// threads that pass one line back and forth; each line lies in fresh memory that the
// first CPU touched. progress, if not nil, is called after each. When ctx ends it returns
// what it has, and ctx's error. One call at a time.
func Measure(ctx context.Context, p Plan, progress func(done, all int)) ([]Sample, error) {
	if len(p.Pairs) == 0 {
		return nil, nil
	}
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(max(runtime.GOMAXPROCS(0), 3))) // both sides spin, and somebody leads
	left, right := newSide(), newSide()
	defer left.end()
	defer right.end()
	out := make([]Sample, len(p.Pairs))
	for i, pair := range p.Pairs {
		out[i].Pair = pair
	}
	for round := range p.Rounds {
		for i, pair := range p.Pairs {
			if ctx.Err() != nil {
				return out, ctx.Err()
			}
			times, err := pass(left, right, pair, p.Slice)
			if err != nil {
				return nil, err
			}
			if len(times) > 0 {
				slices.Sort(times)
				out[i].Rounds = append(out[i].Rounds, float64(times[len(times)/2])/(2*chunk))
			}
			if progress != nil {
				progress(round*len(p.Pairs)+i+1, p.Rounds*len(p.Pairs))
			}
		}
	}
	return out, nil
}

// side is a thread that moves from CPU to CPU and plays there.
type side struct {
	work chan func()
	cpu  int
}

func newSide() *side {
	s := &side{work: make(chan func()), cpu: unknown}
	go func() {
		runtime.LockOSThread() // and never unlocks: the thread ends with the goroutine
		for f := range s.work {
			f()
		}
	}()
	return s
}

func (s *side) end() { close(s.work) }

// move puts the thread on a CPU; in the thread.
func (s *side) move(cpu int) error {
	if s.cpu == cpu {
		return nil
	}
	if err := pin(cpu); err != nil {
		return fmt.Errorf("cannot run on CPU %d: %w", cpu, err)
	}
	s.cpu = cpu
	return nil
}

// pass passes a line between the CPUs of a pair for a time and returns what each chunk
// has taken, in nanoseconds.
func pass(left, right *side, p Pair, slice time.Duration) ([]int64, error) {
	line, free, err := newLine()
	if err != nil {
		return nil, err
	}
	defer free()
	word := mem.Of(line).Word(0)
	ready, done := make(chan error, 2), make(chan []int64, 2)
	start := make(chan struct{})
	right.work <- func() {
		err := right.move(p.B)
		ready <- err
		<-start
		if err == nil {
			pong(word)
		}
		done <- nil
	}
	left.work <- func() {
		err := left.move(p.A)
		mem.Publish(word, 0)
		ready <- err
		<-start
		if err != nil {
			mem.Publish(word, over)
			done <- nil
			return
		}
		done <- ping(word, slice)
	}
	err = errors.Join(<-ready, <-ready)
	if err != nil {
		mem.Publish(word, over)
	}
	close(start)
	times := <-done
	if more := <-done; more != nil {
		times = more
	}
	return times, err
}

// ping sends odd numbers and waits for the next even one; it returns the time of each
// chunk in which both threads ran. For the first of them it waits longer than the slice.
// Where the other side has ended it returns nothing.
func ping(word *uint64, slice time.Duration) (times []int64) {
	seq := mem.Load(word)
	if seq == over {
		return nil
	}
	end := rig.Now() + int64(slice)
	last := end + 9*int64(slice) + int64(100*time.Millisecond)
	for i := 0; ; i++ {
		t0 := rig.Now()
		for range chunk {
			mem.Publish(word, seq+1)
			seq += 2
			await(word, seq)
		}
		t1 := rig.Now()
		if i >= discard && t1-t0 < tooLong {
			times = append(times, t1-t0)
		}
		if t1 >= last || t1 >= end && len(times) > 0 {
			mem.Publish(word, over)
			return times
		}
	}
}

// pong answers each odd number by the next.
func pong(word *uint64) {
	for seq := uint64(1); await(word, seq) != over; seq += 2 {
		mem.Publish(word, seq+1)
	}
}

// await waits for a value, or for the end. It spins without a pause, which would be
// longer than what is measured; on a busy machine it lets others run now and then.
func await(word *uint64, want uint64) uint64 {
	for i := 1; ; i++ {
		if v := mem.Load(word); v == want || v == over {
			return v
		}
		if i%patient == 0 {
			yield()
		}
	}
}
