package crowd

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"runtime"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/futex"
	"annulus/internal/mem"
	"annulus/ring"
)

// WorkerCommand is the hidden first argument that makes the binary a worker.
const WorkerCommand = "__crowd-worker"

const (
	ringFD = 3 + iota
	pageFD
)

// The page that parent and workers share: a word that says stop, then a counter
// for each worker, two cache lines apart.
const (
	line     = 128
	pageSize = (1 + 2*most) * line
)

func counterAt(worker int) uint64 { return uint64(1+worker) * line }

// job is a worker's second argument.
type job struct {
	Producer bool
	Number   int // among its kind
	Worker   int // among all
	Batch    int
	Wait     string
}

// Ring measures a ring of typed slots between processes: an MPMC ring, or, where l.Lanes
// says so, an MPSC ring of the one consumer.
func Ring(ctx context.Context, l Load) (Result, error) {
	// The workers are tied to this thread's life.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	c := ring.SlotsOf[Message](l.Slots)
	c.Topology, c.Members = ring.MPMC, max(2, l.Producers+l.Consumers)
	if l.Lanes {
		c.Topology, c.Members = ring.MPSC, max(2, l.Producers)
	}
	r, err := ring.CreateMemfd("crowd", c)
	if err != nil {
		return Result{}, err
	}
	defer r.Close()
	page, err := rig.NewShared(pageSize)
	if err != nil {
		return Result{}, err
	}
	defer page.Close()
	var procs []*exec.Cmd
	defer func() {
		for _, p := range procs {
			p.Process.Kill()
			p.Wait()
		}
	}()
	for i := range l.Producers + l.Consumers {
		j := job{Producer: i < l.Producers, Number: i, Worker: i, Batch: l.Batch, Wait: l.Wait}
		if !j.Producer {
			j.Number -= l.Producers
		}
		at := i
		if l.Producers > 1 || l.Consumers > 1 {
			at = j.Number
		}
		p, err := start(j, l.cpu(at), r.Region().File(), page.File)
		if err != nil {
			return Result{}, err
		}
		procs = append(procs, p)
	}
	sum := func(first, n int) (total uint64) {
		for i := first; i < first+n; i++ {
			total += mem.Load(page.Word(counterAt(i)))
		}
		return total
	}
	received := func() uint64 { return sum(l.Producers, l.Consumers) }
	// The warm-up starts once all are at work.
	for received() == 0 && ctx.Err() == nil {
		if err := sleep(ctx, 1e6); err != nil {
			return Result{}, err
		}
	}
	res, err := l.window(ctx, received)
	mem.Publish(page.Word(0), 1)
	errs := []error{err}
	for _, p := range procs {
		if err := p.Wait(); err != nil {
			errs = append(errs, fmt.Errorf("a worker failed: %w", err))
		}
	}
	procs = nil
	return res, errors.Join(append(errs, same(sum(0, l.Producers), received()))...)
}

func start(j job, cpus []int, files ...*os.File) (*exec.Cmd, error) {
	cmd, err := rig.Self(WorkerCommand, j)
	if err != nil {
		return nil, err
	}
	cmd.ExtraFiles = files
	if err := rig.StartPinned(cmd, cpus); err != nil {
		return nil, fmt.Errorf("start a worker: %w", err)
	}
	return cmd, nil
}

// WorkerMain plays one endpoint until the page says stop.
func WorkerMain(arg string) int {
	var j job
	err := json.Unmarshal([]byte(arg), &j)
	if err == nil {
		err = work(&j)
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "ringbench %s: %v\n", WorkerCommand, err)
		return 1
	}
	return 0
}

func work(j *job) error {
	page, err := rig.MapShared(os.NewFile(pageFD, "page"))
	if err != nil {
		return err
	}
	defer page.Close()
	s, err := futex.ParseStrategy(j.Wait)
	if err != nil {
		return err
	}
	r, err := ring.OpenFD(os.NewFile(ringFD, "ring"))
	if err != nil {
		return err
	}
	if j.Producer {
		p, err := ring.NewProducerOf[Message](r, ring.WithStrategy(s))
		if err != nil {
			return err
		}
		if err := produce(p, j.Number, j.Batch, page.Word(0), page.Word(counterAt(j.Worker))); err != nil {
			return err
		}
	} else {
		c, err := ring.NewConsumerOf[Message](r, ring.WithStrategy(s))
		if err != nil {
			return err
		}
		receive := consume
		if j.Batch > 0 {
			receive = consumeBatches
		}
		if err := receive(c, page.Word(counterAt(j.Worker))); err != nil {
			return err
		}
	}
	return r.Close()
}

func produce(p *ring.ProducerOf[Message], number, batch int, stop, count *uint64) error {
	ctx := context.Background()
	var ready [ahead]Message
	seq := uint64(0)
	for mem.Load(stop) == 0 {
		for i := range look {
			if i%ahead == 0 {
				prepare(&ready, number, seq)
			}
			if batch > 0 {
				if i%batch == 0 {
					n, err := p.SendBatch(ctx, ready[i%ahead:][:batch])
					if seq += uint64(n); err != nil {
						return err
					}
				}
				continue
			}
			err := p.TrySend(ready[i%ahead])
			if err == ring.ErrFull {
				err = p.Send(ctx, ready[i%ahead])
			}
			if err != nil {
				return err
			}
			seq++
		}
		mem.Publish(count, seq)
	}
	return p.Close()
}

func consume(c *ring.ConsumerOf[Message], count *uint64) error {
	ctx := context.Background()
	var o order
	n := uint64(0)
	for {
		m, err := c.TryRecv()
		if err == ring.ErrEmpty {
			m, err = c.Recv(ctx)
		}
		if err == io.EOF {
			mem.Publish(count, n)
			return c.Close()
		}
		if err != nil {
			return err
		}
		if err := o.check(m[0]); err != nil {
			return err
		}
		if n++; n%look == 0 {
			mem.Publish(count, n)
		}
	}
}

// consumeBatches is consume, many at a time.
func consumeBatches(c *ring.ConsumerOf[Message], count *uint64) error {
	var o order
	var got [Batch]Message
	total := uint64(0)
	for {
		n, err := c.RecvBatch(context.Background(), got[:])
		if err == io.EOF {
			mem.Publish(count, total)
			return c.Close()
		}
		if err != nil {
			return err
		}
		for i := range n {
			if err := o.check(got[i][0]); err != nil {
				return err
			}
		}
		total += uint64(n)
		mem.Publish(count, total)
	}
}
