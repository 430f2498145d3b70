package feed

import (
	"context"
	"net"

	"annulus/ring"
)

// FillTimes fills the ring from s until n messages have come.
func FillTimes(p *ring.Producer, s Source, n uint64) error {
	var total counters
	in := newIntake(p, &total, options{})
	in.ctx = context.Background()
	for total.messages.Load() < n {
		if err := s.Fill(in); err != nil {
			return err
		}
		if err := in.flush(); err != nil {
			return err
		}
	}
	return nil
}

// Floods sends datagrams of size bytes, many by one call, until c is closed.
func Floods(c *net.UDPConn, size int) error {
	s, err := newDatagramSink(c, c, Datagrams{})
	if err != nil {
		return err
	}
	msgs := make([][]byte, 64)
	for i := range msgs {
		msgs[i] = make([]byte, size)
	}
	for err == nil {
		_, err = s.Take(msgs)
	}
	return err
}
