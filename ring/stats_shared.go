package ring

import (
	"sync/atomic"
	"time"

	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/internal/proc"
)

// MemberStats is one place in the endpoint table of a ring of many.
type MemberStats struct {
	Index    int
	Producer bool      // else a consumer
	Attached bool      // its lock is held: it lives, running or stopped; else it died
	Stopped  bool      // by a signal or a debugger, as far as that can be told from here
	Leaving  bool      // closing, or wants no more
	Left     bool      // has closed, and what it sent is still in its lane
	PID      int       // in its own PID namespace
	Tag      uint64    // see WithTag
	Since    time.Time // when it attached

	Claim  uint64 // first position of its latest claim
	Claims int    // positions of it that are not settled: at work on them, or in its hands

	Occupied uint64 // MPSC: bytes or slots of its lane that are committed and not released

	Messages uint64 // committed or released in this place, by its holders before too
	Bytes    uint64
	Position uint64 // of a broadcast ring's consumer: all before it is released
	Lag      uint64 // bytes from there to tail
	Lost     uint64 // messages it has lost to overruns

	Wakes uint64 // system calls made to wake others
	Parks uint64 // sleeps begun
}

// statsShared fills in what differs where there is an endpoint table.
func (r *Ring) statsShared(s Stats) (Stats, error) {
	s.Tail = mem.Load(&r.producer.cursor.Position)
	var err error
	if s.Producer, err = r.sideStats(r.producer, r.consumer); err != nil {
		return s, err
	}
	if s.Consumer, err = r.sideStats(r.consumer, r.producer); err != nil {
		return s, err
	}
	s.Producer.Attached, s.Consumer.Attached = s.Producer.Attached && !r.producer.many, false
	if r.form == formCast {
		s.Head, s.Dropped = s.Tail, mem.Load(&r.producer.cursor.Dropped)
	}
	for i, m := range r.members {
		p := &s.Producer
		if atomic.LoadUint32(&m.holder.Role) == layout.RoleConsumer {
			p = &s.Consumer
		}
		s.Producer.Messages += mem.Load(&m.line.Sent)
		s.Producer.Bytes += mem.Load(&m.line.SentBytes)
		s.Consumer.Messages += mem.Load(&m.line.Received)
		s.Consumer.Bytes += mem.Load(&m.line.ReceivedBytes)
		p.Wakes += mem.Load(&m.holder.Wakes)
		p.Parks += mem.Load(&m.holder.Parks)
		if atomic.LoadUint32(&m.holder.State) == 0 || r.form == formCast && m.buried() {
			continue
		}
		ms, err := r.memberStats(i, m)
		if err != nil {
			return s, err
		}
		s.Members = append(s.Members, ms)
		p.add(ms)
		if r.form == formCast && ms.Attached && int64(s.Head-ms.Position) > 0 {
			s.Head = ms.Position // the slowest
		}
	}
	s.Occupied = min(s.Tail-s.Head, r.tickets())
	if r.form == formOrdered {
		s.Occupied <<= layout.GranuleShift
	}
	return s, r.region.Check()
}

func (r *Ring) memberStats(i int, m member) (MemberStats, error) {
	h := m.holder
	role := atomic.LoadUint32(&h.Role)
	out := MemberStats{
		Index: i, Producer: role == layout.RoleProducer,
		Leaving: atomic.LoadUint32(&h.State) == layout.StateLeaving, Left: atomic.LoadUint32(&h.State) == 0,
		PID: int(mem.Load(&h.PID)), Since: time.Unix(0, int64(mem.Load(&h.Attached))),
		Messages: mem.Load(&m.line.Received), Bytes: mem.Load(&m.line.ReceivedBytes),
		Wakes: mem.Load(&h.Wakes), Parks: mem.Load(&h.Parks), Tag: mem.Load(&h.Tag),
	}
	if out.Producer {
		out.Messages, out.Bytes = mem.Load(&m.line.Sent), mem.Load(&m.line.SentBytes)
	}
	if r.form == formCast {
		tail := mem.Load(&r.producer.cursor.Position)
		out.Position, out.Lost = mem.Load(&m.line.Drawn), mem.Load(&m.line.Skipped)
		if lag := tail - out.Position; int64(lag) > 0 {
			out.Lag = lag
		}
	}
	in := mem.Load(&m.line.Intent)
	if r.intents.count(in) > 0 {
		out.Claim, out.Claims = r.claims(role, in)
	}
	var err error
	if out.Attached, err = r.region.Locked(m.lock); out.Attached {
		out.Stopped = proc.Stopped(out.PID, mem.Load(&h.StartTime))
	}
	return out, err
}

// claims counts those of the tickets of an intent that their owner, whoever it is, has
// not settled yet, and returns the first of the intent.
func (r *Ring) claims(role uint32, in uint64) (first uint64, count int) {
	counter := mem.Load(&r.producer.cursor.Position)
	if role == layout.RoleConsumer {
		counter = mem.Load(&r.consumer.cursor.Position)
	}
	first = r.intents.near(in, counter)
	for t, end := first, first+min(r.intents.count(in), r.tickets()); int64(end-t) > 0; {
		w := r.word(t)
		if r.unsettled(role, w, t, counter) {
			count++
			t++
			continue
		}
		t += r.settledFrom(t, w)
	}
	return first, count
}

// settledFrom returns how many tickets from t on, whose word is w, are settled
// together: a record's granules have one word.
func (r *Ring) settledFrom(t, w uint64) uint64 {
	if r.form != formOrdered {
		return 1
	}
	if behind := mem.Load(&r.consumer.cursor.Position) - t; int64(behind) > 0 {
		return behind
	}
	return max(r.extent(t, w), 1)
}
