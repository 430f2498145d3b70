package ring

import (
	"sync/atomic"

	"annulus/internal/killpoint"
	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/internal/race"
)

// castWriter is what the producer of a broadcast ring has beyond the others. Positions
// but for the counts.
type castWriter struct {
	raised  uint64 // intent
	last    uint64 // of the last published record
	ahead   uint64 // bytes by which intent is raised beyond what is needed
	number  uint64 // messages published
	bytes   uint64 // payload bytes of these
	waits   bool   // for consumers
	drops   bool   // rather than wait
	dropped atomic.Uint64

	at       uint64 // of the open reservation's record
	end      uint64 // of the last staged record
	dropping bool   // the open reservation comes to nothing
	scratch  []byte // what is reserved lies here, if not in the ring
}

// maxAhead bounds how far intent is raised beyond what is needed: a consumer that slow
// is overrun so much earlier.
const maxAhead = 8 << 10

// takeOverCast goes on behind what is committed. A record that a predecessor was
// writing is lost.
func (p *Producer) takeOverCast() error {
	w, cur := &p.cast, p.cursor
	pos, number, err := p.ring.castPlace(castBehind)
	if err != nil {
		return p.fail(err)
	}
	tail, last := mem.Load(&cur.Position), mem.Load(&cur.Latest)
	w.raised = mem.Load(&p.mine.endpoint.Intent)
	// A latest that was not committed says nothing of what may be overwritten.
	if w.last = last; int64(last-tail) > 0 {
		w.last = tail
	}
	if pos != tail || w.raised-tail > p.size || tail-w.last > p.size || (w.raised|w.last)%layout.WordSize != 0 {
		return p.corrupt("tail is %d, latest %d, intent %d, but the last record ends at %d", tail, last, w.raised, pos)
	}
	w.number, w.bytes = number, mem.Load(&cur.Bytes)
	w.dropped.Store(mem.Load(&cur.Dropped))
	w.ahead = min(p.size/8, maxAhead)
	w.waits = p.ring.config.Overrun != OverrunOverwrite
	w.drops = p.ring.config.Overrun == OverrunDrop
	mem.Publish(&cur.Messages, number)
	p.settle(tail)
	return nil
}

// trySendCast is TrySend, entered, for broadcast rings.
func (p *Producer) trySendCast(msg []byte) error {
	w, n, at := &p.cast, uint64(len(msg)), p.pos
	// open first: after Close nothing else here is this goroutine's.
	if !p.open() || p.staged > 0 || p.reserved || int64(w.raised-(at+record(n))) < 0 || n > p.max || record(n) > p.size-at&p.mask {
		var err error
		if at, err = p.readyCast(n); err != nil {
			p.exit()
			return p.orDrop(err)
		}
	}
	i := at & p.mask
	mem.Prepare(p.data.Word(i), w.number<<layout.CastNumberShift|n)
	if killpoint.Enabled {
		mem.WriteTornBytes(p.data, i+layout.WordSize, msg[:n/2&^7])
		killpoint.Here("half")
	}
	mem.WriteTornBytes(p.data, i+layout.WordSize, msg)
	killpoint.Here("filled")
	p.advance(at, at+record(n), 1, n)
	if mem.Load(p.arm) != mem.Load(&p.quiet) {
		return p.sent()
	}
	p.exit()
	return nil
}

// advance publishes records up to end, the last of which is at last. The order of the
// stores is that in which castPlace loads.
func (p *Producer) advance(last, end, messages, bytes uint64) {
	w, cur := &p.cast, p.cursor
	w.number += messages
	w.bytes += bytes
	mem.Publish(&cur.Latest, last) // [B2] pairs with the loads in castPlace
	killpoint.Here("latest")
	mem.Publish(&cur.Position, end) // [B2] pairs with the loads in arrived and castPlace
	killpoint.Here("committed")
	mem.Publish(&cur.Messages, w.number)
	mem.Publish(&cur.Bytes, w.bytes)
	w.last = last
	p.pos = end
}

// readyCast looks closer before a send of n bytes and finds room: where the record goes.
func (p *Producer) readyCast(n uint64) (at uint64, err error) {
	if err := p.ready(); err != nil {
		return 0, err
	}
	if at, err = p.roomFor(n); err == nil {
		p.padTo(at)
	}
	return at, err
}

