package ring_test

import (
	"context"
	"fmt"
	"io"

	"annulus/ring"
)

// Records of any length, here within one process. Other processes find a ring by
// its name: see ring.OpenOrCreate.
func Example() {
	r, err := ring.New(ring.Config{})
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	go func() {
		p, err := r.Producer()
		if err != nil {
			fmt.Println(err)
			return
		}
		for _, word := range []string{"one", "two", "three"} {
			if err := p.Send(context.Background(), []byte(word)); err != nil {
				fmt.Println(err)
			}
		}
		p.Close() // the consumer gets io.EOF behind the last message
	}()
	c, err := r.Consumer()
	if err != nil {
		fmt.Println(err)
		return
	}
	for msg, err := range c.All(context.Background()) {
		if err != nil {
			fmt.Println(err)
			return
		}
		fmt.Printf("%s\n", msg)
	}
	// Output:
	// one
	// two
	// three
}

// Tick is a message of fixed size, free of pointers.
type Tick struct {
	Price float64
	Size  int32
}

// Slots that hold one Tick each.
func ExampleSlotsOf() {
	r, err := ring.New(ring.SlotsOf[Tick](1024))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer r.Close()
	p, err := ring.NewProducerOf[Tick](r)
	if err != nil {
		fmt.Println(err)
		return
	}
	c, err := ring.NewConsumerOf[Tick](r)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(p.TrySend(Tick{Price: 101.5, Size: 3}))
	t, err := p.TryReserve() // in place
	if err == nil {
		t.Price, t.Size = 102, 1
		err = p.Commit()
	}
	fmt.Println(err)
	for p.Close(); ; {
		t, err := c.TryRecv()
		if err == io.EOF {
			break
		}
		fmt.Printf("%+v %v\n", t, err)
	}
	// Output:
	// <nil>
	// <nil>
	// {Price:101.5 Size:3} <nil>
	// {Price:102 Size:1} <nil>
}
