package load

import (
	"errors"
	"io"
	"os"
	"time"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/internal/mem"
	"annulus/ring"
)

// receiver is a consumer at work.
type receiver struct {
	*worker
	c     *ring.Consumer
	check checker
	woken uint64
	own   uint64 // messages that this process has received
}

func (w *worker) consume(o ...ring.EndpointOption) error {
	r := &receiver{worker: w}
	table, err := openArrivals(os.NewFile(arrivalsFD, "arrivals"), w.ring.Config())
	if err != nil {
		return err
	}
	r.check = checker{page: w.page, arrivals: table, cast: w.ring.Config().Topology == ring.Broadcast, again: w.AfterKill,
		last: map[int]uint64{}, fresh: map[int]bool{}}
	err = rig.WhileAttached(func() (err error) { r.c, err = w.ring.Consumer(o...); return err })
	if err != nil {
		return err
	}
	r.woken = r.c.Wakes()
	mem.Publish(&w.Seen, 0)
	w.begin()
	if err := r.loop(); err != nil {
		return err
	}
	return r.c.Close()
}

func (r *receiver) loop() error {
	views := make([][]byte, r.Group.Batch)
	for !r.leave.Load() && !r.spent(r.own) {
		n, err := r.take(views)
		var over *ring.OverrunError
		switch {
		case err == nil:
		case r.leave.Load():
			return nil
		case err == io.EOF && mem.Load(&r.Drain) != 0:
			mem.Publish(&r.Credit, r.check.credit)
			mem.Publish(&r.AtEnd, 1)
			return nil
		case err == io.EOF: // another producer may come
			time.Sleep(200 * time.Microsecond)
			continue
		case errors.As(err, &over):
			add(&r.Overrun, over.Lost)
			r.check.credit += over.Lost
			continue
		default:
			return err
		}
		for _, b := range views[:n] {
			r.receive(b)
		}
		if err := r.c.Release(); err != nil {
			return err
		}
		if w := r.c.Wakes(); w != r.woken {
			add(&r.Wakes, w-r.woken)
			r.woken = w
		}
	}
	return nil
}

// take waits for messages, in place.
func (r *receiver) take(views [][]byte) (n int, err error) {
	if len(views) > 1 {
		if n, err = r.c.TryPeekBatch(views); err != ring.ErrEmpty {
			return n, err
		}
	}
	views[0], err = r.c.Peek(r.ctx)
	return 1, err
}

// receive checks one message, counts it, and does the work that it brings.
func (r *receiver) receive(b []byte) {
	now := rig.Now()
	h, whole := unseal(b)
	if !whole {
		add(&r.Torn, 1)
	} else if r.check.message(h, r.c.Redelivered() > 0) {
		r.Times.record(h.delay(now))
		r.own++
		add(&r.Count, 1)
		add(&r.Octets, uint64(len(b)))
	}
	if mem.Load(&r.Drain) != 0 {
		return // nothing is measured, and it shall end
	}
	if r.Group.Busy > 0 {
		busy(r.Group.Busy)
	}
	if r.Group.Sleep > 0 {
		rig.Nap(r.Group.Sleep)
	}
}

// checker says what is wrong with the order of messages. It belongs to one process.
type checker struct {
	*page
	*arrivals
	cast   bool
	again  bool           // one before was killed
	credit uint64         // broadcast: messages that the ring has said are lost
	last   map[int]uint64 // MPMC: by place: the number behind the last message
	fresh  map[int]bool   // of this place there was one that had not come before
}

// message is false if it has come before.
func (k *checker) message(h head, redelivered bool) bool {
	switch {
	case k.cast:
		return k.everything(h)
	case k.window > 0:
		return k.shared(h, redelivered)
	}
	next := k.next(h.place)
	switch {
	case h.seq < *next && k.again && !k.fresh[h.place]:
		add(&k.Again, 1)
		return false
	case h.seq < *next:
		add(&k.Doubled, 1)
		return false
	case h.seq > *next:
		k.miss(h.place, *next, h.seq-*next, 0)
	}
	if k.again {
		k.fresh[h.place] = true
	}
	mem.Publish(next, h.seq+1)
	return true
}

// shared is message of an MPMC ring.
func (k *checker) shared(h head, redelivered bool) bool {
	first := k.mark(h.place, h.seq, func(seq uint64) { k.miss(h.place, seq, 1, 0) })
	switch {
	case redelivered:
		add(&k.Again, 1)
		return first
	case !first:
		add(&k.Doubled, 1)
		return false
	case h.seq < k.last[h.place]:
		add(&k.Disorder, 1)
	}
	k.last[h.place] = max(k.last[h.place], h.seq+1)
	return true
}

// everything is message of a broadcast ring, where each process receives everything from
// when it came.
func (k *checker) everything(h head) bool {
	switch {
	case k.Seen != 0 && h.seq < k.Seen:
		add(&k.Doubled, 1)
		return false
	case k.Seen != 0 && h.seq > k.Seen:
		k.miss(h.place, k.Seen, h.seq-k.Seen, k.credit)
	}
	k.credit = 0
	mem.Publish(&k.Seen, h.seq+1)
	return true
}
