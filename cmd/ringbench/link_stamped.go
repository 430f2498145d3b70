package main

import (
	"context"
	"encoding/binary"
	"io"

	"annulus/cmd/ringbench/internal/breakdown"
	"annulus/cmd/ringbench/internal/rig"
	"annulus/cmd/ringbench/internal/stopwatch"
	"annulus/futex"
	"annulus/ring"
)

// stampedName begins the names of the transports that note times: they stand in no list.
const stampedName = "stamped-"

// stampedTransports are the rings that can be taken apart.
func stampedTransports() []*rig.Transport {
	list := []*rig.Transport{ringTransport(), slotsTransport()}
	for _, t := range list {
		t.Name, t.Open = stampedName+t.Name, openStamped
	}
	return list
}

func openStamped(job *rig.Job) (rig.Link, error) {
	l := &stampedLink{clock: stopwatch.Best().Now}
	link, err := openRingWith(job, ring.WithTrace(&l.trace))
	if err != nil {
		return nil, err
	}
	l.ringLink = link.(*ringLink)
	if job.Role == rig.Send {
		l.sends.Grow()
	} else {
		l.receives.Grow()
	}
	return l, nil
}

// stampedLink is one side of a ring, one direction at a steady pace, that notes when each
// part of a message's way begins: blocks of messages with all stamps, and blocks with
// those at the ends alone.
type stampedLink struct {
	*ringLink
	clock    func() int64
	trace    futex.Trace
	sends    breakdown.Rows[breakdown.Send]
	receives breakdown.Rows[breakdown.Receive]
}

func (l *stampedLink) Produce(s *rig.Sender) error {
	msg := make([]byte, l.size)
	var seq uint64
	for n := s.More(seq); n > 0; n = s.More(seq) {
		for ; n > 0; n-- {
			due, ok := s.Due(seq)
			if !ok {
				return l.p.Close()
			}
			binary.LittleEndian.PutUint64(msg, uint64(due))
			send := l.sendPlain
			if breakdown.Full(seq) {
				send = l.sendStamped
			}
			if err := send(msg); err != nil {
				return err
			}
			seq++
		}
	}
	return l.p.Close()
}

func (l *stampedLink) sendPlain(msg []byte) error {
	l.trace.Clock = nil
	row := l.sends.Next()
	row.Start = l.clock()
	b, err := l.p.Reserve(context.Background(), len(msg))
	if err != nil {
		return err
	}
	copy(b, msg)
	return l.p.Commit(len(msg))
}

func (l *stampedLink) sendStamped(msg []byte) error {
	l.trace = futex.Trace{Clock: l.clock}
	row := l.sends.Next()
	row.Start = l.clock()
	b, err := l.p.Reserve(context.Background(), len(msg))
	row.Claimed = l.clock()
	if err != nil {
		return err
	}
	copy(b, msg)
	row.Copied = l.clock()
	err = l.p.Commit(len(msg))
	row.Committed = l.clock()
	row.WakeBegin, row.WakeEnd = l.trace.WakeBegin, l.trace.WakeEnd
	return err
}

func (l *stampedLink) Consume(r *rig.Receiver) error {
	buf := make([]byte, l.size)
	var seq uint64
	for {
		r.Mark(seq)
		receive := l.receivePlain
		if breakdown.Full(seq) {
			receive = l.receiveStamped
		}
		err := receive(buf)
		if err == io.EOF {
			r.End(seq)
			return nil
		}
		if err == nil {
			err = r.Check(seq, buf)
		}
		if err != nil {
			return err
		}
		seq++
	}
}

func (l *stampedLink) receivePlain(buf []byte) error {
	l.trace.Clock = nil
	called := l.clock()
	b, err := l.c.Peek(context.Background())
	if err != nil {
		return err
	}
	copy(buf, b)
	err = l.c.Release()
	released := l.clock()
	*l.receives.Next() = breakdown.Receive{Called: called, Released: released}
	return err
}

func (l *stampedLink) receiveStamped(buf []byte) error {
	l.trace = futex.Trace{Clock: l.clock}
	called := l.clock()
	b, err := l.c.Peek(context.Background())
	peeked := l.clock()
	if err != nil {
		return err
	}
	copy(buf, b)
	copied := l.clock()
	err = l.c.Release()
	released := l.clock()
	*l.receives.Next() = breakdown.Receive{Called: called, Woke: l.trace.SleepEnd, Peeked: peeked, Copied: copied, Released: released}
	return err
}

// Notes hands the times over.
func (l *stampedLink) Notes() ([]byte, error) {
	if l.p != nil {
		return l.sends.Encode()
	}
	return l.receives.Encode()
}
