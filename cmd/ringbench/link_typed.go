package main

import (
	"context"
	"errors"
	"io"

	"annulus/cmd/ringbench/internal/rig"
	"annulus/ring"
)

// words is a message of a size that ringbench has a type for; the first word is
// its stamp.
type words interface {
	[1]uint64 | [8]uint64 | [128]uint64
}

// typedRing is what depends on the type of a ring's messages.
type typedRing struct {
	config func(slots int) ring.Config
	link   func(l *ringLink, role rig.Role, r *ring.Ring, wait ring.EndpointOption) (rig.Link, error)
}

// typedRings has the types by their sizes in bytes.
var typedRings = map[int]typedRing{
	8:    {ring.SlotsOf[[1]uint64], linkTyped[[1]uint64]},
	64:   {ring.SlotsOf[[8]uint64], linkTyped[[8]uint64]},
	1024: {ring.SlotsOf[[128]uint64], linkTyped[[128]uint64]},
}

// typedLink is one side of a ring of typed slots, one direction.
type typedLink[T words] struct {
	*ringLink
	p *ring.ProducerOf[T]
	c *ring.ConsumerOf[T]
}

func linkTyped[T words](l *ringLink, role rig.Role, r *ring.Ring, wait ring.EndpointOption) (rig.Link, error) {
	t := &typedLink[T]{ringLink: l}
	var err error
	if role == rig.Send {
		if t.p, err = ring.NewProducerOf[T](r, wait); err != nil {
			return nil, err
		}
		l.wakes = append(l.wakes, t.p.Wakes)
		return t, nil
	}
	if t.c, err = ring.NewConsumerOf[T](r, wait); err != nil {
		return nil, err
	}
	l.wakes = append(l.wakes, t.c.Wakes)
	return t, nil
}

func (l *typedLink[T]) Produce(s *rig.Sender) error {
	ctx := context.Background()
	batch := make([]T, l.batch)
	var seq uint64
	for n := s.More(seq); n > 0; n = s.More(seq) {
		for n > 0 {
			k := min(n, l.batch)
			for i := range batch[:k] {
				batch[i][0] = seq + uint64(i)
			}
			var err error
			if l.batch == 1 && len(batch[0]) <= 8 {
				if err = l.p.TrySend(batch[0]); err == ring.ErrFull {
					err = l.p.Send(ctx, batch[0])
				}
			} else { // a great message is not passed by value
				_, err = l.p.SendBatch(ctx, batch[:k])
			}
			if err != nil {
				return err
			}
			seq += uint64(k)
			n -= k
		}
	}
	return l.p.Close()
}

func (l *typedLink[T]) Consume(r *rig.Receiver) error {
	ctx := context.Background()
	batch := make([]T, l.batch)
	var seq uint64
	left := 0
	for {
		if left <= 0 {
			left = r.Mark(seq)
		}
		k, err := l.receive(ctx, batch[:min(left, l.batch)])
		if err == io.EOF {
			r.End(seq)
			return nil
		}
		if err != nil {
			return err
		}
		for i := range batch[:k] {
			if err := r.CheckStamp(seq, batch[i][0]); err != nil {
				return err
			}
			seq++
		}
		left -= k
	}
}

// receive receives one by one where one by one was asked for.
func (l *typedLink[T]) receive(ctx context.Context, batch []T) (n int, err error) {
	if l.batch > 1 || len(batch[0]) > 8 {
		return l.c.RecvBatch(ctx, batch)
	}
	if batch[0], err = l.c.TryRecv(); err == ring.ErrEmpty {
		batch[0], err = l.c.Recv(ctx)
	}
	return 1, err
}

// Round trips run untyped.
func (l *typedLink[T]) Ping(*rig.Sender) error   { return errors.ErrUnsupported }
func (l *typedLink[T]) Pong(*rig.Receiver) error { return errors.ErrUnsupported }
