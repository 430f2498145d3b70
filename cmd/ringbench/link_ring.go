package main

import (
	"context"
	"errors"
	"io"
	"slices"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/ring"
)

// ringLink is one side of a ring, or of a pair of rings for round trips.
type ringLink struct {
	p           *ring.Producer
	c           *ring.Consumer
	size, batch int
	wakes       []func() uint64
	closers     []func() error
}

// Wakes is the number of system calls this side has made to wake the other.
func (l *ringLink) Wakes() (n uint64) {
	for _, f := range l.wakes {
		n += f()
	}
	return n
}

func (l *ringLink) Close() error {
	var errs []error
	for _, f := range slices.Backward(l.closers) {
		errs = append(errs, f())
	}
	return errors.Join(errs...)
}

func (l *ringLink) Produce(s *rig.Sender) error {
	if l.batch > 1 {
		return l.produceBatches(s)
	}
	ctx := context.Background()
	paced := s.Paced()
	buf := s.Messages(1)
	var seq uint64
	for n := s.More(seq); n > 0; n = s.More(seq) {
		for ; n > 0; n-- {
			stamp := seq
			if paced {
				due, ok := s.Due(seq)
				if !ok {
					return l.p.Close()
				}
				stamp = uint64(due)
			}
			s.Stamp(buf, stamp)
			err := l.p.TrySend(buf)
			if err == ring.ErrFull {
				err = l.p.Send(ctx, buf)
			}
			if err != nil {
				return err
			}
			seq++
		}
	}
	return l.p.Close()
}

func (l *ringLink) produceBatches(s *rig.Sender) error {
	ctx := context.Background()
	batch := make([][]byte, l.batch)
	for i := range batch {
		batch[i] = s.Messages(1)
	}
	var seq uint64
	for n := s.More(seq); n > 0; n = s.More(seq) {
		for n > 0 {
			k := min(n, l.batch)
			for i, b := range batch[:k] {
				s.Stamp(b, seq+uint64(i))
			}
			if _, err := l.p.SendBatch(ctx, batch[:k]); err != nil {
				return err
			}
			seq += uint64(k)
			n -= k
		}
	}
	return l.p.Close()
}

func (l *ringLink) Consume(r *rig.Receiver) error {
	if l.batch > 1 {
		return l.consumeBatches(r)
	}
	ctx := context.Background()
	buf := make([]byte, 0, l.size)
	var seq uint64
	for {
		for left := r.Mark(seq); left > 0; left-- {
			msg, err := l.c.TryRecv(buf[:0])
			if err == ring.ErrEmpty {
				msg, err = l.c.Recv(ctx, buf[:0])
			}
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

func (l *ringLink) consumeBatches(r *rig.Receiver) error {
	ctx := context.Background()
	views := make([][]byte, l.batch)
	buf := make([]byte, l.size) // messages are copied out, as with batches of 1
	var seq uint64
	left := 0
	for {
		if left <= 0 {
			left = r.Mark(seq)
		}
		k, err := l.c.TryPeekBatch(views[:min(left, l.batch)])
		if err == ring.ErrEmpty {
			views[0], err = l.c.Peek(ctx)
			k = 1
		}
		if err == io.EOF {
			r.End(seq)
			return nil
		}
		if err != nil {
			return err
		}
		for _, v := range views[:k] {
			copy(buf, v)
			if err := r.Check(seq, buf); err != nil {
				return err
			}
			seq++
		}
		if err := l.c.Release(); err != nil {
			return err
		}
		left -= k
	}
}

func (l *ringLink) Ping(s *rig.Sender) error {
	ctx := context.Background()
	buf := s.Messages(1)
	echo := make([]byte, 0, l.size)
	var seq uint64
	for n := s.More(seq); n > 0; n = s.More(seq) {
		for range n {
			s.Stamp(buf, seq)
			start := rig.Now()
			if err := l.p.Send(ctx, buf); err != nil {
				return err
			}
			var err error
			if echo, err = l.c.Recv(ctx, echo[:0]); err != nil {
				return err
			}
			if err := s.Echoed(seq, start, echo); err != nil {
				return err
			}
			seq++
		}
	}
	return l.p.Close()
}

func (l *ringLink) Pong(r *rig.Receiver) error {
	ctx := context.Background()
	buf := make([]byte, 0, l.size)
	var seq uint64
	for {
		r.Mark(seq)
		msg, err := l.c.Recv(ctx, buf[:0])
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
		if err := l.p.Send(ctx, msg); err != nil {
			return err
		}
		seq++
	}
}
