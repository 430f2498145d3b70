package stress

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"time"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/futex"
	"annulus/ring"
)

// WorkerCommand is the hidden first argument that makes the binary a worker.
const WorkerCommand = "__stress-worker"

// The files a worker inherits.
const (
	ringFD = 3 + iota
	ledgerFD
)

// job is the worker's second argument.
type job struct {
	Producer    bool
	Place       int
	Incarnation int
	Seed        uint64
	Wait        string
	Size        int
	Tag         bool // see Traits

	Part string // in hostile company; else ""
}

// plain is the job for the worker in C.
func (j *job) plain() []string {
	role, tag := "consumer", 0
	if j.Producer {
		role = "producer"
	}
	if j.Tag {
		tag = j.Place + 1
	}
	return []string{role, fmt.Sprint(j.Place), fmt.Sprint(j.Incarnation), fmt.Sprint(j.Seed), j.Wait, fmt.Sprint(j.Size), fmt.Sprint(tag)}
}

// WorkerMain plays one endpoint until it is killed or asked to end.
func WorkerMain(arg string) int {
	l, err := openLedger(os.NewFile(ledgerFD, "ledger"))
	if err != nil {
		fmt.Fprintf(os.Stderr, "ringbench: %s is started by ringbench itself: %v\n", WorkerCommand, err)
		return 2
	}
	if err := work(arg, l); err != nil {
		l.fail(err)
		return 1
	}
	l.set(wordState, stateEnded)
	return 0
}

func work(arg string, l *ledger) error {
	var j job
	if err := json.Unmarshal([]byte(arg), &j); err != nil {
		return err
	}
	switch j.Part {
	case partAttacker:
		return attack(j.Seed, l)
	case partVictim:
		return suffer(j.Seed, l)
	}
	s, err := futex.ParseStrategy(j.Wait)
	if err != nil {
		return err
	}
	r, err := ring.OpenFD(os.NewFile(ringFD, "ring"))
	if err != nil {
		return err
	}
	rng := rand.New(rand.NewPCG(j.Seed, uint64(j.Place)<<32|uint64(j.Incarnation)))
	if j.Producer {
		var p *ring.Producer
		o := []ring.EndpointOption{ring.WithStrategy(s)}
		if j.Tag {
			o = append(o, ring.WithTag(uint64(j.Place)+1))
		}
		if err := rig.WhileAttached(func() (err error) { p, err = r.Producer(o...); return err }); err != nil {
			return err
		}
		l.set(wordCommitted, p.Committed())
		if err := produce(&j, p, l, rng); err != nil {
			return err
		}
	} else {
		var c *ring.Consumer
		o := []ring.EndpointOption{ring.WithStrategy(s)}
		if r.Config().Topology == ring.Broadcast { // one that comes after the end shall see it too
			o = append(o, ring.WithBacklog())
		}
		if err := rig.WhileAttached(func() (err error) { c, err = r.Consumer(o...); return err }); err != nil {
			return err
		}
		if err := consume(&j, c, l, rng); err != nil {
			return err
		}
	}
	return r.Close()
}

// produce sends numbered messages in all the ways there are.
func produce(j *job, p *ring.Producer, l *ledger, rng *rand.Rand) error {
	ctx := context.Background()
	l.set(wordState, stateWorking)
	batch := make([][]byte, 8)
	for seq := uint64(0); l.get(wordStop) == 0 && seq < maxSeq; {
		first := makeID(j.Place, j.Incarnation, seq)
		n := uint64(1)
		var err error
		switch rng.IntN(8) {
		case 0: // a batch
			n = uint64(2 + rng.IntN(len(batch)-1))
			for i := range n {
				m := first + id(i)
				batch[i] = make([]byte, m.size(j.Size))
				m.encode(batch[i])
			}
			l.set(wordIntent, seq+n)
			_, err = p.SendBatch(ctx, batch[:n])
		case 1, 2: // in place, after a change of mind at times
			if rng.IntN(4) == 0 {
				if _, err = p.Reserve(ctx, j.Size); err != nil {
					return err
				}
				p.Abort()
			}
			var b []byte
			if b, err = p.Reserve(ctx, j.Size); err == nil {
				b = b[:first.size(j.Size)]
				first.encode(b)
				l.set(wordIntent, seq+1)
				err = p.Commit(len(b))
			}
		default:
			b := make([]byte, first.size(j.Size))
			first.encode(b)
			l.set(wordIntent, seq+1)
			err = p.Send(ctx, b)
		}
		if err != nil {
			return err
		}
		seq += n
		l.set(wordDone, seq)
	}
	return p.Close()
}

// consume takes messages, logs them, and only then releases them.
func consume(j *job, c *ring.Consumer, l *ledger, rng *rand.Rand) error {
	ctx := context.Background()
	l.set(wordState, stateWorking)
	wait := func() { time.Sleep(20 * time.Microsecond) }
	views := make([][]byte, 6)
	for {
		n := 1
		var err error
		if rng.IntN(4) == 0 {
			n, err = c.TryPeekBatch(views)
		} else {
			err = ring.ErrEmpty
		}
		if err == ring.ErrEmpty {
			n = 1
			views[0], err = c.Peek(ctx)
		}
		if err == io.EOF {
			return c.Close()
		}
		var over *ring.OverrunError
		if errors.As(err, &over) {
			l.log(flagLost|over.Lost, wait)
			continue
		}
		if err != nil {
			return err
		}
		flag := uint64(0)
		if c.Redelivered() > 0 {
			flag = flagRedelivered
		}
		for _, b := range views[:n] {
			m, whole := decode(b)
			if !whole {
				l.set(wordTorn, l.get(wordTorn)+1)
				continue
			}
			l.log(uint64(m)|flag, wait)
		}
		if err := c.Release(); err != nil {
			return err
		}
	}
}
