package futex

import (
	"fmt"
	"math"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"annulus/internal/layout"
	"annulus/internal/mem"
)

// The store-then-load litmus of the gate, [G1]: a waker publishes work and then
// loads Arm, a sleeper stores Arm and then loads the work. If both miss what the
// other has stored, a sleeper sleeps on with work to do.
//
//	sleeper, this process             waker, another process
//	Arm = armed                       work = i
//	(barrier)                         (fence)
//	saw work == i ?                   saw Arm armed ?
const (
	litmusRounds = 200_000
	litmusTime   = 3 * time.Second // at most, for a run on a crowded machine
	litmusStop   = math.MaxUint64
)

// litmusModes say who pays for the order.
var litmusModes = map[string]struct {
	barrier bool // the sleeper: Gate.Prepare, as it is
	fence   bool // the waker: the way of ArmFence
}{
	"sleeper pays": {barrier: true},
	"waker fences": {fence: true},
	"nobody":       {},
}

// litmus is the shared memory of a run; each word has lines of its own.
type litmus struct {
	gate  Gate
	round *uint64 // the sleeper's: go
	work  *uint64 // the waker's: the message
	done  *uint64 // the waker's: round over
	saw   *uint64 // the waker's: 1 if it found the sleeper armed
}

func litmusAt(b []byte) *litmus {
	word := func(line uint64) *uint64 { return mem.Of(b).Word(256 * line) }
	return &litmus{
		gate:  Gate{Seq: wordAt(b, 256*4), Arm: mem.Atomic64(word(5))},
		round: word(0), work: word(1), done: word(2), saw: word(3),
	}
}

func init() { roles["litmus"] = litmusWaker }

// litmusWaker is the waker's process.
func litmusWaker(args []string) error {
	b, err := mapFile(args[0])
	if err != nil {
		return err
	}
	if err := pinThread(1); err != nil {
		return err
	}
	fence := litmusModes[args[1]].fence
	if !Register() && args[1] == "sleeper pays" {
		return fmt.Errorf("the sleeper has membarrier and the waker has not")
	}
	l := litmusAt(b)
	seq := l.gate.Seq.Load()
	var scratch uint64
	for i := uint64(1); ; i++ {
		v := uint64(0)
		for v < i {
			v = spinUntil(l.round, func(v uint64) bool { return v >= i })
		}
		if v == litmusStop {
			return nil
		}
		mem.Publish(l.work, i)
		if fence {
			atomic.AddUint64(&scratch, 0)
		}
		saw := uint64(0)
		if uint32(l.gate.Arm.Load()) == seq {
			saw = 1
		}
		mem.Publish(l.saw, saw)
		mem.Publish(l.done, i)
	}
}

func TestStoreThenLoad(t *testing.T) {
	for name, mode := range litmusModes {
		t.Run(name, func(t *testing.T) {
			if mode.barrier && !Barrier() {
				t.Skip("no membarrier(2) here: wakers fence")
			}
			path, b := sharedFile(t)
			l := litmusAt(b)
			l.gate.Seq.Store(1)
			l.gate.Arm.Store(layout.ArmValid)
			waker := start(t, child(t, "litmus", path, name))
			rounds, missed := 0, 0
			ended := make(chan error)
			go func() { // on a thread of its own, which ends with it
				err := pinThread(0)
				if err == nil {
					rounds, missed, err = l.sleeper(mode.barrier, waker.Exited())
				}
				mem.Publish(l.round, litmusStop)
				ended <- err
			}()
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			waker.Done()
			t.Logf("both missed: %d of %d rounds", missed, rounds)
			// Without any barrier a miss is allowed, not owed: it depends on
			// the processor and on luck.
			if missed > 0 && (mode.barrier || mode.fence) {
				t.Errorf("%d sleepers would have slept on with work to do", missed)
			}
		})
	}
}

// sleeper runs the rounds.
func (l *litmus) sleeper(barrier bool, wakerGone <-chan struct{}) (rounds, missed int, err error) {
	armed := layout.ArmValid | uint64(l.gate.Seq.Load())
	end := time.Now().Add(litmusTime)
	for i := uint64(1); i <= litmusRounds && (i%1024 != 0 || time.Now().Before(end)); i++ {
		mem.Publish(l.round, i)
		// The waker is told by a line that has to travel; meet it at
		// different points of its way.
		for range (i * 7) % 509 {
			runtime.KeepAlive(l)
		}
		if barrier {
			l.gate.Prepare(ParkFutex)
		} else {
			l.gate.Arm.CompareAndSwap(l.gate.Arm.Load(), armed)
		}
		saw := mem.Load(l.work) == i
		for spinUntil(l.done, func(v uint64) bool { return v == i }) != i {
			select {
			case <-wakerGone:
				return rounds, missed, fmt.Errorf("the waker died in round %d", i)
			default:
			}
		}
		if !saw && mem.Load(l.saw) == 0 {
			missed++
		}
		l.gate.Cancel()
		rounds++
	}
	return rounds, missed, nil
}

// spinUntil looks at w until ok, or for some time, and returns what it saw.
// Between looks it gives the processor away now and then.
func spinUntil(w *uint64, ok func(uint64) bool) uint64 {
	for n := 1; ; n++ {
		if v := mem.Load(w); ok(v) || n == 1<<20 {
			return v
		}
		if n%4096 == 0 {
			osYield()
		}
	}
}

// pinThread ties this goroutine to a thread, and it to the nth allowed
// processor if there are as many.
func pinThread(n int) error {
	runtime.LockOSThread()
	var allowed, one unix.CPUSet
	if err := unix.SchedGetaffinity(0, &allowed); err != nil {
		return fmt.Errorf("sched_getaffinity: %w", err)
	}
	for cpu := range len(allowed) * 64 {
		if !allowed.IsSet(cpu) {
			continue
		}
		if n--; n < 0 {
			one.Set(cpu)
			return unix.SchedSetaffinity(0, &one)
		}
	}
	return nil
}
