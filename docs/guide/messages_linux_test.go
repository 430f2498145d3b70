package guide

import (
	"context"
	"encoding/binary"
	"fmt"

	"annulus/ring"
)

// both makes a ring with its two endpoints in one process.
func both(c ring.Config) (r *ring.Ring, p *ring.Producer, q *ring.Consumer, err error) {
	if r, err = ring.New(c); err != nil {
		return nil, nil, nil, err
	}
	if p, err = r.Producer(); err == nil {
		q, err = r.Consumer()
	}
	return r, p, q, err
}

// with runs f on such a ring and reports what goes wrong.
func with(f func(ctx context.Context, p *ring.Producer, c *ring.Consumer) error) {
	r, p, c, err := both(ring.Config{})
	if err != nil {
		report(err)
		return
	}
	report(f(context.Background(), p, c))
	report(r.Close())
}

func Example_zeroCopy() {
	with(func(ctx context.Context, p *ring.Producer, c *ring.Consumer) error {
		if err := fill(ctx, p); err != nil {
			return err
		}
		return look(ctx, c)
	})
	// Output: written in place
}

func fill(ctx context.Context, p *ring.Producer) error {
	b, err := p.Reserve(ctx, 100) // 100 bytes of the ring itself
	if err != nil {
		return err
	}
	n := copy(b, "written in place")
	return p.Commit(n) // the message has n bytes; the rest is given back
}

func look(ctx context.Context, c *ring.Consumer) error {
	b, err := c.Peek(ctx)
	if err != nil {
		return err
	}
	fmt.Printf("%s\n", b) // b lies in the ring, until Release
	return c.Release()
}

func Example_batch() {
	with(func(ctx context.Context, p *ring.Producer, c *ring.Consumer) error {
		if err := squares(ctx, p); err != nil {
			return err
		}
		if err := sum(c); err != nil {
			return err
		}
		n, err := p.SendBatch(ctx, [][]byte{[]byte("one"), []byte("two")})
		fmt.Println("sent", n)
		return err
	})
	// Output:
	// 4 messages, sum 14
	// sent 2
}

func squares(ctx context.Context, p *ring.Producer) error {
	for i := range uint64(4) {
		b, err := p.Reserve(ctx, 8)
		if err != nil {
			return err
		}
		binary.LittleEndian.PutUint64(b, i*i)
		if err := p.Stage(8); err != nil { // not visible yet
			return err
		}
	}
	return p.Publish() // all four at once, by one store
}

func sum(c *ring.Consumer) error {
	var batch [32][]byte
	n, err := c.TryPeekBatch(batch[:])
	if err != nil {
		return err
	}
	total := uint64(0)
	for _, b := range batch[:n] {
		total += binary.LittleEndian.Uint64(b)
	}
	fmt.Printf("%d messages, sum %d\n", n, total)
	return c.Release() // all of them at once
}

type Quote struct {
	ID    uint64
	Price float64
	Size  uint32
	Venue [4]byte
}

func sendQuotes(ctx context.Context, name string) error {
	r, err := ring.OpenOrCreate(name, ring.SlotsOf[Quote](1024))
	if err != nil {
		return err
	}
	defer r.Close()
	p, err := ring.NewProducerOf[Quote](r)
	if err != nil {
		return err
	}
	if err := p.Send(ctx, Quote{ID: 1, Price: 99.5, Size: 100}); err != nil {
		return err
	}
	q, err := p.Reserve(ctx) // a *Quote inside the ring
	if err != nil {
		return err
	}
	*q = Quote{ID: 2, Price: 99.25, Size: 50}
	return p.Commit()
}

func receiveQuotes(ctx context.Context, name string) error {
	r, err := ring.OpenOrCreate(name, ring.SlotsOf[Quote](1024))
	if err != nil {
		return err
	}
	defer r.Close()
	c, err := ring.NewConsumerOf[Quote](r)
	if err != nil {
		return err
	}
	for q, err := range c.All(ctx) {
		if err != nil {
			return err
		}
		fmt.Println(q.ID, q.Price, q.Size)
	}
	return nil
}

func Example_typed() {
	name := freshName()
	report(process("sendQuotes", name).Run())
	report(receiveQuotes(context.Background(), name))
	report(ring.Remove(name))
	// Output:
	// 1 99.5 100
	// 2 99.25 50
}
