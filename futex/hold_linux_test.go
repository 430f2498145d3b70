package futex

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func init() { roles["hold"] = roleHold }

type waited struct {
	calls int
	err   error
}

// roleHold stops the world, again and again, while a goroutine sleeps with its
// P held for an hour. A collector that is held up never returns.
func roleHold([]string) error {
	for round := range 20 {
		word, done := new(atomic.Uint32), make(chan waited, 1)
		go func() {
			calls, err := wait(word, 0, time.Hour, time.Time{})
			done <- waited{calls, err}
		}()
		isAsleep := func() bool { return sleepers(word) == 1 }
		if err := until("the holder sleeps", isAsleep); err != nil {
			return err
		}
		runtime.GC()
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats) // stops the world
		runtime.GC()
		if err := until("the holder sleeps on", isAsleep); err != nil {
			return err
		}
		select {
		case w := <-done:
			return fmt.Errorf("round %d: returned before the wake: %+v", round, w)
		default:
		}
		if n, err := Wake(word, 1); n != 1 || err != nil {
			return fmt.Errorf("round %d: Wake = %d, %w", round, n, err)
		}
		// One call with the P held, which the collector ended, one without.
		if w := <-done; w != (waited{2, nil}) {
			return fmt.Errorf("round %d: %+v", round, w)
		}
	}
	fmt.Println("collected", noAsyncPreempt)
	return nil
}

func TestHoldDoesNotHoldUpTheCollector(t *testing.T) {
	for _, procs := range []string{"1", "2"} {
		for _, off := range []string{"0", "1"} {
			t.Run("GOMAXPROCS="+procs+",asyncpreemptoff="+off, func(t *testing.T) {
				t.Parallel()
				cmd := child(t, "hold")
				cmd.Env = append(cmd.Env, "GOMAXPROCS="+procs, "GODEBUG=asyncpreemptoff="+off)
				if out, want := start(t, cmd).Done(), fmt.Sprint("collected ", off == "1"); out != want {
					t.Errorf("child: %s, expected %s", out, want)
				}
			})
		}
	}
}

// Each signal costs a timed wait one call more, and nothing else.
func TestSignalStorm(t *testing.T) {
	word, tid, done := new(atomic.Uint32), make(chan int, 1), make(chan waited, 1)
	deadline := time.Now().Add(300 * time.Millisecond)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine
		tid <- unix.Gettid()
		calls, err := wait(word, 0, 0, deadline)
		if time.Now().Before(deadline) {
			err = errors.New("back before the deadline")
		}
		done <- waited{calls, err}
	}()
	pid, sleeper := os.Getpid(), receive(t, tid)
	signals := 0
	for end := time.Now().Add(patience); time.Now().Before(end); {
		if sleepers(word) == 1 && unix.Tgkill(pid, sleeper, unix.SIGURG) == nil {
			signals++
		}
		select {
		case w := <-done:
			if w.err != os.ErrDeadlineExceeded {
				t.Error(w.err)
			}
			// 1 more than the signals, and some for those of the runtime.
			if w.calls < 2 || w.calls > signals+20 {
				t.Errorf("%d calls for %d signals", w.calls, signals)
			}
			return
		case <-time.After(100 * time.Microsecond):
		}
	}
	t.Fatal("hung")
}

// The collector's own signals: no early return, and no busy loop.
func TestCollectorStorm(t *testing.T) {
	for _, hold := range []time.Duration{0, 100 * time.Microsecond, time.Hour} {
		const waits = 60
		word, done := new(atomic.Uint32), make(chan waited, 1)
		go func() {
			var sum waited
			for range waits {
				deadline := time.Now().Add(2 * time.Millisecond)
				calls, err := wait(word, 0, hold, deadline)
				sum.calls += calls
				if err != os.ErrDeadlineExceeded || time.Now().Before(deadline) {
					sum.err = errors.Join(sum.err, fmt.Errorf("%v, early %v", err, time.Now().Before(deadline)))
				}
			}
			done <- sum
		}()
		for collecting := true; collecting; {
			runtime.GC()
			select {
			case sum := <-done:
				if sum.err != nil || sum.calls > 5*waits {
					t.Errorf("hold %v: %d calls for %d waits, %v", hold, sum.calls, waits, sum.err)
				}
				collecting = false
			default:
			}
		}
	}
}
