package main

import (
	"fmt"
	"io"

	"annulus/cmd/ringbench/internal/rig"
)

// carrier passes whole messages, to and fro, between two sides. One call of an interface for each is
// little beside the system call, or the hand-over of cache lines, that each of them costs.
type carrier interface {
	// send sends a message of at least 8 bytes, and waits for room.
	send(msg []byte) error

	// receive waits for a message and copies it into buf; io.EOF: the other side has called end.
	receive(buf []byte) (msg []byte, err error)

	end() error
	Close() error
}

// packets is a link over a carrier. Batches go one by one.
type packets struct {
	carrier
	size int
}

func newPackets(c carrier, p *rig.Params) rig.Link { return &packets{c, p.Size} }

func (l *packets) Produce(s *rig.Sender) error {
	paced := s.Paced()
	buf := s.Messages(1)
	var seq uint64
	for n := s.More(seq); n > 0; n = s.More(seq) {
		for ; n > 0; n-- {
			stamp := seq
			if paced {
				due, ok := s.Due(seq)
				if !ok {
					return l.end()
				}
				stamp = uint64(due)
			}
			s.Stamp(buf, stamp)
			if err := l.send(buf); err != nil {
				return err
			}
			seq++
		}
	}
	return l.end()
}

func (l *packets) Consume(r *rig.Receiver) error {
	buf := make([]byte, l.size)
	var seq uint64
	for {
		for left := r.Mark(seq); left > 0; left-- {
			msg, err := l.whole(buf)
			if err == io.EOF {
				r.End(seq)
				return nil
			}
			if err != nil {
				return err
			}
			if err := r.Check(seq, msg); err != nil {
				return err
			}
			seq++
		}
	}
}

// whole receives a message, none that is cut.
func (l *packets) whole(buf []byte) ([]byte, error) {
	msg, err := l.receive(buf)
	if err == nil && len(msg) != l.size {
		err = fmt.Errorf("expected a message of %d bytes, found one of %d", l.size, len(msg))
	}
	return msg, err
}

func (l *packets) Ping(s *rig.Sender) error {
	buf, room := s.Messages(1), make([]byte, l.size)
	var seq uint64
	for n := s.More(seq); n > 0; n = s.More(seq) {
		for range n {
			s.Stamp(buf, seq)
			start := rig.Now()
			if err := l.send(buf); err != nil {
				return err
			}
			echo, err := l.whole(room)
			if err != nil {
				return err
			}
			if err := s.Echoed(seq, start, echo); err != nil {
				return err
			}
			seq++
		}
	}
	return l.end()
}

func (l *packets) Pong(r *rig.Receiver) error {
	buf := make([]byte, l.size)
	var seq uint64
	for {
		r.Mark(seq)
		msg, err := l.whole(buf)
		if err == io.EOF {
			r.End(seq)
			return nil
		}
		if err != nil {
			return err
		}
		if err := r.Check(seq, msg); err != nil {
			return err
		}
		if err := l.send(msg); err != nil {
			return err
		}
		seq++
	}
}

// credited lets at most window messages be on the way, so that a carrier that loses what there is no
// room for loses none: the receiver gives the sender room for more by a message of its own, for
// each half of the window. Both sides use it, and only in one direction.
type credited struct {
	carrier
	free, owed, grant int
	token             []byte
}

func newCredited(c carrier, window int) *credited {
	return &credited{carrier: c, free: window, grant: max(window/2, 1), token: make([]byte, 8)}
}

func (c *credited) send(msg []byte) error {
	for c.free == 0 {
		if _, err := c.carrier.receive(c.token); err != nil {
			return err
		}
		c.free += c.grant
	}
	c.free--
	return c.carrier.send(msg)
}

func (c *credited) receive(buf []byte) ([]byte, error) {
	msg, err := c.carrier.receive(buf)
	switch {
	case err == io.EOF:
		if err := c.carrier.end(); err != nil {
			return nil, err
		}
		return nil, io.EOF
	case err != nil:
		return nil, err
	}
	if c.owed++; c.owed == c.grant {
		c.owed = 0
		err = c.carrier.send(c.token)
	}
	return msg, err
}

// end returns once the receiver has seen it: who is gone cannot take the last credits.
func (c *credited) end() error {
	if err := c.carrier.end(); err != nil {
		return err
	}
	for {
		if _, err := c.carrier.receive(c.token); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
	}
}
