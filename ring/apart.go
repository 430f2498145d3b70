package ring

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"sync"
	"sync/atomic"

	"annulus/futex"
	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/shm"
)

// apart is what a ring has more where its sides lie in two memories, each written by one
// process, which need not trust the other. The algorithms are those of every SPSC ring;
// here is what else they rely on between peers that trust each other: locks in the
// file, words of the other side that are written (an old close, the word one sleeps
// on), and that an endpoint which found nonsense may be followed by another.
type apart struct {
	mine Role
	far  *shm.Region // the peer's memory, read-only
	cred Cred
	stop func() error // ends the watch over the socket

	gone atomic.Bool // the peer's end of the socket is closed

	mu       sync.Mutex
	taken    bool  // an endpoint has this process's end
	violated error // what the peer wrote; nothing more is done with it
}

// newApart makes a ring of two memories whose headers say g and h, which were found good.
func newApart(own, far *shm.Region, g layout.Geometry, h layout.Header, mine Role, c Cred, o options) (*Ring, error) {
	r := &Ring{region: own, geometry: g, header: h, options: o, endpoints: make(map[*endpoint]func() error)}
	r.apart = &apart{mine: mine, far: far, cred: c}
	p, q := own.Bytes(), far.Bytes()
	if mine == AsConsumer {
		p, q = q, p
	}
	return r, r.lay(p, q)
}

// left tells whether the peer is gone, and with it all hope.
func (a *apart) left() bool { return a != nil && a.gone.Load() }

// desert is called, once, when the peer's end of the socket is closed: who waits, waits
// no more, and a producer's next send looks closer.
func (r *Ring) desert() {
	r.apart.gone.Store(true) // before the look at who is here: see remember
	r.mu.Lock()
	here := slices.Collect(maps.Keys(r.endpoints))
	r.mu.Unlock()
	for _, e := range here {
		atomic.StoreUint64(&e.quiet, 0)
		e.interrupt()
	}
}

// isPast tells whether the consumer's flag that sends must fail was there before this producer.
func (e *endpoint) isPast() bool {
	return e.past != 0 && e.past == 1+uint64(atomic.LoadUint32(&e.peer.endpoint.Session))
}

// deserted is the error of a call that only the peer could have helped.
func (e *endpoint) deserted() error {
	return fmt.Errorf("ring %s: %w: the %s, %v, has closed its socket or is dead", e.ring.name(), ErrRemoved, e.peer.role, e.ring.apart.cred)
}

// assign gives this process's end to one endpoint at a time.
func (a *apart) assign(r *Ring, s side) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	switch {
	case s.number != uint32(a.mine):
		return fmt.Errorf("ring %s: %w: this process has the %v's end, its peer that of the %s", r.name(), os.ErrPermission, a.mine, s.role)
	case a.violated != nil:
		return a.violated
	case a.taken:
		return fmt.Errorf("ring %s: %w: a %s is attached, in this process", r.name(), ErrAttached, s.role)
	}
	a.taken = true
	return nil
}

func (a *apart) vacate() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.taken = false
}

// violate remembers what the peer did, for all endpoints to come.
func (a *apart) violate(err error) {
	if a == nil || !errors.Is(err, ErrCorrupt) {
		return
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.violated == nil {
		a.violated = err
	}
}

// attached tells whether a side has an endpoint, as far as that can be told: of the
// peer's, what it says itself.
func (a *apart) attached(s side) bool {
	if s.number == uint32(a.mine) {
		a.mu.Lock()
		defer a.mu.Unlock()
		return a.taken
	}
	return !a.gone.Load() && atomic.LoadUint32(&s.endpoint.State) != 0
}

// part makes a gate one of two memories: this process writes Seq, or can only read it.
func (a *apart) part(g *futex.Gate, waker side) {
	switch {
	case a == nil:
	case waker.number == uint32(a.mine):
		g.Lone = true
	default:
		g.Foreign, g.Wakes = new(futex.Foreign), nil
	}
}

// hold keeps the memory of the ring mapped until drop.
func (r *Ring) hold() error {
	if err := r.region.Hold(); err != nil {
		return err
	}
	if r.apart == nil {
		return nil
	}
	err := r.apart.far.Hold()
	if err != nil {
		r.region.Drop()
	}
	return err
}

func (r *Ring) drop() {
	if r.apart != nil {
		r.apart.far.Drop()
	}
	r.region.Drop()
}

// closeMemory lets go of the memory, and of the peer.
func (r *Ring) closeMemory() error {
	err := r.region.Close()
	if r.apart != nil {
		err = errors.Join(err, r.apart.far.Close(), r.apart.stop())
	}
	return err
}

// untrue refuses a consumer's position that lies beyond what its producer, alone to write
// there, has committed, or is none.
func (p *Producer) untrue(tail uint64) error {
	switch {
	case p.ring.apart != nil && int64(tail-p.head) < 0:
		return p.corrupt("head %d lies beyond tail %d", p.head, tail)
	case !p.slots && p.head%layout.WordSize != 0:
		return p.corrupt("head %d is not a multiple of %d", p.head, layout.WordSize)
	}
	return nil
}

// overpeeked refuses to hand out what is peeked already, which only a header that was
// changed meanwhile can lead to.
func (c *Consumer) overpeeked() error {
	if c.form > formSlots || c.pos-mem.Load(&c.cursor.Position) <= c.size {
		return nil
	}
	return c.corrupt("position %d is more than the capacity ahead of what is released", c.pos)
}
