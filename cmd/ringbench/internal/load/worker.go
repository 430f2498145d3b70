package load

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"syscall"
	"time"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/futex"
	"annulus/internal/mem"
	"annulus/ring"
)

// WorkerCommand is the hidden first argument that makes the binary a worker.
const WorkerCommand = "__load-worker"

// The files that a worker inherits.
const (
	controlFD = 3 + iota // a byte of orders; its end says that the parent is gone
	pageFD
	arrivalsFD
	ringFD // only where the ring has no name
)

// The orders on the control pipe.
const (
	orderStop  = 'S' // producers: send no more, and end
	orderLeave = 'L' // end in order, and leave the rest to a successor
)

// job is a worker's second argument.
type job struct {
	Group       *Group
	Place       int // among all of the run
	Incarnation int
	Seed        uint64
	Backing, At string // where the ring is
	AfterKill   bool   // a predecessor was killed: what it had in its hands comes again
}

// worker is one process at work.
type worker struct {
	job
	*page
	ring *ring.Ring
	rng  *rand.Rand
	ctx  context.Context // ends when waiting must

	leave atomic.Bool
}

// WorkerMain plays one process of a group until it is killed or told to end.
func WorkerMain(arg string) int {
	signal.Ignore(syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	runtime.LockOSThread() // its naps are as exact as this thread was told to be
	p, err := openPage(os.NewFile(pageFD, "page"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "ringbench: %s is started by ringbench itself: %v\n", WorkerCommand, err)
		return 2
	}
	if err := play(arg, p.page); err != nil {
		p.fail(err)
		return 1
	}
	mem.Publish(&p.State, stateEnded)
	return 0
}

func play(arg string, p *page) (err error) {
	w := &worker{page: p}
	if err := json.Unmarshal([]byte(arg), &w.job); err != nil {
		return err
	}
	w.rng = rand.New(rand.NewPCG(w.Seed, uint64(w.Place)<<32|uint64(w.Incarnation)))
	s, err := futex.ParseStrategy(w.Group.Wait)
	if err != nil {
		return err
	}
	if w.ring, err = w.open(); err != nil {
		return err
	}
	defer func() {
		if cerr := w.ring.Close(); err == nil {
			err = cerr
		}
	}()
	var cancel context.CancelFunc
	w.ctx, cancel = context.WithCancel(context.Background())
	defer cancel()
	go w.obey(os.NewFile(controlFD, "control"), cancel)
	if w.Group.Producer {
		return w.produce(ring.WithStrategy(s))
	}
	return w.consume(ring.WithStrategy(s))
}

func (w *worker) open() (*ring.Ring, error) {
	switch w.Backing {
	case "shm":
		return ring.Open(w.At)
	case "file":
		return ring.OpenFile(w.At)
	}
	return ring.OpenFD(os.NewFile(ringFD, "ring"))
}

// obey takes orders until the parent is gone.
func (w *worker) obey(control io.Reader, cancel func()) {
	var order [1]byte
	for {
		if _, err := io.ReadFull(control, order[:]); err != nil {
			os.Exit(1)
		}
		switch order[0] {
		case orderLeave:
			w.leave.Store(true)
			cancel()
		case orderStop:
			cancel()
		}
	}
}

// begin says that the process is attached, and waits until the load begins.
func (w *worker) begin() (start int64) {
	mem.Publish(&w.State, stateWorking)
	for {
		if t := mem.Load(&w.Start); t != 0 || w.ctx.Err() != nil {
			return int64(t)
		}
		time.Sleep(100 * time.Microsecond)
	}
}

// spent tells whether the process has worked for as many messages as it was to. A process
// that is to be killed then does not return.
func (w *worker) spent(n uint64) bool {
	c := w.Group.Churn
	if c == nil || c.Messages == 0 || n < c.Messages {
		return false
	}
	if c.Kill {
		syscall.Kill(os.Getpid(), syscall.SIGKILL)
		select {}
	}
	return true
}

// busy spends processor time.
func busy(d time.Duration) {
	for end := rig.Now() + int64(d); rig.Now() < end; {
	}
}
