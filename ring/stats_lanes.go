package ring

import (
	"sync/atomic"

	"annulus/internal/mem"
)

// statsLanes fills in what differs in an MPSC ring: sums over its lanes.
func (r *Ring) statsLanes(s Stats) (Stats, error) {
	var err error
	if s.Producer, err = r.sideStats(r.producer, r.consumer); err != nil {
		return s, err
	}
	if s.Consumer, err = r.sideStats(r.consumer, r.producer); err != nil {
		return s, err
	}
	s.Head, s.Capacity = 0, r.geometry.Capacity*r.geometry.Members
	s.Producer.Attached, s.Consumer.Messages, s.Consumer.Bytes = false, 0, 0
	p, c := &s.Producer, &s.Consumer
	for i, m := range r.members {
		if atomic.LoadUint32(&m.holder.Role) == 0 {
			continue // never held
		}
		l := r.lanes[i]
		received, bytes := mem.Load(&l.consumer.Messages), mem.Load(&l.consumer.Bytes) // before the survey, as in Stats
		t := r.survey(l, mem.Load(&l.consumer.Position))
		s.Head += t.start
		s.Tail += t.end
		s.Occupied += t.end - t.start
		c.Messages += received
		c.Bytes += bytes
		p.Messages += received + t.messages
		p.Bytes += bytes + t.bytes
		p.Wakes += mem.Load(&m.holder.Wakes)
		p.Parks += mem.Load(&m.holder.Parks)
		if atomic.LoadUint32(&m.holder.State) == 0 && t.messages == 0 {
			continue
		}
		ms, err := r.memberStats(i, m)
		if err != nil {
			return s, err
		}
		ms.Occupied, ms.Messages, ms.Bytes = t.end-t.start, received+t.messages, bytes+t.bytes
		s.Members = append(s.Members, ms)
		p.add(ms)
	}
	return s, r.region.Check()
}

// add makes an endpoint known as the latest of its side, if it lives or is the first.
func (s *SideStats) add(m MemberStats) {
	if m.Attached {
		s.Attached = true
	}
	if m.Attached || s.PID == 0 {
		s.PID, s.Since = m.PID, m.Since
	}
}
