package ring_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"annulus/futex"
	"annulus/ring"
)

func init() {
	roles["claim"] = playClaim
	roles["hold"] = playHold
	roles["produce"] = playProduce
	roles["produce-until-signal"] = playProduceUntilSignal
	roles["consume"] = playConsume
	roles["consume-until-signal"] = playConsumeUntilSignal
}

// producerOf opens a ring and becomes its producer: for roles.
func producerOf(name string, opts ...ring.EndpointOption) (*ring.Ring, *ring.Producer, error) {
	r, err := ring.OpenOrCreate(name, ring.Config{})
	if err != nil {
		return nil, nil, err
	}
	p, err := r.Producer(opts...)
	return r, p, err
}

// consumerOf opens a ring and becomes its consumer: for roles.
func consumerOf(name string, opts ...ring.EndpointOption) (*ring.Ring, *ring.Consumer, error) {
	r, err := ring.OpenOrCreate(name, ring.Config{})
	if err != nil {
		return nil, nil, err
	}
	c, err := r.Consumer(opts...)
	return r, c, err
}

// killMe says that the role has come to where it is to be killed, and waits for it.
func killMe() error {
	fmt.Println("begun")
	forever()
	return nil
}

// playClaim draws a ticket and does not fill it.
func playClaim(args []string) error {
	_, p, err := producerOf(args[0])
	if err != nil {
		return err
	}
	if _, err := p.TryReserve(8); err != nil {
		return err
	}
	return killMe()
}

// playHold takes a message and does not release it.
func playHold(args []string) error {
	_, c, err := consumerOf(args[0])
	if err != nil {
		return err
	}
	if _, err := c.TryPeek(); err != nil {
		return err
	}
	return killMe()
}

// playProduce sends count messages, or for ever if that is 0, from a number on.
func playProduce(args []string) error {
	count, _ := strconv.Atoi(args[1])
	start, _ := strconv.Atoi(args[2])
	_, p, err := producerOf(args[0], ring.WithStrategy(futex.Adaptive()))
	if err != nil {
		return err
	}
	for i := start; count == 0 || i < start+count; i++ {
		if err := p.Send(context.Background(), payload(uint64(i))); err != nil {
			return err
		}
		if i == start {
			fmt.Println("begun")
		}
	}
	fmt.Println("sent")
	forever()
	return nil
}

func playProduceUntilSignal(args []string) error {
	r, p, err := producerOf(args[0])
	if err != nil {
		return err
	}
	defer ring.CloseOnSignal(p)()
	fmt.Println("begun")
	n := uint64(0)
	for ; ; n++ {
		if err := p.Send(context.Background(), payload(n)); errors.Is(err, ring.ErrClosed) {
			break
		} else if err != nil {
			return err
		}
	}
	fmt.Println("sent", n)
	return r.Close()
}

// playConsume receives from the first message on. It keeps the one of number count in its
// hands, if that is not 0.
func playConsume(args []string) error {
	r, c, err := consumerOf(args[0])
	if err != nil {
		return err
	}
	return consume(r, c, args[1])
}

func playConsumeUntilSignal(args []string) error {
	r, c, err := consumerOf(args[0])
	if err != nil {
		return err
	}
	defer ring.CloseOnSignal(c)()
	return consume(r, c, args[1])
}

func consume(r *ring.Ring, c *ring.Consumer, count string) error {
	fmt.Println("begun")
	n := uint64(0)
	for m, err := range c.All(context.Background()) {
		if err != nil {
			return err
		}
		if err := checkPayload(m, n); err != nil {
			return err
		}
		n++
		if fmt.Sprint(n) == count {
			fmt.Println("holding")
			forever()
		}
	}
	fmt.Println("received", n)
	return r.Close()
}