// orDrop is the end of a send that got err: a message for which there is no room is
// dropped where consumers are not waited for.
//
//go:noinline
func (p *Producer) orDrop(err error) error {
	if err == ErrFull && p.cast.drops {
		p.drop()
		return nil
	}
	return err
}

func (p *Producer) drop() { mem.Publish(&p.cursor.Dropped, p.cast.dropped.Add(1)) }

// roomFor finds room for a record of n bytes, at pos or behind padding: its position.
func (p *Producer) roomFor(n uint64) (at uint64, err error) {
	if n > p.max {
		return 0, p.tooLarge(n)
	}
	at = p.pos
	if left := p.size - at&p.mask; record(n) > left {
		at += left
	}
	if end := at + record(n); int64(p.cast.raised-end) < 0 {
		return at, p.raise(end)
	}
	return at, nil
}

// raise raises intent to end, or further, if that is at most a ring ahead of what must
// stay. What lies up to intent may be filled in place: behind the full fence not
// even stores that go around the caches are seen before it.
func (p *Producer) raise(end uint64) error {
	w := &p.cast
	keep := w.last
	var slow *layout.Member
	if w.waits {
		var err error
		if keep, slow, err = p.slowest(end); err != nil {
			return p.fail(err)
		}
	}
	limit := keep + p.size
	if int64(limit-end) < 0 {
		p.watch(slow, keep)
		return ErrFull
	}
	if !w.waits && int64(limit-(end+w.ahead)) > 0 {
		limit = end + w.ahead
	}
	if int64(limit-w.raised) > 0 {
		w.raised = limit
		atomic.SwapUint64(&p.mine.endpoint.Intent, limit)
		mem.Announce(&p.mine.endpoint.Intent, limit) // [B1] pairs with the loads in take and castPlace
		killpoint.Here("raised")
	}
	return nil
}

// padTo fills the ring up to at, where it wraps, if that is not pos.
func (p *Producer) padTo(at uint64) {
	if n := at - p.pos; n > 0 {
		number := p.cast.number + uint64(p.staged)
		mem.Prepare(p.data.Word(p.pos&p.mask), number<<layout.CastNumberShift|layout.CastPad|(n-layout.WordSize))
		killpoint.Here("wrapped")
	}
}

// reserveCast is reserve for broadcast rings.
func (p *Producer) reserveCast(n uint64) ([]byte, error) {
	w := &p.cast
	at, err := p.roomFor(n)
	if err == ErrFull && w.drops && p.staged > 0 {
		if err = p.publish(); err == nil {
			at, err = p.roomFor(n)
		}
	}
	if w.dropping = err == ErrFull && w.drops; w.dropping {
		err = nil
	}
	if err != nil {
		return nil, err
	}
	w.at, p.room = at, n
	if w.dropping || race.Enabled {
		if uint64(cap(w.scratch)) < n {
			w.scratch = make([]byte, n)
		}
		return w.scratch[:n:n], nil
	}
	return p.data.Bytes(at&p.mask+layout.WordSize, n), nil
}

// stageCast closes the open reservation with its first n bytes.
func (p *Producer) stageCast(n uint64) {
	w := &p.cast
	if w.dropping {
		p.drop()
		return
	}
	p.padTo(w.at)
	i := w.at & p.mask
	mem.Prepare(p.data.Word(i), (w.number+uint64(p.staged))<<layout.CastNumberShift|n)
	if race.Enabled {
		mem.WriteTornBytes(p.data, i+layout.WordSize, w.scratch[:n])
	}
	if p.staged == 0 {
		p.batch = p.pos
	}
	p.staged++
	p.stagedBytes += n
	w.end = w.at
	p.pos = w.at + record(n)
}

// publishCast publishes what is staged.
func (p *Producer) publishCast() {
	killpoint.Here("filled")
	p.advance(p.cast.end, p.pos, uint64(p.staged), p.stagedBytes)
	p.staged, p.stagedBytes = 0, 0
}

// Dropped returns how many messages the producers of a broadcast ring with
// OverrunDrop have dropped so far, this one and those before it; 0 in other rings. Any
// goroutine, also after Close.
func (p *Producer) Dropped() uint64 { return p.cast.dropped.Load() }
