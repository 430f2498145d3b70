package ring

import (
	"sync/atomic"
	"time"

	"annulus/internal/layout"
	"annulus/internal/mem"
	"annulus/internal/proc"
)

// Stats is what the words of a ring say at one moment. They are read one by one
// while both sides run, so sums may be off by what happened in between.
type Stats struct {
	// Of an MPSC ring these are sums over its lanes; where places are claimed, Tail lies behind the last claim.
	Tail     uint64 // position behind the last committed record: bytes, slots or granules of 64 bytes since the start
	Head     uint64 // position up to which everything was released
	Occupied uint64 // bytes (kind Bytes) or slots committed and not released
	Capacity uint64

	Producer SideStats
	Consumer SideStats

	// Dropped counts, in a broadcast ring with OverrunDrop, what was dropped for want of room.
	Dropped uint64

	// Members are endpoints attached, and dead ones whose place nobody took yet. MPMC,
	// MPSCOrdered: all; MPSC: producers, and lanes that hold messages whoever sent them; broadcast:
	// consumers, of whom with OverrunOverwrite there may be others that cannot be seen.
	Members []MemberStats
}

// SideStats is one side's part.
type SideStats struct {
	Attached bool      // the kernel says that it is: its lock is held
	Stopped  bool      // attached, and stopped by a signal or a debugger as far as that can be told from here
	PID      int       // of the last holder, in its own PID namespace
	Since    time.Time // when that holder attached
	Sessions uint32    // attachments so far
	Closed   bool      // the last session was closed in order
	Finished bool      // consumers: sends fail, by Close or Finish, until another comes

	Messages uint64 // committed or released
	Bytes    uint64 // payload bytes of these

	Wakes  uint64 // system calls made to wake the other side
	Parks  uint64 // sleeps begun
	Asleep bool   // announced a sleep and was not woken since

	Repaired uint64 // claims that died with their owner: skipped (producers; MPSCOrdered: granules of them), dropped (MPMC, consumers); broadcast: dead consumers no longer waited for
	Handed   uint64 // MPMC, consumers: messages taken over from dead ones
}

// Stats reads the ring's words. It works on a read-only handle and disturbs
// nobody. Any goroutine.
func (r *Ring) Stats() (Stats, error) {
	if err := r.hold(); err != nil {
		return Stats{}, err
	}
	defer r.drop()
	s := Stats{
		Head:     mem.Load(&r.consumer.cursor.Position),
		Capacity: r.geometry.Capacity,
	}
	switch {
	case r.lanes != nil:
		return r.statsLanes(s)
	case r.table:
		return r.statsShared(s)
	}
	// Before what lies in the ring: a message that is received meanwhile counts once at the most.
	received, bytes := mem.Load(&r.consumer.cursor.Messages), mem.Load(&r.consumer.cursor.Bytes)
	t := r.survey(r.whole(), mem.Load(&r.consumer.cursor.Position))
	s.Head, s.Tail = t.start, t.end
	s.Occupied = t.end - t.start
	var err error
	if s.Producer, err = r.sideStats(r.producer, r.consumer); err != nil {
		return s, err
	}
	if s.Consumer, err = r.sideStats(r.consumer, r.producer); err != nil {
		return s, err
	}
	// Every message was received or lies in the ring.
	s.Consumer.Messages, s.Consumer.Bytes = received, bytes
	s.Producer.Messages, s.Producer.Bytes = received+t.messages, bytes+t.bytes
	return s, r.region.Check()
}

func (r *Ring) sideStats(s, other side) (SideStats, error) {
	e := s.endpoint
	out := SideStats{
		PID:      int(mem.Load(&e.PID)),
		Sessions: atomic.LoadUint32(&e.Session),
		Messages: mem.Load(&s.cursor.Messages),
		Bytes:    mem.Load(&s.cursor.Bytes),
		Wakes:    mem.Load(&s.seq.Wakes),
		Parks:    mem.Load(&s.arm.Parks),
		Asleep:   uint32(mem.Load(&s.arm.Arm)) == atomic.LoadUint32(&other.seq.Seq),
		Repaired: mem.Load(&e.Repaired),
		Handed:   mem.Load(&e.Handed),
	}
	if ns := mem.Load(&e.Attached); ns != 0 {
		out.Since = time.Unix(0, int64(ns))
	}
	out.Closed = s.closedInOrder()
	out.Finished = mem.Load(&s.arm.Arm)&layout.ArmClosed != 0
	var err error
	if r.apart != nil {
		out.Attached = r.apart.attached(s)
		if s.number != uint32(r.apart.mine) {
			out.PID = r.apart.cred.PID
		}
		return out, nil
	}
	if out.Attached, err = r.region.Locked(s.lock); out.Attached && !s.many {
		out.Stopped = proc.Stopped(out.PID, mem.Load(&e.StartTime))
	}
	return out, err
}

// closedInOrder tells whether the side's last session was.
func (s side) closedInOrder() bool {
	closed := atomic.LoadUint32(&s.endpoint.Closed) // first: the session only grows
	return closed != 0 && closed == atomic.LoadUint32(&s.endpoint.Session)
}
