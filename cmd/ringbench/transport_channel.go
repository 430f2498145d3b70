package main

import "annulus/cmd/ringbench/internal/rig"

// channelTransport hands messages between two goroutines of one process over
// Go channels: what there is to compare with where no second process is
// needed. Its process runs on both CPUs.
func channelTransport() *rig.Transport {
	return &rig.Transport{
		Name: "channel", Topology: "spsc", Sleeps: "scheduler", Family: "in process", InOne: true,
		Setup: func(*rig.Params) (*rig.Wiring, error) { return &rig.Wiring{}, nil },
		Open: func(job *rig.Job) (rig.Link, error) {
			p := &job.Params
			batch := p.Batch
			if p.Kind != rig.Throughput {
				batch = 1
			}
			depth := min(max(p.Capacity/(p.Size*batch), 1), 1<<17)
			return &channel{
				there: newSlots(depth, p.Size*batch),
				back:  newSlots(1, p.Size),
				size:  p.Size, batch: batch,
			}, nil
		},
	}
}

// slots is a channel of messages that are copied in and read in place, without
// an allocation: depth messages lie in the channel, one is in the receiver's
// hands, one in the sender's.
type slots struct {
	c     chan []byte
	slab  []byte
	bytes int
	next  int
}

func newSlots(depth, bytes int) slots {
	return slots{c: make(chan []byte, depth), slab: make([]byte, (depth+2)*bytes), bytes: bytes}
}

func (s *slots) send(msg []byte) {
	slot := s.slab[s.next : s.next+len(msg)]
	copy(slot, msg)
	s.c <- slot
	if s.next += s.bytes; s.next == len(s.slab) {
		s.next = 0
	}
}

type channel struct {
	there, back slots
	size, batch int
}

func (l *channel) Produce(s *rig.Sender) error {
	defer close(l.there.c)
	paced := s.Paced()
	buf := s.Messages(l.batch)
	var seq uint64
	for n := s.More(seq); n > 0; n = s.More(seq) {
		for n > 0 {
			k := min(n, l.batch)
			for i := range k {
				stamp := seq + uint64(i)
				if paced {
					due, ok := s.Due(stamp)
					if !ok {
						return nil
					}
					stamp = uint64(due)
				}
				s.Stamp(buf[i*l.size:], stamp)
			}
			l.there.send(buf[:k*l.size])
			seq += uint64(k)
			n -= k
		}
	}
	return nil
}

func (l *channel) Consume(r *rig.Receiver) error {
	var seq uint64
	left := 0
	for msgs := range l.there.c {
		for at := 0; at < len(msgs); at += l.size {
			if left == 0 {
				left = r.Mark(seq)
			}
			if err := r.Check(seq, msgs[at:at+l.size]); err != nil {
				return err
			}
			seq++
			left--
		}
	}
	r.End(seq)
	return nil
}

func (l *channel) Ping(s *rig.Sender) error {
	defer close(l.there.c)
	buf := s.Messages(1)
	var seq uint64
	for n := s.More(seq); n > 0; n = s.More(seq) {
		for range n {
			s.Stamp(buf, seq)
			start := rig.Now()
			l.there.send(buf)
			echo := <-l.back.c
			if err := s.Echoed(seq, start, echo); err != nil {
				return err
			}
			seq++
		}
	}
	return nil
}

func (l *channel) Pong(r *rig.Receiver) error {
	var seq uint64
	for msg := range l.there.c {
		r.Mark(seq)
		if err := r.Check(seq, msg); err != nil {
			return err
		}
		l.back.send(msg)
		seq++
	}
	r.End(seq)
	return nil
}

func (l *channel) Close() error { return nil }
